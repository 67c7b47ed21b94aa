"""The rows of the table: what is measured, with how many, and which figure counts.

Another row is one more line in `ROWS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from bench import scenes
from bench.peers import EVENTS, IRC, WEB
from bench.scenes import Shape, Stage


@dataclass(frozen=True, slots=True)
class Column:
    """One figure in a row's table: its name in the results, its heading, and whether more is better."""

    figure: str
    heading: str
    ratio: bool = False


PER_CPU = Column("per_cpu", "deliveries per second of server CPU", ratio=True)
WALL = Column("per_second", "deliveries/s by the wall clock")
HALF, NEARLY_ALL = Column("p50", "p50 ms"), Column("p99", "p99 ms")
BUSY = Column("load_busy", "load generator busy")
TALK = (PER_CPU, WALL, HALF, NEARLY_ALL, BUSY)
LATENCY = (HALF, NEARLY_ALL, Column("per_cpu", "deliveries per second of server CPU"))
MEMORY = (Column("pss_kib", "KiB for each participant (PSS)"), Column("rss_kib", "KiB (RSS)"))
JOINS = (
    Column("per_cpu", "joins per second of server CPU"),
    Column("per_second", "joins/s by the wall clock"),
    HALF,
    NEARLY_ALL,
)
SAYS = (
    Column("says_per_cpu", "says per second of server CPU"),
    Column("says", "says/s by the wall clock"),
    HALF,
    NEARLY_ALL,
)
RETURN = (Column("seconds", "seconds until all are back"), Column("back", "came back"))
FAIR = (
    Column("ping_p99", "WebSocket ping p99 ms"),
    Column("join_p99", "join p99 ms"),
    Column("health_p99", "health p99 ms"),
    Column("deliveries_per_second", "deliveries/s meanwhile"),
)
STALLED = (*LATENCY, Column("ended", "the one was ended: 1, or not: 0"))
CEILING = (Column("per_load_cpu", "deliveries per second of the load generator's CPU"), WALL, BUSY)


@dataclass(frozen=True, slots=True)
class Row:
    """One row; ``peers`` names those who are in it, all with its door if empty."""

    name: str
    about: str
    scene: Callable[[Stage], dict[str, float]]
    columns: tuple[Column, ...]
    shape: Shape
    peers: tuple[str, ...] = ()
    broker: str = ""
    processes: int = 1

    def smaller(self, share: float) -> Row:
        """The row with ``share`` of its listeners, to try the benchmark itself."""
        shape = self.shape
        return replace(
            self,
            shape=replace(
                shape, listeners=max(shape.speakers, int(shape.listeners * share)), more=int(shape.more * share)
            ),
        )


ONE_ROOM = Shape(WEB, 16, speakers=16, under_way=4)
MANY_ROOMS = Shape(WEB, 1, rooms=100, under_way=4)

ROWS: tuple[Row, ...] = (
    Row("w1", "1 room × 1,000 WebSockets, one message under way", scenes.talk, TALK, Shape(WEB, 1000)),
    Row("w16", "the same, sixteen under way", scenes.talk, TALK, Shape(WEB, 1000, under_way=16)),
    Row(
        "w16-many",
        "the same, one under way of each of sixteen speakers",
        scenes.talk,
        TALK,
        Shape(WEB, 1000, speakers=16),
    ),
    Row("hundred-rooms", "100 rooms × 10, one under way in each", scenes.talk, TALK, Shape(WEB, 10, rooms=100)),
    Row("hundred", "1 room × 100, one under way", scenes.talk, TALK, Shape(WEB, 100)),
    Row("ten-thousand", "1 room × 10,000, one under way", scenes.talk, TALK, Shape(WEB, 10_000)),
    Row("irc-w1", "1 channel × 1,000 IRC clients, one under way", scenes.talk, TALK, Shape(IRC, 1000)),
    Row("irc-w16", "the same, sixteen under way", scenes.talk, TALK, Shape(IRC, 1000, under_way=16)),
    Row("sse-w1", "1 room × 1,000 event streams, one under way", scenes.talk, TALK, Shape(EVENTS, 1000)),
    Row("sse-w16", "the same, sixteen under way", scenes.talk, TALK, Shape(EVENTS, 1000, under_way=16)),
    Row("latency", "20 messages/s to 1,000 WebSockets", scenes.talk, LATENCY, Shape(WEB, 1000, rate=20)),
    Row("irc-latency", "20 messages/s to 1,000 IRC clients", scenes.talk, LATENCY, Shape(IRC, 1000, rate=20)),
    Row("memory", "4,000 idle WebSockets in one room", scenes.memory, MEMORY, Shape(WEB, 4000)),
    Row("joins", "2,000 more connect and join, 1,000 in the room", scenes.joins, JOINS, Shape(WEB, 1000, more=2000)),
    Row("joins-large", "the same, 10,000 in the room", scenes.joins, JOINS, Shape(WEB, 10_000, more=2000)),
    Row("says", "one room, its sixteen people say", scenes.says, SAYS, ONE_ROOM, ("meet",)),
    Row("says-hundred", "100 rooms, one person in each says", scenes.says, SAYS, MANY_ROOMS, ("meet",)),
    Row("says-redis", "one room, on Redis", scenes.says, SAYS, ONE_ROOM, ("meet",), broker="redis"),
    Row("says-hundred-redis", "100 rooms, on Redis", scenes.says, SAYS, MANY_ROOMS, ("meet",), broker="redis"),
    *(
        Row(name, about, scenes.talk, TALK, Shape(WEB, 1000), ("loop", "meet"), "redis", processes)
        for processes, name, about in (
            (1, "w1-redis", "w1 on Redis"),
            (2, "w1-redis-two", "the same, the thousand in two processes"),
            (3, "w1-redis-three", "the same, in three"),
        )
    ),
    Row(
        "return",
        "1,000 come back at once after a restart, 20 messages/s going on",
        scenes.come_back,
        RETURN,
        Shape(WEB, 1000, rate=20),
        ("meet",),
    ),
    Row(
        "fair",
        "others' pings, joins and health answers while sixteen are under way to 1,000",
        scenes.fair,
        FAIR,
        Shape(WEB, 1000, under_way=16),
        ("meet",),
    ),
    Row(
        "stalled",
        "sixteen under way to 1,000, and one more reads nothing (beside w16)",
        scenes.stalled,
        STALLED,
        Shape(WEB, 1000, under_way=16),
        ("meet",),
    ),
    Row(
        "ceiling",
        "the load generator itself: 1 room × 1,000, 64 under way, from the loop that joins",
        scenes.talk,
        CEILING,
        Shape(WEB, 1000, under_way=64),
        ("joining loop",),
    ),
)
