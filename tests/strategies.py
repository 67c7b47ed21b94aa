"""What Hypothesis draws its examples from."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import strategies as st

from meet import names
from meet.commands import (
    Block,
    Choose,
    Close,
    Command,
    Erase,
    Extend,
    Follow,
    GiveUp,
    Join,
    Leave,
    Open,
    Relay,
    Remove,
    Rename,
    Retitle,
    Say,
    Unblock,
    Withdraw,
)
from meet.errors import Refused, Stale, Taken
from meet.events import KINDS, Event, Position
from meet.limits import Limits
from meet.look import Look
from meet.moments import moment
from meet.posts import Post, Provenance
from meet.room import Room
from meet.wire import encode, entry
from tests.model_broker import ModelBroker
from tests.stories import HOST_KEY, NOON

# Where text goes wrong: controls, marks of direction, joiners, accents alone, width, surrogates.
nasty = st.sampled_from(
    [
        *"\x00\x07\t\n\r\x1b \x7f\x85\xa0\xad\u0301\u0345\u034f\u180e\u200b\u200c\u200d\u200e\u200f\u2028",
        *"\u202a\u202e\u2066\u2069\u3000\u3164\ufeff\ufe0f\ud800\udfff\U000e0001\U000e0100ﬀİßſÅ",
        *("👩‍🏫", "👍🏽", "e\u0301", "!", "@", "#", "<", ">", ",", "_", "-", "+"),
    ]
)
texts = st.lists(st.one_of(st.text(max_size=6), nasty), max_size=12).map("".join)
"""Any text, surrogates too."""

sendable = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)
"""Any text that UTF-8 can carry."""

moments = st.one_of(
    st.integers(0, 4_000_000_000_000).map(lambda number: moment(number / 1000)),
    st.sampled_from(["", "soon", "2026-99-99T00:00:00.000Z", "2026-11-24T12:00:00"]),
)


def events() -> st.SearchStrategy[Event]:
    """An event of any kind, true or not, as another program might publish it."""
    fields: dict[str, st.SearchStrategy[object]] = {
        "at": moments,
        "ends": moments,
        "limit": st.integers(-(2**63), 2**63 - 1),
        "host": st.booleans(),
    }
    short = st.sampled_from(["", "a", "A", "b", "ａ"]) | sendable
    fields["post"] = st.none() | st.builds(
        Provenance, id=short, handle=short, at=moments, link=short, was=short, media=st.just(())
    )
    fields["words"] = st.lists(short, max_size=3).map(tuple)
    fields |= {name: st.booleans() for name in ("reposts", "quotes", "sensitive", "paused", "hosts", "lifted")}
    fields |= {name: st.integers(-(2**63), 2**63 - 1) for name in ("number", "count")}
    fields["before"] = st.lists(short, max_size=3).map(tuple)
    return st.one_of(
        [st.builds(kind, **{name: fields.get(name, short) for name in kind.__struct_fields__}) for kind in KINDS]
    )


class Numbered(NamedTuple):
    """One entry of a log, and the look at the broker right after it."""

    position: Position
    body: bytes
    look: Look


posts = st.builds(
    Post,
    source=st.just("bluesky"),
    id=st.sampled_from(["1", "2", "3"]),
    author=st.sampled_from(["dora", "eve"]),
    name=st.just("Dora"),
    handle=st.just("dora.example"),
    at=st.just(moment(NOON)),
    text=st.just("from afar"),
    link=st.just("https://bluesky.example/1"),
    repost=st.booleans(),
)

commands: st.SearchStrategy[Command] = st.one_of(
    st.builds(Relay, post=posts),
    st.builds(Follow, words=st.sampled_from([(), ("#pycon",), ("#pycon", "@speaker")])),
    st.builds(Choose, paused=st.booleans()) | st.builds(Choose, reposts=st.booleans()),
    st.sampled_from([Block(author="bluesky:eve"), Unblock(author="bluesky:eve")]),
    st.builds(Say, text=st.sampled_from(["hi", "what?"]), ref=st.just("")),
    st.builds(
        Join,
        nick=st.sampled_from(["Ann", "ann", "Bob", "Cy"]),
        via=st.just("web"),
        host_key=st.sampled_from(["", HOST_KEY]),
    ),
    st.builds(Rename, nick=st.sampled_from(["Ann", "ann", "Bob", "Cy"])),
    st.builds(GiveUp, nick=st.sampled_from(["Ann", "Bob", "Cy"])),
    st.just(Leave()),
    st.builds(Retitle, title=st.sampled_from(["Sets", "Rings"])),
    st.builds(Extend, ends=st.sampled_from([NOON + 3600, NOON + 7200])),
    st.sampled_from([Say(text="once more"), Say(text="again"), Close()]),
)


removals: st.SearchStrategy[Command] = st.one_of(
    *(st.builds(kind, number=st.integers(1, 30)) for kind in (Remove, Withdraw, Erase))
)


@st.composite
def logs(draw: st.DrawFn, limits: Limits, most: int = 40, removing: bool = False) -> list[Numbered]:
    """The log of one room that was opened, and that some people used, ``removing`` lines too."""
    wishes = commands | removals if removing else commands
    broker = ModelBroker(limits)
    room = Room("algebra", limits)
    log: list[Numbered] = []
    opening = Open(title="", ends=NOON + 3600, limit=140, lock=names.digest(HOST_KEY))
    asks = draw(st.lists(st.tuples(st.sampled_from(["id-ann", "id-bob", "id-cy"]), wishes), max_size=most))
    for who, command in [("", opening), ("id-ann", Join(nick="Ann", via="web", host_key=HOST_KEY)), *asks]:
        try:
            event = room.decide(command, who, NOON)
            position, _ = broker.publish(encode(event), room.guards(event), NOON)
        except (Refused, Stale, Taken):
            continue
        if log and position <= log[-1].position:
            # A post that stands already.
            continue
        room.apply(entry(position, encode(event)))
        log.append(Numbered(position, encode(event), broker.read()))
    return log
