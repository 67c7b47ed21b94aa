/* The room page, live.  Here the parts meet: who I am, the link, the lines, the field, the people.

   Everything that is shown of the room came down the link; nothing is shown because it was asked for,
   but one's own line, dimmed, until it is heard. */

import { Composer, reference } from "./composer.js";
import { Refused, call, home } from "./http.js";
import { Link } from "./link.js";
import { Log } from "./log.js";
import { Panel } from "./panel.js";
import { source_name } from "./voice.js";
import { apart, by_id, day_time, element, kept_until, show } from "./words.js";

const page = by_id("room").dataset;
const room = page.room;
const api = `${home}api/v1/rooms/${encodeURIComponent(room)}`;
const MINE = `meet:me:${room}`;
const HOST_KEY = `meet:key:${room}`;

document.documentElement.classList.add("live");

// This tab's person comes before the cookie's: another tab may be somebody else.
let me = JSON.parse(sessionStorage.getItem(MINE) || "null");
if (!me && page.token) me = { id: page.you, nick: page.nick, token: page.token, host: page.host === "1" };
if (page.hostKey) localStorage.setItem(HOST_KEY, page.hostKey);

let closed = page.closed;
let ends = page.ends;
let gone = page.gone;
const grace = new Date(gone) - new Date(ends);
const after_grace = (end) => new Date(new Date(end).getTime() + grace).toISOString();

// What the room follows outside, and who is blocked.
const outside = { follows: [], reposts: false, quotes: true, sensitive: false, paused: false, blocked: new Map() };
let outside_changed = () => {};

/** What a host may do to one line. */
function tools(line) {
  if (!me?.host || closed) return null;
  const { position, by, nick, source } = line.dataset;
  const row = element("p", "tools");
  const asks = [["Remove", { ask: "remove", position }]];
  if (source) asks.push(["Block", { ask: "block", author: by, name: nick }]);
  for (const [text, body] of asks) {
    const button = element("button", "tool", text);
    button.type = "button";
    button.setAttribute("aria-label", `${text}: ${nick}`);
    button.addEventListener("click", () => call("POST", `${api}/asks`, { token: me.token, body }).catch((error) => show(by_id("reason"), error.detail || "There is no connection now.")));
    row.append(button);
  }
  return row;
}

// One's own coming and going is no news, under any nick that one had here.
const nicks = new Set(me ? [me.nick] : []);

function remember(person) {
  me = person;
  if (me) nicks.add(me.nick);
  if (me) sessionStorage.setItem(MINE, JSON.stringify(me));
  else sessionStorage.removeItem(MINE);
}

const host_key = () => localStorage.getItem(HOST_KEY) || undefined;

const log = new Log({
  title: page.title,
  last: page.last,
  is_me: (id) => me?.id === id,
  tools,
  older: async (before) => (await call("GET", `${api}/entries?${new URLSearchParams({ before, count: "100" })}`, { token: me?.token })).json,
});
const panel = new Panel({ count: Number(page.people), ends, nick: () => me?.nick, ask_names: () => link.ask({ ask: "who" }) });
const composer = new Composer({ key: `meet:unsent:${room}`, limit: Number(page.limit), log, nick: () => me?.nick ?? "", send: (message) => link.ask(message) });
const link = new Link(
  () => ({ room, token: me?.token, nick: me?.nick, after: composer.after || log.last }),
  { state: (state) => closed || panel.state(state), welcome, heard, told, rejected },
);

function promise() {
  show(by_id("keeps"), me || closed ? "" : kept_until(page.keeps, gone));
}

function present() {
  by_id("enter").hidden = Boolean(me) || Boolean(closed);
  promise();
  by_id("say").hidden = !me || Boolean(closed);
  by_id("leave").hidden = !me || Boolean(closed);
  by_id("rename").hidden = !me || Boolean(closed);
  const host_tools = by_id("host-tools");
  if (host_tools) host_tools.hidden = !me?.host || Boolean(closed);
  if (!me) return;
  composer.named(me.nick);
  by_id("rename").elements.nick.value = me.nick;
}

function welcome(message) {
  const fresh = !log.last;
  if (me && message.you) remember({ ...message.you, token: message.token || me.token });
  settings(message.room);
  if (message.blocked) outside.blocked = new Map(message.blocked);
  gone = message.gone || gone;
  if (message.resumed || fresh || message.entries.length === 0) for (const [position, event] of message.entries) heard(position, event);
  else {
    for (const [, event] of message.entries) echo(event);
    log.reload(message.entries);
  }
  if (closed) return;
  panel.state("live");
  people(message.here);
  log.known();
  present();
  // Who lost the nick meanwhile only listens, and the lines wait until there is another.
  if (me) composer.flush();
  if (me && !me.host && host_key()) claim();
}

function settings(now) {
  if (now.title !== undefined) retitle(now.title || room);
  ends = now.ends || ends;
  composer.limit = now.limit || composer.limit;
  for (const name of ["follows", "reposts", "quotes", "sensitive", "paused"]) outside[name] = now[name] ?? outside[name];
  panel.closes(ends);
  if (now.closed) shut(now.closed === true ? "time" : now.closed);
}

function retitle(title) {
  log.title = title;
  by_id("title").textContent = title;
  if (!document.title.startsWith("(")) document.title = title;
}

/** A ref is made by chance here: whoever said a line with it, even I under a nick that is lost, it is this line. */
function echo(event) {
  if (event.kind === "said" && event.ref) composer.settled(event.ref);
}

function heard(position, event) {
  if (event.kind === "said") {
    echo(event);
    return log.add(position, event);
  }
  if (!log.note(position)) return false;
  if (event.kind === "retitled") {
    retitle(event.title || room);
    log.tell(`${apart(event.nick)} named the room: ${apart(event.title)}`);
  } else if (event.kind === "extended") {
    ends = event.ends;
    gone = after_grace(ends);
    panel.closes(ends);
    promise();
    log.tell(`The room now closes ${day_time(new Date(ends))}`);
  } else if (event.kind === "removed") {
    log.remove(event.number);
  } else if (event.kind === "expired") {
    log.expire(event.until);
  } else if (event.kind === "followed") {
    outside.follows = event.words ?? [];
    log.tell(outside.follows.length ? `${apart(event.nick)} lets posts with ${outside.follows.join(" ")} come in` : `${apart(event.nick)} lets no more posts come in`);
    outside_changed();
  } else if (event.kind === "chosen") {
    if (event.paused !== outside.paused) log.tell(event.paused ? "Posts from outside are paused" : "Posts from outside come in again");
    for (const name of ["reposts", "quotes", "sensitive", "paused"]) outside[name] = event[name];
    outside_changed();
  } else if (event.kind === "blocked") {
    if (event.lifted) outside.blocked.delete(event.author);
    else outside.blocked.set(event.author, event.name);
    outside_changed();
  } else if (event.kind === "noted") {
    if (!event.hosts || me?.host) log.tell(`${source_name(event.via)}: ${event.text}`);
  } else if (event.kind === "closed") {
    gone = after_grace(event.at);
    shut(event.because);
  }
  return true;
}

function people(here) {
  if (panel.here(here)) link.ask({ ask: "who" });
}

function told(message) {
  if (message.kind === "here") {
    const renamed = message.renamed || [];
    const others = (names, place) => (names || []).filter((nick) => !nicks.has(nick) && !renamed.some((pair) => pair[place] === nick));
    log.moved(others(message.came, 1), others(message.went, 0));
    for (const [was, now] of renamed) if (!nicks.has(was)) log.tell(`${apart(was)} is now ${apart(now)}`, false);
    people(message);
  } else if (message.kind === "who") {
    panel.who(message.names);
  } else if (message.kind === "accepted") {
    if (log.has(message.position)) composer.settled(message.ref);
  } else if (message.kind === "away") {
    panel.state("held");
  } else if (message.kind === "back") {
    panel.state("live");
    if (me) composer.flush();
  } else if (message.kind === "refused") {
    if (message.ref && message.code === "unavailable") composer.again();
    else if (message.ref) composer.refused(message.ref, message.detail);
    else show(by_id("reason"), message.detail);
  }
}

/** The room says no to this person: say why, and offer the way back in. */
function rejected(problem) {
  if (problem.code === "room-closed") return shut("time");
  if (problem.code === "no-room") return absent();
  if (problem.code === "left") remember(null);
  panel.state("out");
  if (problem.code !== "left") {
    const nick = me?.nick ?? "";
    remember(null);
    offer(problem, nick);
  }
  present();
  if (problem.kind !== "goodbye") link.start();
  return undefined;
}

function offer(problem, nick) {
  const field = by_id("nick");
  field.value = problem.detail.match(/Try (\S+)\?/)?.[1] ?? nick;
  show(by_id("reason"), problem.detail);
  field.select();
}

function shut(because) {
  if (closed && because !== closed && because === "time") return;
  closed = because || "time";
  link.stop();
  panel.state("closed");
  const who = closed === "host" ? "The host closed this room." : "This room has closed.";
  const words = `${who} What was said can be read until ${day_time(new Date(gone))}, then it is deleted.`;
  by_id("shut-words").textContent = words;
  by_id("shut").hidden = false;
  by_id("status").textContent = words;
  present();
}

function absent() {
  closed = "gone";
  link.stop();
  panel.state("closed");
  by_id("shut-words").textContent = "This room's time is over and all that was in it is deleted.";
  by_id("shut-link").textContent = "Open it again";
  by_id("shut-link").href = `${home}${room}`;
  by_id("shut").hidden = false;
  present();
}

/** Come in.  The token is made here, so that asking again after no answer is the same person. */
async function enter(nick) {
  const token = me?.token ?? reference();
  const body = { nick, token, host_key: host_key() };
  let answer;
  try {
    answer = await call("POST", `${api}/sessions`, { body });
  } catch (error) {
    if (!(error instanceof Refused) || error.code !== "wrong-key") throw error;
    localStorage.removeItem(HOST_KEY);
    answer = await call("POST", `${api}/sessions`, { body: { nick, token } });
  }
  remember({ ...answer.json.you, token: answer.json.token });
  return answer.json.keeps;
}

/** The host key is known here, but this person is not yet known as a host. */
async function claim() {
  try {
    await enter(me.nick);
    present();
  } catch {
    // Without the host's tools the room is still all there.
  }
}

/** Run `ask` once at a time for a form, its refusal shown in `target`. */
async function asking(form, target, ask) {
  const button = form.querySelector("button");
  if (button.disabled) return;
  button.disabled = true;
  show(target, "");
  try {
    await ask();
  } catch (error) {
    if (error instanceof Refused && form.id === "enter") offer(error, form.elements.nick.value);
    else show(target, error instanceof Refused ? error.detail : "There is no connection now. Try again in a moment.");
  } finally {
    button.disabled = false;
  }
}

by_id("enter").addEventListener("submit", (event) => {
  event.preventDefault();
  asking(event.target, by_id("reason"), async () => {
    // Who only looked on leaves first, and does not hear of their own coming.
    link.stop();
    let keeps;
    try {
      keeps = await enter(event.target.elements.nick.value);
    } catch (error) {
      link.start();
      throw error;
    }
    present();
    log.known();
    log.tell(kept_until(keeps || page.keeps, gone));
    composer.focus();
    link.start();
  });
});

// The menu and sharing are fetched when they are first opened.
const sheets = { ask: asking, me: () => me, nicks, remember, present, panel, link, api, page, log, state: () => outside, follow: (draw) => (outside_changed = draw) };
by_id("menu").addEventListener("toggle", async () => (await import("./menu.js")).equip(sheets), { once: true });
by_id("share").addEventListener("toggle", async () => (await import("./share.js")).equip(), { once: true });

// Where a keyboard covers the page instead of resizing it, the page takes what is left in view.
// Who magnifies the page by two fingers sees less of it, and it stays as large as it was.
window.visualViewport?.addEventListener("resize", () => {
  if (visualViewport.scale > 1.01) return;
  document.body.style.setProperty("--view", `${visualViewport.height}px`);
  scrollTo(0, 0);
});

addEventListener("storage", (event) => event.key === HOST_KEY && me && !me.host && event.newValue && claim());

present();
if (closed) shut(closed);
else {
  panel.names();
  link.start();
}
