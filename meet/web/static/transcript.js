/* The transcript's days and times, in the reader's zone, and the sources that the reader looks at. */

import { boxes, is_away } from "./away.js";
import { post_time } from "./voice.js";
import { by_id, clock_time, day_key, day_words, element, kept_until } from "./words.js";

by_id("zone").remove();
const keeps = by_id("keeps");
keeps.textContent = kept_until(keeps.textContent, keeps.dataset.gone);
for (const day of document.querySelectorAll(".day")) day.remove();
let before = "";
for (const line of document.querySelectorAll(".line")) {
  const when = new Date(line.dataset.at);
  for (const time of line.querySelectorAll(":scope > time, .head > time")) time.textContent = clock_time(when);
  for (const time of line.querySelectorAll(".when time")) time.textContent = post_time(new Date(time.dateTime));
  if (day_key(when) !== before) line.before(element("li", "day", day_words(when)));
  before = day_key(when);
}

/** The reader may look away from sources here, too. */
function look() {
  for (const line of document.querySelectorAll(".voice")) line.hidden = is_away(line.dataset.source);
}

const sources = [...new Set([...document.querySelectorAll(".voice")].map((line) => line.dataset.source))].sort();
if (sources.length) {
  const choices = element("p", "choices");
  choices.id = "sources";
  choices.append(...boxes(sources, look));
  document.querySelector(".transcript").before(choices);
  look();
}
