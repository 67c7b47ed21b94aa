/* The first way to hear a room and to speak in it; `requests.js` has two more, for networks that swallow this one.

   Each is a function (who, ear) that begins at once and returns {ask, beat, close}.
   `who` has room, token, nick, after; `ear` is told:
     welcome(message)   once, when it works
     heard(position, event), told(message)
     alive()            whenever any byte came
     rejected(problem)  the room says no to this person; asking again changes nothing
     failed()           this way is broken, now or from the start; nothing follows */

import { home } from "./http.js";

export const base = (room) => `${home}api/v1/rooms/${encodeURIComponent(room)}`;

export function query(fields) {
  const given = Object.entries(fields).filter(([, value]) => value);
  return new URLSearchParams(given).toString();
}

/** WebSocket: one connection both ways. */
export function socket(who, ear) {
  const address = new URL(`${base(who.room)}/socket`, location.href);
  address.protocol = address.protocol.replace("http", "ws");
  address.search = query({ token: who.token, nick: who.nick, after: who.after });
  const wire = new WebSocket(address, ["meet.v1"]);
  let over = false;
  let welcomed = false;
  const end = (tell, problem) => {
    if (over) return;
    over = true;
    wire.close();
    tell?.(problem);
  };
  wire.onmessage = ({ data }) => {
    if (over) return;
    ear.alive();
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return end(ear.failed);
    }
    if (Array.isArray(message)) return ear.heard(message[0], message[1]);
    if (message.kind === "welcome") {
      welcomed = true;
      return ear.welcome(message);
    }
    if (message.kind === "refused" && !welcomed) return end(ear.rejected, message);
    return ear.told(message);
  };
  wire.onclose = wire.onerror = () => end(ear.failed);
  const send = (message) => wire.readyState === WebSocket.OPEN && wire.send(JSON.stringify(message));
  return { ask: send, beat: () => send({ ask: "beat" }), close: () => end() };
}
