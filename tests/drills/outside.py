"""What is done to the sources of posts, and around them, while people talk and posts come: one function a drill.

For people's lines the law is the one of all drills.  For posts it is: what their API gives, at once or
when it is asked again, stands once, or was left out and told.  X gives a post once; Mastodon and
Bluesky are asked again for what was missed.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence, Set
from pathlib import Path
from typing import Any

from tests.drills.stage import ROOM, Many
from tests.drills.upstream import ROOT, Upstream
from tests.drills.verdict import Line, Posts
from tests.live.server import Meet
from tests.servers.program import until
from tests.servers.redis import Redis

SOURCES = ("twitter", "mastodon", "bluesky")

EACH = 0.4
"""Seconds between two posts of each source: half of what a room takes."""

TAKEOVER = 15.0
"""Seconds within which another process follows on, by the contract."""

FLOWING = 90.0
"""Seconds within which posts come again: who backs off does so for some seconds after a short trouble."""

HALL = 200
"""People who talk during a flood."""

FLOOD = 2000
"""Posts a second of a flood."""

_POST = re.compile(rf"({'|'.join(SOURCES)}) #drill (\d+)")
_LEFT_OUT = re.compile(r"(\d+) posts? (?:was|were) left out")
_HALL = re.compile(r"h\d+ says \d+")
_FOLLOWS = re.compile(r"This process follows (\w+)\.")


class Listening(Many):
    """Processes that serve, one that records, others that follow, one Redis, and all that is outside."""

    under_way = 0
    """Posts that X may have written on a connection that broke just then: two for each time."""

    def build(self, *sources: str, following: int = 1, **limits: int) -> None:  # type: ignore[override]  # Redis is its own
        """Start them, following ``sources``, all of them if none is named."""
        self.sources = sources or SOURCES
        self.redis = self.closing.enter_context(Redis(aof=True))
        self.upstream = self.closing.enter_context(Upstream(self.folder / "upstream"))
        limits = {"paid_posts": 0, "paid_posts_per_room": 0, **limits}
        super().build(self.redis.url, serving=1 if self.short else 2, recording=1, **limits)
        options = self.upstream.options(*self.sources)
        self.following = [self.process(f"follow{number}", *options) for number in range(following)]
        for meet in self.following:
            meet.start()

    def begin(self) -> None:
        """Let everybody in and talk, and posts come."""
        super().begin()
        door = self.serving[0]
        _, host = door.call("POST", f"/api/v1/rooms/{ROOM}/sessions", {"nick": "hosta", "host_key": self.host_key})
        wish = {"ask": "follow", "words": ["#drill"]}
        status, answer = door.call("POST", f"/api/v1/rooms/{ROOM}/asks", wish, host["token"])
        assert status == 200, answer
        self.upstream.ask("talk", EACH)
        self.posts_flow()
        # What was written before all were connected is not judged.
        counts = self.upstream.ask("count")
        self._flowed = {source: max(counts[source]["told"]) for source in self.sources}

    def posts_flow(self, *sources: str) -> None:
        """Wait until more posts of each of ``sources`` (all, if none is named) have come.  Notes how long that took."""
        began = time.monotonic()
        lurker = self.people[0].memory

        def come() -> dict[str, int]:
            found = [match[1] for nick, text in list(lurker.heard) if (match := _POST.search(text))]
            return {source: found.count(source) for source in sources or self.sources}

        before = come()
        until(lambda: all(come()[source] > count + 1 for source, count in before.items()), self.logs, FLOWING)
        self.note(f"posts of {', '.join(before)} came within {time.monotonic() - began:.1f} s")

    def logs(self) -> str:
        """What those who follow have logged lately, for whoever waits in vain."""
        logs = "\n".join(meet.log.read_text()[-3000:] for meet in self.following)
        return f"posts to come:\n{logs}"

    def leader(self, source: str) -> Meet | None:
        """Who follows ``source``, of those that are alive."""
        alive = [meet for meet in self.following if meet.process is not None and meet.process.poll() is None]
        return next((meet for meet in alive if source in _FOLLOWS.findall(meet.log.read_text())), None)

    def again(self, meet: Meet) -> None:
        """Start one that has ended; its log begins anew."""
        assert "Traceback" not in meet.log.read_text()
        meet.log.write_text("")
        meet.start()

    def told(self, source: str) -> int:
        """How many posts of ``source`` somebody was told."""
        return len(self.upstream.ask("count")[source]["told"])

    def all_told(self) -> None:
        """Let nobody write until it is known what has become of all posts: what was left out is told after 10 s."""
        self._fall_silent()
        self.upstream.ask("talk", EACH)

    def _fall_silent(self) -> None:
        def unknown() -> list[str]:
            return [
                f"{posts.lost} of {posts.source}" for posts in self.posts() if not 0 <= posts.lost <= posts.under_way
            ]

        self.upstream.ask("talk", 0)
        until(lambda: not unknown(), lambda: f"what was left out: {unknown()}\n{self.logs()}", FLOWING)

    # The end.

    def finish(self) -> Any:
        """Let no more posts come, and compare."""
        self.upstream.ask("flood", "twitter", 0)
        self._fall_silent()
        counts = self.upstream.ask("count")
        newest = {source: max(counts[source]["told"]) for source in self.sources}
        self._wait(lambda: all(self.stands()[source][-1:] == [newest[source]] for source in newest), "the last posts")
        return super().finish()

    def stands(self) -> dict[str, list[int]]:
        """The numbers of each source's posts that stand in the store."""
        found: dict[str, list[int]] = {source: [] for source in self.sources}
        for nick, text in self.stored():
            if match := _POST.fullmatch(text):
                found[nick].append(int(match[2]))
        return found

    def line(self, line: Line) -> Line:
        """A post is said by its source: at the doors of text its author's name and a link stand beside it."""
        match = _POST.search(line[1])
        return (match[1], match[0]) if match else line

    def outside(self) -> tuple[Set[Line], Sequence[Posts]]:
        """As `Stage` says; the people of the hall are judged by themselves."""
        posts = self.posts()
        lines = {(each.source, f"{each.source} #drill {number}") for each in posts for number in each.stands}
        return lines | {line for line in self.stored() if _HALL.fullmatch(line[1])}, posts

    def posts(self) -> list[Posts]:
        """What has come of the posts of each source until now."""
        stands, counts = self.stands(), self.upstream.ask("count")
        notes = self.rows("SELECT via, text FROM entries WHERE room = ? AND kind = 'noted'")
        found = []
        for source in self.sources:
            written, told = counts[source]["written"], counts[source]["told"]
            # Of X there is only what it tells at once; the others are asked for what was written meanwhile.
            given = {number for number in (told if source == "twitter" else written) if number > self._flowed[source]}
            left_out = [int(note[1]) for via, text in notes if via == source and (note := _LEFT_OUT.match(text))]
            under_way = self.under_way if source == "twitter" else 0
            found.append(Posts(source, len(written), given, stands[source], sum(left_out), under_way))
        return found


# What is done.


def everything_outside(stage: Listening) -> None:
    """All that follows, one after the other: flood, stall, cut, Redis away, token revoked, ``kill -9``."""
    # In the short form without the two that tests of their own try.
    stage.build(following=2)
    stage.begin()
    _flood(stage, stage.lasting(1.5, 10))
    if not stage.short:
        _stall(stage, 10)
    _cut(stage, stage.lasting(1, 10))
    _without_redis(stage, stage.lasting(1.5, 10))
    stage.all_told()
    _revoke(stage, "new-token")
    if not stage.short:
        _kill(stage)
    stage.everybody_speaks()


def stall_upstream(stage: Listening) -> None:
    """X, Mastodon and Bluesky say nothing for a while, with their connections open."""
    stage.build()
    stage.begin()
    for _ in range(1 if stage.short else 3):
        _stall(stage, stage.lasting(3, 60))
    stage.everybody_speaks()


def cut_upstream(stage: Listening) -> None:
    """X, Mastodon and Bluesky break off, and cannot be reached for a while."""
    stage.build()
    stage.begin()
    for _ in range(1 if stage.short else 3):
        _cut(stage, stage.lasting(2, stage.chance.choice([5, 20, 45])))
    stage.everybody_speaks()


def kill_who_follows(stage: Listening) -> None:
    """``kill -9`` of the process that follows; another one goes on within 15 seconds."""
    stage.build(following=2)
    stage.begin()
    for _ in range(1 if stage.short else 4):
        _kill(stage)
    stage.everybody_speaks()


def revoke_the_token(stage: Listening) -> None:
    """X takes the token no longer; the others go on, and so does X once its file has a new one."""
    stage.build(following=2)
    stage.begin()
    for number in range(1 if stage.short else 3):
        _revoke(stage, f"new-token-{number}")
    stage.everybody_speaks()


def take_redis_away(stage: Listening) -> None:
    """Redis stands still, or is killed and comes back, while posts come."""
    stage.build()
    stage.begin()
    # Six seconds is how long a turn outlives the last word with Redis.
    for number, seconds in enumerate((3,) if stage.short else (3, 10, 2, 30)):
        _without_redis(stage, seconds, kill=bool(number % 2))
    stage.everybody_speaks()


def flood_upstream(stage: Listening) -> None:
    """X tells 2,000 posts a second while 200 people talk: how long do their own lines take?"""
    stage.pace = 1.0
    stage.build("twitter")
    stage.begin()
    with Hall(stage.serving[0].web_port) as hall:
        hall.timed(2)
        for _ in range(1 if stage.short else 3):
            seconds = stage.lasting(10, 60)
            quiet = hall.timed(seconds)
            flooded = _flood(stage, seconds, hall)
            ratio = flooded["p99"] / quiet["p99"] if quiet["p99"] else 0.0
            stage.note(
                f"say to echo, median and 99 %: quiet {quiet['p50']} and {quiet['p99']} ms of {quiet['echoes']}, "
                f"flooded {flooded['p50']} and {flooded['p99']} ms of {flooded['echoes']}: {ratio:.2f} times"
            )
            stage.all_told()
        outcome = hall.over()
        stage.note(f"of all that the {HALL} in the hall said to each other: {outcome}")
        assert not outcome["lost"] + outcome["twice"] + outcome["disordered"], outcome
    stage.everybody_speaks()


def _flood(stage: Listening, seconds: float, hall: Hall | None = None) -> dict[str, float]:
    """Notes what it was, and what it took the process that follows; the hall's times meanwhile, if there is one."""
    stage.some_talk()
    follower = until(lambda: stage.leader("twitter"), "one to follow")
    stage.upstream.ask("flood", "twitter", FLOOD)
    began, before, worked = time.monotonic(), stage.told("twitter"), _work(follower)
    times = hall.timed(seconds) if hall is not None else {}
    if hall is None:
        stage.pause(seconds)
    told, passed, work = stage.told("twitter") - before, time.monotonic() - began, _work(follower) - worked
    stage.upstream.ask("flood", "twitter", 0)
    stage.note(
        f"X told {told / passed:.0f} posts/s for {passed:.1f} s; "
        f"the process that follows took {100 * work / passed:.0f} % of a processor"
    )
    return times


def _stall(stage: Listening, seconds: float) -> None:
    stage.some_talk()
    stage.under_way += 2
    accepted = stage.accepted
    stage.upstream.freeze()
    stage.pause(seconds)
    stage.upstream.thaw()
    stage.note(f"upstream stood still for {seconds} s; {stage.accepted - accepted} lines were accepted meanwhile")
    stage.posts_flow()


def _cut(stage: Listening, seconds: float) -> None:
    stage.some_talk()
    stage.under_way += 2
    accepted = stage.accepted
    stage.upstream.ask("cut")
    stage.pause(seconds)
    stage.upstream.ask("mend")
    stage.note(f"upstream was cut for {seconds} s; {stage.accepted - accepted} lines were accepted meanwhile")
    stage.posts_flow()


def _kill(stage: Listening) -> None:
    stage.some_talk()
    stage.under_way += 2
    victim = until(lambda: stage.leader("twitter"), "one to follow")
    # Each source has a turn of its own, and may be another's.
    theirs = [source for source in stage.sources if stage.leader(source) is victim]
    began = time.monotonic()
    victim.kill()
    until(lambda: all(map(stage.leader, theirs)), stage.logs, FLOWING)
    seconds = time.monotonic() - began
    stage.note(f"another process followed {', '.join(theirs)} {seconds:.1f} s after the kill")
    # In the tests many other processes want the processors at that time, too.
    assert seconds < TAKEOVER or stage.short, f"it took more than {TAKEOVER} s"
    stage.again(victim)
    stage.posts_flow()


def _revoke(stage: Listening, token: str) -> None:
    stage.some_talk()
    stage.under_way += 2
    leader = until(lambda: stage.leader("twitter"), "one to follow")
    sentence = "X does not take the bearer token. Make a new one for the app"
    told = leader.log.read_text().count(sentence)
    stage.upstream.ask("grant", token)
    until(lambda: leader.log.read_text().count(sentence) > told, stage.logs, FLOWING)
    assert leader.log.read_text().count(sentence) == told + 1, "it is said once"
    stage.posts_flow(*(source for source in stage.sources if source != "twitter"))
    Path(stage.upstream.settings["twitter"]["token-file"]).write_text(f"{token}\n")
    # Whoever follows next reads it, though it was started before the token was there.
    leader.terminate()
    assert token not in leader.log.read_text()
    stage.again(leader)
    stage.posts_flow()
    stage.note("X flowed again with a new token in the file")


def _without_redis(stage: Listening, seconds: float, *, kill: bool = False) -> None:
    stage.some_talk()
    stage.under_way += 2
    if kill:
        stage.redis.kill()
    else:
        stage.redis.freeze()
    stage.pause(seconds)
    if kill:
        stage.redis.start()
    else:
        stage.redis.thaw()
    stage.note(f"Redis {'was killed, and away' if kill else 'stood still'} for {seconds} s")
    stage.everybody_speaks()
    stage.posts_flow()


def _work(meet: Meet) -> float:
    """Seconds of a processor that it has taken."""
    assert meet.process is not None
    times = Path(f"/proc/{meet.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")


class Hall:
    """The people of `tests.drills.hall`, who go in by ``port``."""

    def __init__(self, port: int) -> None:
        command = [sys.executable, "-m", "tests.drills.hall", str(port), ROOM, str(HALL), "10"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._answer()["inside"] == HALL

    def timed(self, seconds: float) -> dict[str, float]:
        """How long echoes take in so many seconds: ``p50`` and ``p99`` in milliseconds, of so many ``echoes``."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()
        return self._answer()

    def over(self) -> dict[str, float]:
        """Let them fall silent: what was ``said``, ``lost``, heard ``twice`` and ``disordered``."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return self._answer()

    def _answer(self) -> dict[str, float]:
        assert self._process.stdout is not None
        answer: dict[str, float] = json.loads(self._process.stdout.readline())
        return answer

    def __enter__(self) -> Hall:
        return self

    def __exit__(self, *_raised: object) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
