"""One log in files: what is added is read in the order of its numbers."""

from __future__ import annotations

from pathlib import Path

from meet.store.shelf import Shelf, logs
from tests.contracts.records import opened, pieces, said


def test_numbers_are_in_order_however_they_came(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, "algebra", "k3q")
    shelf.add([said(5, "five"), said(3, "three")])
    shelf.add([opened(), said(4, "four")])
    for each in (shelf, Shelf(tmp_path, "algebra", "k3q")):
        assert list(each.numbers()) == [1, 3, 4, 5]
        assert list(each.numbers(3, below=5)) == [4]
        assert list(each.numbers(talk=False)) == [1]
        assert list(each.talk_before(5)) == [4, 3]
        assert list(each.read(each.numbers(above=3))) == pieces(said(4, "four"), said(5, "five"))


def test_what_is_there_is_not_written_again_and_of_two_the_later_counts(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, "algebra", "k3q")
    shelf.add([said(2, "one"), said(2, "one")])
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    shelf.add([said(2, "one")])
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == size
    shelf.add([said(2, "other")])
    for each in (shelf, Shelf(tmp_path, "algebra", "k3q")):
        assert list(each.read(each.numbers())) == pieces(said(2, "other"))


def test_logs_are_told_by_their_files(tmp_path: Path) -> None:
    for room, epoch in (("b", "2"), ("b", "1"), ("a.b", "1")):
        Shelf(tmp_path, room, epoch).add([said(2, "hi", room=room, epoch=epoch)])
    assert logs(tmp_path) == [("a.b", "1"), ("b", "1"), ("b", "2")]
