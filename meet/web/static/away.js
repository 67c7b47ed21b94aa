/* Which sources a reader looks away from: in this browser alone, on every page of this Meet. */

import { source_name } from "./voice.js";
import { element } from "./words.js";

const AWAY = "meet:away";

function remembered() {
  try {
    return JSON.parse(localStorage.getItem(AWAY)) ?? [];
  } catch {
    return [];
  }
}

const away = new Set(remembered());

export const is_away = (via) => away.has(via);

/** A box for each of the sources `vias`, ticked while it is seen; `changed` is called after each change. */
export function boxes(vias, changed) {
  return vias.map((via) => {
    const label = element("label", "choice");
    const box = element("input");
    box.type = "checkbox";
    box.checked = !is_away(via);
    box.addEventListener("change", () => {
      if (box.checked) away.delete(via);
      else away.add(via);
      localStorage.setItem(AWAY, JSON.stringify([...away]));
      changed();
    });
    label.append(box, `Posts from ${source_name(via)}`);
    return label;
  });
}
