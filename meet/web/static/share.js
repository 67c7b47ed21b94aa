/* Bringing people in: the link to copy, to send, and to show to a camera. */

import { draw } from "./code.js";
import { by_id } from "./words.js";

/** Let the sharing sheet work. */
export function equip() {
  const address = by_id("address");
  const copy = by_id("copy");
  copy.addEventListener("click", async () => {
    address.select();
    let copied = true;
    try {
      await navigator.clipboard.writeText(address.value);
    } catch {
      // Without a secure connection there is no clipboard; the older way still works.
      copied = document.execCommand("copy");
    }
    copy.textContent = copied ? "Copied" : "Copy";
    setTimeout(() => (copy.textContent = "Copy"), 2000);
  });
  if (navigator.share) {
    by_id("send").hidden = false;
    by_id("send").addEventListener("click", () => navigator.share({ title: document.title, url: address.value }).catch(() => {}));
  }
  draw(by_id("code"), address.value);
}
