"""The hall knows what its people did not hear as they should have."""

from __future__ import annotations

import random

from bench.people import Doors
from tests.drills.hall import Seat, report


def seats(*heard: list[str]) -> list[Seat]:
    found = []
    for number, texts in enumerate(heard):
        seat = Seat(Doors(0, 0, 0), "algebra", f"h{number}", random.Random(1), 1.0)
        seat.said, seat.heard = 1, texts
        found.append(seat)
    return found


def test_all_that_heard_all_in_one_order_is_well() -> None:
    all_of_it = ["h1 says 1", "h0 says 1"]
    assert report(seats(all_of_it, all_of_it)) == {"said": 2, "lost": 0, "twice": 0, "disordered": 0}


def test_what_one_did_not_hear_or_heard_twice_or_out_of_order_is_counted() -> None:
    order = ["h0 says 1", "h1 says 1", "h2 says 1", "h3 says 1"]
    wrong = [order[:3], [*order, order[0]], [order[1], order[0], *order[2:]]]
    assert report(seats(order, *wrong)) == {"said": 4, "lost": 1, "twice": 1, "disordered": 2}
