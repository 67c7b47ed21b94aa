from __future__ import annotations

from meet.attended import Attended, Hold
from meet.feed import Feed
from meet.limits import Limits


def test_a_hold_ends_once() -> None:
    attended = Attended(Feed("algebra", Limits()))
    attended.holds = 2
    released: list[Attended] = []
    hold = Hold(attended, released.append)
    hold()
    hold()
    assert attended.holds == 1
    assert released == [attended]
