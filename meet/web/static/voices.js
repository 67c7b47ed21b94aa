/* The menu's part on voices from outside: what the host lets in, and what the reader looks at. */

import { by_id, element } from "./words.js";
import { boxes } from "./away.js";

/** Let it work; `rule(body)` asks the room, `state()` is what the room follows, `log` the lines. */
export function equip_voices({ rule, state, log }) {
  const form = by_id("follow");
  const switches = [...document.querySelectorAll("[data-choice]")];

  form?.addEventListener("submit", (event) => {
    event.preventDefault();
    rule({ ask: "follow", words: form.elements.words.value.split(/[\s,]+/).filter(Boolean) });
  });
  for (const box of switches) box.addEventListener("change", () => rule({ ask: "choose", [box.dataset.choice]: box.checked }));

  /** What a host has chosen, where the page shows it. */
  function draw_host() {
    const now = state();
    form.elements.words.value = now.follows.join(" ");
    for (const box of switches) box.checked = now[box.dataset.choice];
    by_id("blocked").replaceChildren(
      ...[...now.blocked].map(([author, name]) => {
        const item = element("li", "row", name || author);
        const button = element("button", "button quiet", "Let in again");
        button.type = "button";
        button.setAttribute("aria-label", `Let in again: ${name || author}`);
        button.addEventListener("click", () => rule({ ask: "unblock", author }));
        item.append(button);
        return item;
      }),
    );
  }

  function draw() {
    if (form) draw_host();
    const sources = log.sources();
    by_id("sources").hidden = !sources.length;
    by_id("source-list").replaceChildren(...boxes(sources, () => log.looked_away()));
  }

  by_id("menu").addEventListener("toggle", draw);
  draw();
  return draw;
}
