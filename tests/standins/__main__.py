"""``python -m tests.standins``: all three at once, in which a hashtag flows until it is ended.

Prints, as one line of JSON, what ``twistd meet --follow twitter,mastodon,bluesky`` needs to hear
them: the settings of each source.  The tokens stand in the folder that is named behind it.
"""

from __future__ import annotations

import json
import sys
from itertools import count
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.task import react

from tests.standins.bluesky import LINES, Bluesky
from tests.standins.mastodon import Mastodon
from tests.standins.twitter import TOKEN, Twitter

TAG = "pycon"
EACH = 2.0
"""Seconds between two posts of one of them."""


def main(reactor: Any, folder: str = ".") -> Deferred[None]:
    """Serve until the process is ended."""
    return Deferred.fromCoroutine(_serve(reactor, Path(folder)))


async def _serve(reactor: Any, folder: Path) -> None:
    twitter, mastodon, bluesky = Twitter(), Mastodon(reactor), Bluesky(reactor)
    await mastodon.start()
    await bluesky.start()
    port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(twitter.site())
    bluesky.play(f"#{TAG}", EACH)
    for name, token in (("twitter", TOKEN), ("mastodon", f"{mastodon.address} {mastodon.token}")):
        (folder / f"{name}.token").write_text(token + "\n")
    settings = {
        "twitter": {"url": f"http://127.0.0.1:{port.getHost().port}", "token-file": str(folder / "twitter.token")},
        "mastodon": {"instances": mastodon.address, "token-file": str(folder / "mastodon.token")},
        "bluesky": {"hosts": bluesky.host, "profiles": bluesky.api},
    }
    sys.stdout.write(json.dumps(settings) + "\n")
    sys.stdout.flush()
    numbers = count()

    def speak() -> None:
        text = LINES[next(numbers) % len(LINES)].format(tag=f"#{TAG}", link="https://example.org/notes")
        twitter.tell(text, "speaker")
        mastodon.say(text, TAG)
        if twitter.connected:
            twitter.alive()
        mastodon.thump()
        reactor.callLater(EACH, speak)

    speak()
    await Deferred()


if __name__ == "__main__":
    react(main, sys.argv[1:])
