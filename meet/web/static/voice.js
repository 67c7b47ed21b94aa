/* A voice from outside as a card: name, handle, its own words, its own time and link.
   Nothing of it is loaded from elsewhere before somebody clicks. */

import { clock_time, date_words, element, linked } from "./words.js";

const NAMES = { twitter: "X", mastodon: "Mastodon", bluesky: "Bluesky" };

export const source_name = (via) => NAMES[via] ?? via;

/** When it was written, in the reader's zone. */
export const post_time = (when) => `${clock_time(when)}, ${date_words(when)}`;

function away(address, text) {
  const link = element("a", "", text);
  link.href = /^https?:/.test(address) ? address : "";
  link.rel = "noopener nofollow ugc noreferrer";
  link.target = "_blank";
  return link;
}

function when(post) {
  const link = away(post.link, "");
  link.className = "when";
  const time = element("time", "", post_time(new Date(post.at)));
  time.dateTime = post.at;
  link.append(time);
  return link;
}

/** What stays of a post whose words may not be kept any more: where it is. */
export function pointer({ via, post }) {
  const head = element("p", "head");
  head.append(element("span", "via", source_name(via)));
  if (post.link) head.append(" ", when(post));
  const words = element("p", "text");
  words.append(post.link ? away(post.link, `Post on ${source_name(via)}`) : `Post on ${source_name(via)}`);
  return [head, words];
}

/** The parts of the card for `event`. */
export function voice({ nick, via, text, post }) {
  if (!nick) return pointer({ via, post });
  const head = element("p", "head");
  head.append(element("b", "nick", nick), " ", element("span", "handle", `@${post.handle}`), " ", element("span", "via", source_name(via)));
  const words = element("p", "text");
  words.append(linked(text));
  const media = (post.media ?? []).map(({ link, kind = "image", about }) => {
    const line = element("p", "media");
    line.append(away(link, about || kind[0].toUpperCase() + kind.slice(1)));
    return line;
  });
  let body = [words, ...media];
  if (post.warning || post.sensitive) {
    const fold = element("details", "fold");
    fold.append(element("summary", "", post.warning || "Marked as sensitive"), ...body);
    body = [fold];
  }
  if (!post.link) return [head, ...body];
  head.append(" ", when(post));
  const view = element("p", "view");
  view.append(away(post.link, `View on ${source_name(via)}`));
  return [head, ...body, view];
}
