/* Two ways over plain requests, for networks that block or swallow WebSockets: a stream of events
   with posts, and long-poll, which every network lets through.  Both have the shape told in `socket.js`. */

import { Refused, Unreachable, call, refuse, until } from "./http.js";
import { base, query } from "./socket.js";

const POLL_WAIT = 25;

/** What both ways over plain requests share: coming in, and asking one thing after the other. */
function requests(who, ear) {
  const stop = new AbortController();
  let queue = Promise.resolve();
  const fail = (error) => {
    if (stop.signal.aborted) return;
    stop.abort();
    const lost = !(error instanceof Refused) || error.status >= 500 || error.code === "no-session";
    if (lost) ear.failed();
    else ear.rejected(error);
  };
  const options = { token: who.token, signal: stop.signal };
  const asked = async (message) => {
    const { ask, ref, ...rest } = message;
    try {
      if (ask === "who") {
        const { json } = await call("GET", base(who.room), options);
        ear.told({ kind: "who", names: json.here.names || [] });
      } else if (ask === "say") {
        const { json } = await call("POST", `${base(who.room)}/says`, { ...options, body: { ...rest, ref } });
        ear.told({ kind: "accepted", ref, position: json.position });
      } else {
        await call("POST", `${base(who.room)}/asks`, { ...options, body: message });
      }
    } catch (error) {
      if (error instanceof Refused && error.code !== "no-session") ear.told({ kind: "refused", ref, code: error.code, detail: error.detail });
      else fail(error);
    }
  };
  return {
    signal: stop.signal,
    fail,
    /** Come in (or only look, without a token); resolves with a welcome. */
    async enter() {
      if (who.token) {
        const { json } = await call("POST", `${base(who.room)}/sessions`, { signal: stop.signal, body: { token: who.token, nick: who.nick } });
        return json;
      }
      const { json } = await call("GET", base(who.room), { signal: stop.signal });
      return json;
    },
    ask(message) {
      queue = queue.then(() => stop.signal.aborted || asked(message));
    },
    close: () => stop.abort(),
  };
}

/** Server-sent events, read by hand: status, headers and the silent comments count too. */
export function stream(who, ear) {
  const way = requests(who, ear);
  let welcome = null;
  const event = (name, data) => {
    const message = JSON.parse(data);
    if (name === "welcome") ear.welcome({ ...welcome, ...message, entries: message.resumed ? [] : welcome.entries || [] });
    else if (Array.isArray(message)) ear.heard(message[0], message[1]);
    else ear.told(message);
  };
  (async () => {
    welcome = await way.enter();
    const search = query({ client: "web", token: who.token, after: who.after });
    const opening = until(10000, way.signal);
    const response = await fetch(`${base(who.room)}/events?${search}`, {
      headers: { Accept: "text/event-stream", "Meet-Client": "web" }, signal: way.signal, redirect: "manual", cache: "no-store",
    });
    opening.done();
    if (!response.ok) await refuse(response);
    if (!response.headers.get("Content-Type")?.startsWith("text/event-stream")) throw new Unreachable("no stream");
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) throw new Unreachable("the stream ended");
      ear.alive();
      const blocks = (rest + value).replaceAll("\r\n", "\n").split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) {
        let name = "message";
        const data = [];
        for (const line of block.split("\n")) {
          if (line.startsWith("event:")) name = line.slice(6).trim();
          if (line.startsWith("data:")) data.push(line.slice(5).trim());
        }
        if (data.length) event(name, data.join("\n"));
      }
    }
  })().catch(way.fail);
  return { ask: way.ask, close: way.close };
}

/** Long-poll: ordinary requests that are answered when there is something. */
export function poll(who, ear) {
  const way = requests(who, ear);
  let last = who.after;
  let count = -1;
  const look = async (wait) => {
    const search = query({ client: "web", after: last, wait: String(wait) });
    const { json, headers } = await call("GET", `${base(who.room)}/entries?${search}`, { token: who.token, signal: way.signal, within: (wait + 10) * 1000 });
    ear.alive();
    if (json.length) last = json[json.length - 1][0];
    return { entries: json, resumed: headers.get("Meet-Resumed") !== "false", here: Number(headers.get("Meet-Here") ?? -1) };
  };
  (async () => {
    const welcome = await way.enter();
    count = welcome.here.count;
    const { entries, resumed } = await look(0);
    ear.welcome({ ...welcome, entries, resumed: resumed && Boolean(who.after) });
    for (;;) {
      const { entries: more, here } = await look(POLL_WAIT);
      for (const [position, event] of more) ear.heard(position, event);
      if (here >= 0 && here !== count) {
        count = here;
        const { json } = await call("GET", base(who.room), { token: who.token, signal: way.signal });
        ear.told({ kind: "here", count: json.here.count, names: json.here.names });
      }
    }
  })().catch(way.fail);
  return { ask: way.ask, close: way.close };
}
