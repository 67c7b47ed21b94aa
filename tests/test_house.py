"""A door is given what it needs in one piece, and cannot change it for the other doors."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import pytest
from twisted.trial.unittest import SynchronousTestCase

from tests.flow import Flow


class HouseTests(SynchronousTestCase):
    def test_the_parts_belong_together(self) -> None:
        flow = Flow()
        assert flow.house.sessions.hub is flow.house.hub
        assert flow.house.sessions.limits is flow.house.limits
        assert flow.house.sessions.clock is flow.house.clock

    def test_a_door_cannot_change_it(self) -> None:
        house = Flow().house
        for field in fields(house):
            with pytest.raises(FrozenInstanceError):
                setattr(house, field.name, None)
