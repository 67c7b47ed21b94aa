/* Words on the page: times in the reader's zone, links, hues, numbers of things.
   Nobody's words are ever read as HTML: all of this makes text nodes and elements. */

const hours = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat("en", { weekday: "short" });
const date = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short" });
const long_date = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });

const ADDRESS = /https?:\/\/[^\s<>"]+/gi;
const DAY = 86400000;

/** A new element with classes and text. */
export function element(name, classes = "", text = "") {
  const made = document.createElement(name);
  if (classes) made.className = classes;
  if (text) made.textContent = text;
  return made;
}

export const by_id = (id) => document.getElementById(id);

/** Show `text` in `target`, which is hidden while there is none. */
export function show(target, text) {
  target.textContent = text;
  target.hidden = !text;
}

export const clock_time = (when) => hours.format(when);

/** The local day as a key and as words: Today, Yesterday, Tue, 24 Nov. */
export const day_key = (when) => `${when.getFullYear()}-${when.getMonth()}-${when.getDate()}`;

export function day_words(when, now = new Date()) {
  if (day_key(when) === day_key(now)) return "Today";
  if (day_key(when) === day_key(new Date(now - DAY))) return "Yesterday";
  return when.getFullYear() === now.getFullYear() ? date.format(when) : long_date.format(when);
}

export const date_words = (when) => (when.getFullYear() === new Date().getFullYear() ? date.format(when) : long_date.format(when));

/** A moment to come: 15:10, Tue 15:10, or 3 Dec 2026 15:10. */
export function day_time(when, now = new Date()) {
  if (day_key(when) === day_key(now)) return clock_time(when);
  const ahead = when - now;
  const day = ahead > 0 && ahead < 6 * DAY ? weekday.format(when) : long_date.format(when);
  return `${day} ${clock_time(when)}`;
}

/** The server's `sentence` about what is kept, with the moment `gone` in the reader's zone. */
export const kept_until = (sentence, gone) => sentence.replace(/until [\w :]+ UTC/, () => `until ${day_time(new Date(gone))}`);

/** One of ten colours for a nick; the server counts the same way. */
export function hue(nick) {
  let sum = 0;
  for (const byte of new TextEncoder().encode(nick.toLowerCase())) sum = (sum * 31 + byte) % 1000003;
  return sum % 10;
}

export const plural = (count, one, many) => `${count} ${count === 1 ? one : many}`;

/** Somebody's words inside of ours: whichever way they are written, ours keep their order. */
export const apart = (text) => `\u2068${text}\u2069`;

/** Tom · Tom and Ada · Tom, Ada and 3 others. */
export function listed(names) {
  const [first, second] = names.map(apart);
  if (names.length < 3) return second ? `${first} and ${second}` : first;
  return `${first}, ${second} and ${plural(names.length - 2, "other", "others")}`;
}

/** What people see as characters of a line, counted as the server does. */
export const length = (text) => [...text.trim().normalize("NFC")].length;

function trimmed(address) {
  let cut = address.replace(/[.,;:!?'*_~\]}>]+$/, "");
  while (cut.endsWith(")") && !cut.includes("(")) cut = cut.slice(0, -1).replace(/[.,;:!?]+$/, "");
  return cut;
}

function is_address(text) {
  try {
    return /^https?:$/.test(new URL(text).protocol);
  } catch {
    return false;
  }
}

/** `text` as nodes, its web addresses as links that promise the other side nothing. */
export function linked(text) {
  const nodes = document.createDocumentFragment();
  let done = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = trimmed(match[0]);
    if (!is_address(address)) continue;
    nodes.append(text.slice(done, match.index));
    const link = element("a", "", address);
    link.href = address;
    link.rel = "noopener nofollow ugc noreferrer";
    link.target = "_blank";
    nodes.append(link);
    done = match.index + address.length;
  }
  nodes.append(text.slice(done));
  return nodes;
}
