/* The lines on the page.  Each position stands here at most once, in order; the reader's place is never moved.

   New lines are spoken once by a separate live region, so that history, older pages and
   redrawn times never are. */

import { by_id, clock_time, day_key, day_words, element, hue, linked, listed, plural } from "./words.js";

import { is_away } from "./away.js";
import { pointer, post_time, source_name, voice } from "./voice.js";

const RUN = 180000;
const MOST = 600;
const KEPT = 400;
const NEAR = 60;

function write(where, text) {
  if (where.textContent !== text) where.textContent = text;
}

const sequence = (position) => Number(position.slice(position.lastIndexOf(".") + 1));

export class Log {
  #list = by_id("log");
  #scroller = by_id("scroller");
  #pill = by_id("pill");
  #spoken = by_id("spoken");
  #seen = new Set();
  #pending = new Map();
  #came = new Set();
  #went = new Set();
  #gathered = null;
  #new = 0;
  #unread = 0;
  #stuck = true;
  #exhausted = false;
  #loading = false;

  /** `is_me(id)` says whose lines are one's own; `older(position)` resolves with a page of entries.
      `tools(line)` gives the buttons that a host has for a line. */
  constructor({ title, last, is_me, older, tools }) {
    this.tools = tools;
    this.title = title;
    this.last = last;
    this.is_me = is_me;
    this.older = older;
    for (const line of this.#lines()) this.#seen.add(line.dataset.position);
    this.#settle();
    this.bottom();
    this.#scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.#pill.addEventListener("click", () => this.bottom());
    document.addEventListener("visibilitychange", () => this.#count());
    new ResizeObserver(() => this.#stuck && this.bottom()).observe(this.#scroller);
  }

  has(position) {
    return this.#seen.has(position);
  }

  /** Show a line that is new to the reader; false if it stands here already. */
  add(position, event) {
    if (this.#seen.has(position)) return false;
    const line = this.#made(position, event);
    this.#append(line);
    this.#gathered = null;
    if (!line.classList.contains("mine")) {
      if (!line.hidden) this.#speak(event.nick ? `${event.nick}: ${event.text}` : `Post on ${source_name(event.via)}`);
      if (document.hidden) this.#unread += 1;
      if (!this.#stuck) this.#new += 1;
    }
    this.#count();
    if (this.#stuck) this.#trim();
    return true;
  }

  /** The line of that number is to be seen no more. */
  remove(number) {
    for (const line of this.#lines()) if (sequence(line.dataset.position) === number) line.remove();
    this.#settle();
  }

  /** The words of posts that could be kept `until` that moment at most are to be seen no more; links to them stay. */
  expire(until) {
    for (const line of this.#lines()) {
      const { expires, via } = line.dataset;
      if (!expires || expires > until) continue;
      const link = line.querySelector(".when");
      const post = { link: link?.href, at: link?.querySelector("time").dateTime };
      delete line.dataset.expires;
      line.dataset.nick = "";
      line.replaceChildren(...pointer({ via, post }));
    }
    this.#settle();
  }

  /** The sources whose voices stand here. */
  sources() {
    return [...new Set([...this.#list.querySelectorAll(".voice")].map((line) => line.dataset.via))].sort();
  }

  /** The reader looks at other sources than before. */
  looked_away() {
    this.#settle();
    if (this.#stuck) this.bottom();
  }

  /** Note an entry that is shown in another way. */
  note(position) {
    const known = this.#seen.has(position);
    this.#mark(position);
    return !known;
  }

  /** Show `entries` instead of what stands here, as history. */
  reload(entries) {
    const lines = entries.filter(([, event]) => event.kind === "said");
    if (!lines.some(([position]) => this.#seen.has(position))) {
      this.#seen.clear();
      for (const each of this.#list.querySelectorAll(":scope > :not(.empty):not(.pending)")) each.remove();
      this.#gathered = null;
      this.#exhausted = false;
      this.last = "";
    }
    for (const [position, event] of lines) {
      if (!this.#seen.has(position)) this.#append(this.#made(position, event));
    }
    this.#settle();
    if (this.#stuck) this.bottom();
  }

  /** Show a line on its way, dimmed, until `settled` or `refused`. */
  pend(ref, nick, text) {
    if (this.#pending.has(ref)) return;
    const line = element("li", "line mine pending");
    if (!this.#list.lastElementChild?.classList.contains("mine")) {
      line.classList.add("first");
      line.append(this.#head({ nick, mine: true }));
    }
    line.append(element("p", "text", text));
    this.#pending.set(ref, line);
    this.#list.append(line);
    this.bottom();
  }

  /** The line `ref` stands in the log, or is given up. */
  settled(ref) {
    this.#pending.get(ref)?.remove();
    this.#pending.delete(ref);
  }

  /** Leave the refused line `ref` here with its reason; `take_back` puts it into the field. */
  refused(ref, reason, take_back) {
    const line = this.#pending.get(ref);
    if (!line) return;
    line.classList.add("refused");
    const button = element("button", "button quiet", "Edit");
    button.type = "button";
    button.addEventListener("click", () => {
      this.settled(ref);
      take_back();
    });
    line.append(element("p", "reason", reason), button);
    if (this.#stuck) this.bottom();
  }

  /** A soft line of its own; `spoken` also says it aloud. */
  tell(text, spoken = true) {
    const line = element("li", "soft", text);
    this.#place(line);
    this.#gathered = null;
    if (spoken) this.#speak(text);
    return line;
  }

  /** People came and went: one soft line until somebody says something. */
  moved(came, went) {
    if (!this.#gathered) {
      this.#came.clear();
      this.#went.clear();
    }
    for (const nick of came) if (!this.#went.delete(nick)) this.#came.add(nick);
    for (const nick of went) if (!this.#came.delete(nick)) this.#went.add(nick);
    const parts = [];
    if (this.#came.size) parts.push(`${listed([...this.#came])} came in`);
    if (this.#went.size) parts.push(`${listed([...this.#went])} left`);
    if (this.#gathered) this.#gathered.textContent = parts.join(" · ");
    else if (parts.length) this.#place((this.#gathered = element("li", "soft", parts.join(" · "))));
    if (this.#gathered && !parts.length) {
      this.#gathered.remove();
      this.#gathered = null;
    }
  }

  /** Go to the newest line. */
  bottom() {
    this.#stuck = true;
    this.#new = 0;
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#count();
  }

  #lines() {
    return this.#list.querySelectorAll(".line[data-position]");
  }

  #mark(position) {
    this.#seen.add(position);
    const [epoch] = position.split(".");
    if (!this.last.startsWith(`${epoch}.`) || sequence(position) > sequence(this.last)) this.last = position;
  }

  #made(position, event) {
    const line = element("li", "line");
    Object.assign(line.dataset, { position, by: event.by, nick: event.nick, via: event.via, at: event.at });
    if (event.post) {
      line.classList.add("voice");
      line.dataset.source = event.via;
      if (event.post.expires) line.dataset.expires = event.post.expires;
      line.append(...voice(event));
    } else {
      line.append(element("p", "text"));
      line.lastChild.append(linked(event.text));
    }
    this.#seen.add(position);
    return line;
  }

  #head({ nick, via = "web", at, mine }) {
    const head = element("p", "head");
    head.append(element("b", mine ? "nick" : `nick hue-${hue(nick)}`, mine ? "You" : nick));
    if (via !== "web") head.append(element("span", "via", via));
    if (at) head.append(this.#time(at));
    return head;
  }

  #time(at) {
    const time = element("time", "", clock_time(new Date(at)));
    time.dateTime = at;
    return time;
  }

  #append(line) {
    this.#mark(line.dataset.position);
    const lines = this.#lines();
    this.#dress(line, lines[lines.length - 1], this.#gathered !== null || this.#newest()?.classList.contains("soft"));
    const before = lines[lines.length - 1];
    if (!before || day_key(new Date(before.dataset.at)) !== day_key(new Date(line.dataset.at))) this.#place(this.#day(line));
    this.#place(line);
  }

  /** Put a new last element in its place: before the lines that are still on their way. */
  #place(item) {
    const [first] = this.#pending.values();
    this.#list.insertBefore(item, first ?? null);
    if (this.#stuck) this.bottom();
  }

  #newest() {
    const [first] = this.#pending.values();
    return first ? first.previousElementSibling : this.#list.lastElementChild;
  }

  #day(line) {
    return element("li", "day", day_words(new Date(line.dataset.at)));
  }

  /** Give `line` its looks: whose it is, and whether it begins a run after `before`. */
  #dress(line, before, apart) {
    const { nick, via, at, by, source } = line.dataset;
    for (const old of line.querySelectorAll(".tools")) old.remove();
    const tools = this.tools(line);
    if (tools) line.append(tools);
    if (source) {
      line.classList.add("first");
      const time = line.querySelector(".when time");
      if (time) time.textContent = post_time(new Date(time.dateTime));
      line.hidden = is_away(via);
      return;
    }
    const mine = this.is_me(by);
    const now = new Date(at);
    const then = before ? new Date(before.dataset.at) : null;
    const first = !before || apart || before.dataset.by !== by || before.dataset.nick !== nick || now - then > RUN || day_key(now) !== day_key(then);
    const known = line.querySelector(first ? ":scope > .head" : ":scope > time");
    if (known && line.classList.contains("mine") === mine) {
      const time = first ? known.querySelector("time") : known;
      write(time, clock_time(now));
      time.dateTime = at;
    } else {
      for (const old of line.querySelectorAll(".head, time")) old.remove();
      line.prepend(first ? this.#head({ nick, via, at, mine }) : this.#time(at));
    }
    line.classList.toggle("mine", mine);
    line.classList.toggle("first", first);
  }

  /** Dress all lines anew, with days and times in the reader's zone.  What is right already is left as it is:
      a slow phone would lay out the whole page again. */
  #settle() {
    const left = new Set(this.#list.querySelectorAll(".day"));
    let before = null;
    for (const line of this.#lines()) {
      const day = left.has(line.previousElementSibling) ? line.previousElementSibling : null;
      this.#dress(line, before, (day ?? line).previousElementSibling?.classList.contains("soft"));
      if (!before || day_key(new Date(before.dataset.at)) !== day_key(new Date(line.dataset.at))) {
        if (left.delete(day)) write(day, day_words(new Date(line.dataset.at)));
        else line.before(this.#day(line));
      }
      before = line;
    }
    for (const day of left) day.remove();
  }

  /** Whose lines are one's own has changed. */
  known() {
    this.#settle();
  }

  #trim() {
    if (this.#seen.size < MOST) return;
    const lines = [...this.#lines()];
    for (const line of lines.slice(0, Math.max(0, lines.length - KEPT))) {
      this.#seen.delete(line.dataset.position);
      line.remove();
    }
    this.#exhausted = false;
    this.#settle();
    this.bottom();
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    this.#stuck = scrollHeight - scrollTop - clientHeight < NEAR;
    if (this.#stuck && this.#new) {
      this.#new = 0;
      this.#count();
    }
    if (scrollTop < clientHeight) this.#load();
  }

  async #load() {
    const [first] = this.#lines();
    if (!first || this.#loading || this.#exhausted) return;
    this.#loading = true;
    try {
      const entries = await this.older(first.dataset.position);
      const lines = entries.filter(([position, event]) => event.kind === "said" && !this.#seen.has(position));
      if (!lines.length) this.#exhausted = true;
      const { scrollHeight, scrollTop } = this.#scroller;
      first.before(...lines.map(([position, event]) => this.#made(position, event)));
      this.#settle();
      this.#scroller.scrollTop = scrollTop + this.#scroller.scrollHeight - scrollHeight;
    } catch {
      // The next scroll asks again.
    } finally {
      this.#loading = false;
    }
  }

  #speak(text) {
    const said = element("p", "", text);
    this.#spoken.append(said);
    setTimeout(() => said.remove(), 15000);
  }

  #count() {
    if (!document.hidden) this.#unread = 0;
    document.title = this.#unread ? `(${this.#unread}) ${this.title}` : this.title;
    this.#pill.hidden = !this.#new;
    if (this.#new) this.#pill.textContent = plural(this.#new, "new line", "new lines");
  }
}
