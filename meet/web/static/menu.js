/* The menu: another nick, leaving, and what a host may do. */

import { Refused, call, home } from "./http.js";
import { equip_voices } from "./voices.js";
import { by_id, show } from "./words.js";

/** Let the menu work, with the parts of the room's page. */
export function equip({ ask, me, nicks, remember, present, panel, link, api, page, log, state, follow }) {
  const post = (body) => call("POST", `${api}/asks`, { token: me().token, body });

  by_id("rename").addEventListener("submit", (event) => {
    event.preventDefault();
    ask(event.target, by_id("rename-reason"), async () => {
      const nick = event.target.elements.nick.value.trim();
      nicks.add(nick);
      await post({ ask: "rename", nick });
      remember({ ...me(), nick });
      present();
      panel.names();
      panel.fold();
    });
  });

  by_id("leave").addEventListener("submit", async (event) => {
    event.preventDefault();
    const { token } = me();
    link.stop();
    remember(null);
    // The form also lets go of the cookie; the request lets go of a person whom only this tab knows.
    if (token !== page.token) await call("DELETE", `${api}/sessions`, { token }).catch(() => {});
    if (page.token) event.target.submit();
    else location.assign(home);
  });

  async function rule(body, fold = true) {
    show(by_id("host-reason"), "");
    try {
      await post(body);
      if (fold) panel.fold();
      return true;
    } catch (error) {
      show(by_id("host-reason"), error instanceof Refused ? error.detail : "There is no connection now. Try again in a moment.");
      return false;
    }
  }

  /** The tools of a host, where the page has them. */
  function equip_host() {
    for (const button of document.querySelectorAll("[data-extend]")) {
      button.addEventListener("click", async () => {
        // By the server's clock: a phone's may be wrong.  The page, asked for again, lets the browser keep the key longer.
        if (await rule({ ask: "extend", hours: Number(button.dataset.extend) })) await fetch(location.pathname, { cache: "no-store" }).catch(() => {});
      });
    }

    by_id("retitle").addEventListener("submit", (event) => {
      event.preventDefault();
      rule({ ask: "retitle", title: event.target.elements.title.value });
    });

    by_id("close").addEventListener("click", () => {
      if (confirm("Close the room for everybody? Nothing can be said after that.")) rule({ ask: "close" });
    });
  }

  if (by_id("host-tools")) equip_host();
  follow(equip_voices({ rule: (body) => rule(body, false), state, log }));
}
