"""The words that the Lua files are given, held to the Lua files."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

import meet
from meet.bus import MARGIN, position_of, published, room_keys, till, to_publish, to_read
from meet.errors import Stale, Taken
from meet.events import KINDS, Closed, Extended, Opened, Position, Said
from meet.keys import Names
from meet.limits import Limits
from meet.wire import encode

NAMES = Names("meet")
LIMITS = Limits()
SCRIPTS = Path(meet.__file__).parent / "broker" / "redis"


def unpacked(script: str, what: str) -> list[str]:
    """The names by which a Lua file calls its ``KEYS`` or ``ARGV``."""
    text = (SCRIPTS / f"{script}.lua").read_text()
    found = re.search(rf"^local ([\w, \n]+) =\s+unpack\({what}[^)]*\)", text, re.MULTILINE)
    assert found is not None
    return [name.strip() for name in found[1].split(",")]


class Publishing(SynchronousTestCase):
    def test_every_word_stands_where_the_script_takes_it(self) -> None:
        body = encode(Extended(at="2026-11-24T14:05:09.120Z", by="p7", nick="ann", ends="2026-11-24T15:10:00.000Z"))
        asked = to_publish(
            NAMES,
            "algebra",
            body,
            under=Position("k3q", 1),
            key="ends",
            ruling=True,
            claim=("who:ann", "p7"),
            once="p7:7",
            erase=Position("k3q", 2),
            process="one",
            epoch="new",
            limits=LIMITS,
        )
        named = dict(zip(unpacked("publish", "ARGV"), asked.words, strict=True))
        assert named == {
            "room": "algebra",
            "body": body,
            "under": "k3q.1",
            "key": "ends",
            "flags": "krc",
            "claimed": "who:ann",
            "owner": "p7",
            "process": "one",
            "fresh": "new",
            "depth": 1000,
            "channel": "meet:{22}:room:algebra",
            "wake": "meet:wake",
            "shard": 22,
            "till": 1_795_533_000_000 + 1000 * (LIMITS.grace + MARGIN),
            "erase": "k3q.2",
            "stays": 300_000,
        }
        kinds = [str(key).split(":")[2] for key in asked.keys]
        assert kinds == [{"mark": "once"}.get(name, name) for name in unpacked("publish", "KEYS")]

    def test_what_is_put_instead_of_other_words_stands_behind_all_others(self) -> None:
        places = [(Position("k3q", 2), b"bare"), (Position("k3q", 4), b"too")]
        plain, changing = (
            to_publish(NAMES, "algebra", b"{}", under=None, process="one", epoch="new", limits=LIMITS, instead=instead)
            for instead in ((), places)
        )
        assert len(plain.words) == len(unpacked("publish", "ARGV"))
        assert changing.words == [*plain.words, "k3q.2", b"bare", "k3q.4", b"too"]

    def test_talk_has_no_key_and_no_guard_that_was_not_asked_for(self) -> None:
        body = encode(Said(at="", by="p7", nick="ann", via="web", text="hi"))
        asked = to_publish(NAMES, "algebra", body, under=None, process="one", epoch="new", limits=LIMITS)
        named = dict(zip(unpacked("publish", "ARGV"), asked.words, strict=True))
        assert [named[name] for name in ("under", "key", "flags", "claimed", "till", "erase")] == [""] * 6
        assert len(asked.keys) == len(unpacked("publish", "KEYS")) - 1

    def test_the_room_is_in_one_shard(self) -> None:
        keys = [*room_keys(NAMES, "algebra"), *to_read(NAMES, "algebra").keys]
        assert {re.findall(r"\{(\d\d)\}", str(key))[0] for key in keys} == {"22"}

    def test_what_it_answers(self) -> None:
        assert published(b"k3q.12") == published(b"=k3q.12") == Position("k3q", 12)
        self.assertRaises(Stale, published, b"stale")
        self.assertRaises(Taken, published, b"taken")

    @given(st.text("0123456789abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=16), st.integers(1, 2**53))
    def test_a_position_is_read_as_it_was_written(self, epoch: str, number: int) -> None:
        assert position_of(str(Position(epoch, number)).encode()) == Position(epoch, number)


class Staying(SynchronousTestCase):
    def test_a_room_stays_as_long_as_its_newest_end_says(self) -> None:
        opened = Opened(at="", name="a", title="a", ends="1970-01-01T00:00:10Z", limit=1, lock="")
        closed = Closed(at="1970-01-01T00:00:05Z", because="time")
        rest = 1000 * (LIMITS.grace + MARGIN)
        assert till([opened], LIMITS) == 10_000 + rest
        assert till([opened, closed], LIMITS) == 5_000 + rest
        assert till([], LIMITS) is None


class Document(SynchronousTestCase):
    """docs/bus.md against the code."""

    TEXT = (Path(meet.__file__).parent.parent / "docs" / "bus.md").read_text("utf-8")

    def test_every_word_of_the_script_in_its_order(self) -> None:
        table = self.TEXT.split("| word | what it is |", 1)[1].split("\n\n")[0]
        assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == unpacked("publish", "ARGV")

    def test_every_kind_and_its_fields(self) -> None:
        told = dict(re.findall(r"^\| `(\w+)` \|.*\| ([^|]*) \|$", self.TEXT, re.MULTILINE))
        for kind in KINDS:
            fields = [name for name in kind.__struct_fields__ if name != "at"]
            assert sorted(re.findall(r"`(\w+)`", told[kind.__name__.lower()])) == sorted(fields), kind

    def test_the_keys(self) -> None:
        for key in (
            NAMES.channel("algebra"),
            NAMES.of(22, "journal"),
            *(NAMES.room(22, what, "algebra") for what in ("tail", "kept", "head")),
            NAMES.wake,
        ):
            assert f"| `{key}` |" in self.TEXT

    def test_every_script_that_it_names_is_there(self) -> None:
        assert all((SCRIPTS / name).exists() for name in re.findall(r"`(\w+\.lua)`", self.TEXT))
