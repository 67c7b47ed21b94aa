/* The field at the foot, and the lines that are on their way.

   A line keeps its `ref` until the room has answered, over reconnects and reloads, so it can
   be asked as often as needed and is said once. */

import { by_id, length, show } from "./words.js";

const WARN = 20;
const AGAIN = 3000;

export class Composer {
  #form = by_id("say");
  #field = by_id("text");
  #counter = by_id("counter");
  #reason = by_id("reason");
  #unsent;
  #retry = 0;

  /** `key` names the unsent lines in sessionStorage; `send(line)` asks the room for one. */
  constructor({ key, limit, log, nick, send }) {
    this.key = key;
    this.limit = limit;
    this.log = log;
    this.nick = nick;
    this.send = send;
    this.#unsent = JSON.parse(sessionStorage.getItem(key) || "[]");
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#say();
    });
    this.#field.addEventListener("keydown", (event) => {
      // While a word is being composed, Enter belongs to the keyboard.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
      event.preventDefault();
      this.#say();
    });
    this.#field.addEventListener("input", () => {
      show(this.#reason, "");
      this.#grow();
    });
    this.#field.required = false;
    for (const { ref, text } of this.#unsent) log.pend(ref, nick(), text);
    this.#grow();
  }

  get waiting() {
    return this.#unsent.length;
  }

  /** Where to come back to, so that the echo of every unsent line is heard if there was one. */
  get after() {
    return this.#unsent[0]?.after ?? "";
  }

  /** Ask for everything that has no answer yet, in order. */
  flush() {
    for (const { ref, text } of this.#unsent) this.send({ ask: "say", text, ref });
  }

  /** A line could not be taken just now: ask once more in a while, not all pages at once. */
  again() {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.flush(), AGAIN * (1 + Math.random()));
  }

  /** The line `ref` was said. */
  settled(ref) {
    if (!this.#forget(ref)) return;
    this.log.settled(ref);
  }

  /** The line `ref` was refused: back into the field, or beside it if the field is in use. */
  refused(ref, reason) {
    const line = this.#forget(ref);
    if (!line) return;
    if (this.#field.value) {
      this.log.refused(ref, reason, () => this.#fill(line.text));
    } else {
      this.log.settled(ref);
      this.#fill(line.text);
      show(this.#reason, reason);
    }
  }

  focus() {
    this.#field.focus();
  }

  named(nick) {
    this.#field.placeholder = `Say something as ${nick}`;
  }

  #say() {
    const text = this.#field.value.trim();
    if (!text) return;
    const count = length(text);
    if (count > this.limit) {
      show(this.#reason, `${count} characters, this room takes ${this.limit}.`);
      return;
    }
    const line = { ref: reference(), text, after: this.log.last };
    this.#unsent.push(line);
    this.#keep();
    this.#fill("");
    show(this.#reason, "");
    this.log.pend(line.ref, this.nick(), text);
    this.send({ ask: "say", text, ref: line.ref });
  }

  #fill(text) {
    this.#field.value = text;
    this.#grow();
    if (text) this.#field.focus();
  }

  #forget(ref) {
    const place = this.#unsent.findIndex((line) => line.ref === ref);
    if (place < 0) return null;
    const [line] = this.#unsent.splice(place, 1);
    this.#keep();
    return line;
  }

  #keep() {
    if (this.#unsent.length) sessionStorage.setItem(this.key, JSON.stringify(this.#unsent));
    else sessionStorage.removeItem(this.key);
  }

  #grow() {
    const left = this.limit - length(this.#field.value);
    this.#counter.textContent = left < 0 ? `${-left} over` : left;
    this.#counter.classList.toggle("near", left >= 0 && left <= WARN);
    this.#counter.classList.toggle("over", left < 0);
    // Where styles can do it, they do it without a rounding that shows a scrollbar.
    if (CSS.supports("field-sizing", "content")) return;
    this.#field.style.height = "auto";
    this.#field.style.height = `${this.#field.scrollHeight + 2}px`;
  }
}

/** A mark that nobody else makes. */
export function reference() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
