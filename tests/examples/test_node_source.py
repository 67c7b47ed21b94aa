"""The hand-over: a source in another language takes X over from Meet while posts come, and gives it back."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from tests.drills.upstream import Upstream
from tests.examples.ground import EXAMPLES, Command
from tests.live.server import Meet
from tests.servers.program import program, until
from tests.servers.redis import Redis
from tests.standins.twitter import TOKEN

_TURN = 40.0
"""Seconds that a change may take where many run at once; it takes 2."""

_UNDER_WAY = 1
"""Posts that X may have written to a connection which was just being closed: nobody gives those again."""


def test_node_follows_on_when_meet_ends_and_meet_when_node_does(tmp_path: Path) -> None:
    with Redis() as redis, Upstream(tmp_path / "upstream") as upstream:
        door = Meet(tmp_path / "door", "--broker", redis.url, "--serve", "web", irc=False, line=False).start()
        options = ("--broker", redis.url, *upstream.options("twitter"))
        ours = Meet(tmp_path / "ours", *options, web=False, irc=False, line=False).start()
        words = [program("node", "nodejs"), "twitter.js", redis.url, upstream.settings["twitter"]["url"]]
        theirs = Command(words, environment={"MEET_SOURCE_TWITTER_TOKEN": TOKEN}, folder=EXAMPLES / "node")
        try:
            _hand_over(door, ours, theirs, upstream)
        finally:
            theirs.close()
            ours.stop()
            door.stop()


def _hand_over(door: Meet, ours: Meet, theirs: Command, upstream: Upstream) -> None:
    key = door.open("algebra")
    _, host = door.call("POST", "/api/v1/rooms/algebra/sessions", {"nick": "ann", "host_key": key})

    def wish(**asked: object) -> None:
        status, answer = door.call("POST", "/api/v1/rooms/algebra/asks", asked, host["token"])
        assert status == 200, answer

    def posts() -> list[int]:
        return [int(re.sub(r".* #drill ", "", text)) for nick, text in door.transcript("algebra") if nick == "Tina"]

    def more(count: int) -> None:
        enough = len(posts()) + count
        until(lambda: len(posts()) >= enough, lambda: f"posts:\n{ours.log.read_text()}\n{theirs.logged()}", _TURN)

    wish(ask="follow", words=["#drill"])
    upstream.ask("talk", 0.2)
    more(3)

    # Node waits while it is not its turn.
    theirs.start()
    more(3)
    assert "following" not in theirs.logged()
    assert ours.terminate() == 0
    until(lambda: "following" in theirs.logged(), theirs.logged, _TURN)
    more(3)
    _, entries = door.call("GET", "/api/v1/rooms/algebra/entries")
    newest = [event for _, event in entries if event.get("post")][-3:]
    assert [event["post"].get("expires", "") > event["at"] for event in newest] == [True] * 3, "their words go in time"

    # What the host wishes meanwhile counts with it, too.
    wish(ask="follow", words=["#other", "#drill"])
    until(lambda: upstream.ask("rules") == ["#drill -is:retweet", "#other -is:retweet"], "a second rule", _TURN)
    wish(ask="follow", words=["#drill"])
    until(lambda: upstream.ask("rules") == ["#drill -is:retweet"], "one rule", _TURN)
    more(3)

    ours.start()
    theirs.stop()
    assert theirs.process is not None
    assert theirs.process.returncode == 0, theirs.logged()
    more(3)
    upstream.ask("talk", 0)
    told = upstream.ask("count")["twitter"]["told"]
    until(lambda: posts()[-1] == told[-1], "the last post", _TURN)
    assert [number for number, count in Counter(posts()).items() if count > 1] == [], "none is doubled"
    assert posts() == sorted(posts())
    assert len(set(told) - set(posts())) <= 2 * _UNDER_WAY, (told, posts())
