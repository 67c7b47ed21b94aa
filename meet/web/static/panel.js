/* What stands around the lines: the connection in words, who is here, sharing, the menu. */

import { by_id, day_time, element, hue } from "./words.js";

const SHOWN_NAMES = 200;

const HELD = "Meet cannot take lines right now; yours is kept";

export class Panel {
  #here = { count: 0, names: null };
  #state = "first";
  #once_live = "";

  /** `ask_names()` asks the room who is here. */
  constructor({ count, ends, nick, ask_names }) {
    this.ends = ends;
    this.nick = nick;
    this.#here.count = count;
    for (const button of document.querySelectorAll("[data-ask-names]")) button.addEventListener("click", ask_names);
    for (const each of document.querySelectorAll(".drop")) this.#closable(each);
    this.#words();
  }

  /** live, held, trying, away, out or closed. */
  state(state) {
    // Until there was a connection there is none to come back.
    if (state === "trying" && this.#state === "first") return;
    if (state !== this.#state) {
      if (state === "away") this.#say("No connection. What you write is kept.", "Connected again.");
      else if (state === "held") this.#say(HELD, "Meet takes lines again.");
      else if (state === "live" && this.#once_live) this.#say(this.#once_live, "");
    }
    this.#state = state;
    this.#words();
  }

  /** Tell who does not see the page what it shows; `once_live` is told when it is over, whatever was tried before. */
  #say(words, once_live) {
    by_id("status").textContent = words;
    this.#once_live = once_live;
  }

  closes(ends) {
    this.ends = ends;
    this.#words();
  }

  /** Somebody told who is here: whole, or what changed.  True if the names are to be asked for. */
  here({ count, names, came = [], went = [] }) {
    const known = this.#here.names;
    if (names) this.#here.names = [...names];
    else if (count > SHOWN_NAMES || !known) this.#here.names = null;
    else this.#here.names = [...known.filter((name) => !went.includes(name)), ...came.filter((name) => !known.includes(name))];
    this.#here.count = count;
    this.#words();
    this.names();
    return count <= SHOWN_NAMES && this.#here.names?.length !== count;
  }

  /** All names, as asked for. */
  who(names) {
    this.#here = { count: Math.max(names.length, this.#here.count > SHOWN_NAMES ? this.#here.count : 0), names };
    this.#words();
    this.names();
  }

  names() {
    const names = this.#here.names;
    const sorted = names && [...names].sort((one, other) => one.localeCompare(other));
    for (const count of document.querySelectorAll("[data-count]")) count.textContent = this.#here.count;
    for (const button of document.querySelectorAll("[data-ask-names]")) button.hidden = Boolean(names) || !this.#here.count;
    if (!sorted) return;
    for (const list of document.querySelectorAll("[data-names]")) {
      list.replaceChildren(...sorted.map((name) => {
        const item = element("li");
        item.append(element("span", `nick hue-${hue(name)}`, name));
        if (name === this.nick()) item.append(" ", element("span", "self", "you"));
        return item;
      }));
    }
  }

  /** Close the share and menu sheets. */
  fold() {
    for (const each of document.querySelectorAll(".drop[open]")) each.open = false;
  }

  #words() {
    const closes = `closes ${day_time(new Date(this.ends))}`;
    const words = {
      first: "Connecting…",
      live: `${this.#here.count} here · ${closes}`,
      trying: "Reconnecting…",
      held: HELD,
      away: "No connection, your line is kept",
      out: "You are not in the room",
      closed: "Closed",
    };
    by_id("state").dataset.state = this.#state === "first" ? "trying" : this.#state;
    const shown = by_id("state-words");
    if (shown.textContent !== words[this.#state]) shown.textContent = words[this.#state];
  }

  #closable(drop) {
    const button = drop.querySelector("summary");
    drop.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !drop.open) return;
      drop.open = false;
      button.focus();
    });
    document.addEventListener("pointerdown", (event) => {
      if (drop.open && !(event.target.closest(".sheet, summary") && drop.contains(event.target))) drop.open = false;
    });
  }
}
