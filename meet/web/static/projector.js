/* The room for all to see: its lines, large, and the way in.  It only looks on, and is not counted. */

import { draw } from "./code.js";
import { call, home } from "./http.js";
import { Link } from "./link.js";
import { Log } from "./log.js";
import { Panel } from "./panel.js";
import { by_id } from "./words.js";

const page = by_id("room").dataset;
const room = page.room;
const api = `${home}api/v1/rooms/${encodeURIComponent(room)}`;

document.documentElement.classList.add("live");
draw(by_id("code"), page.share);

const log = new Log({
  title: page.title,
  last: page.last,
  is_me: () => false,
  tools: () => null,
  older: async (before) => (await call("GET", `${api}/entries?${new URLSearchParams({ before, count: "100" })}`)).json,
});
const panel = new Panel({ count: Number(page.people), ends: page.ends, nick: () => "", ask_names: () => {} });
// Nobody waits here with a line that is kept.
const state = (now) => panel.state(["away", "held"].includes(now) ? "trying" : now);
const link = new Link(() => ({ room, after: log.last }), { state, welcome, heard, told, rejected: over });

function welcome({ entries, here, resumed, room: now }) {
  retitle(now.title);
  panel.closes(now.ends);
  if (resumed || !log.last || !entries.length) for (const [position, event] of entries) heard(position, event);
  else log.reload(entries);
  panel.state("live");
  panel.here(here);
}

function retitle(title) {
  log.title = title || room;
  by_id("title").textContent = log.title;
  document.title = log.title;
}

function heard(position, event) {
  if (event.kind === "said") return log.add(position, event);
  if (!log.note(position)) return false;
  if (event.kind === "removed") log.remove(event.number);
  else if (event.kind === "expired") log.expire(event.until);
  else if (event.kind === "retitled") retitle(event.title);
  else if (event.kind === "extended") panel.closes(event.ends);
  else if (event.kind === "closed") over();
  return true;
}

function told(message) {
  if (message.kind === "here") panel.here(message);
  else if (message.kind === "away") state("held");
  else if (message.kind === "back") state("live");
}

/** The room has closed, or is gone: what was said stays on the wall. */
function over() {
  link.stop();
  panel.state("closed");
}

link.start();
