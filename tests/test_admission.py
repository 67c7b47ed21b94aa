"""A school may come in at once, a flood may not; one household is one address."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meet import admission
from meet.admission import Admission
from meet.errors import Refused
from meet.limits import Limits

FEW = Limits().but({"connections-per-address": 2, "joins-per-address": 3, "rooms-per-address": 2})


class ConnectionTests(SynchronousTestCase):
    def test_bounded_for_each_address(self) -> None:
        doors = Admission(FEW)
        first = doors.connect("192.0.2.1")
        doors.connect("192.0.2.1")
        with pytest.raises(Refused) as refused:
            doors.connect("192.0.2.1")
        assert refused.value.code == "too-many"
        assert refused.value.detail == "There are 2 connections from your address already."
        doors.connect("192.0.2.2")
        first()
        first()
        doors.connect("192.0.2.1")
        with pytest.raises(Refused):
            doors.connect("192.0.2.1")

    def test_an_ipv6_household_is_one_address(self) -> None:
        doors = Admission(FEW)
        doors.connect("2001:db8:1:2::1")
        doors.connect("2001:db8:1:2:ffff::9")
        with pytest.raises(Refused):
            doors.connect("2001:0db8:0001:0002::3%eth0")
        doors.connect("2001:db8:1:3::1")

    def test_an_ipv4_address_is_one_however_it_is_written(self) -> None:
        doors = Admission(FEW)
        doors.connect("192.0.2.1")
        doors.connect("::ffff:192.0.2.1")
        with pytest.raises(Refused):
            doors.connect("192.0.2.1")
        doors.connect("::ffff:192.0.2.2")

    def test_switched_off(self) -> None:
        doors = Admission(Limits().but({"connections-per-address": 0}))
        for _ in range(10_000):
            doors.connect("192.0.2.1")

    @given(st.text())
    def test_any_address_is_counted(self, address: str) -> None:
        doors = Admission(FEW)
        doors.connect(address)()


class PaceTests(SynchronousTestCase):
    def test_joins_in_ten_seconds(self) -> None:
        doors = Admission(FEW)
        for _ in range(3):
            doors.join("192.0.2.1", 100.0)
        with pytest.raises(Refused) as refused:
            doors.join("192.0.2.1", 100.0)
        assert refused.value.code == "too-fast"
        assert refused.value.detail == "People are coming in too fast from your address. Try again in 4 seconds."
        doors.join("192.0.2.2", 100.0)
        doors.join("192.0.2.1", 104.0)

    def test_rooms_in_an_hour(self) -> None:
        doors = Admission(FEW)
        doors.open("2001:db8::1", 100.0)
        doors.open("2001:db8::2", 100.0)
        with pytest.raises(Refused):
            doors.open("2001:db8::3", 1800.0)
        doors.open("2001:db8::3", 1901.0)

    def test_joins_and_rooms_are_counted_apart(self) -> None:
        doors = Admission(FEW)
        for _ in range(2):
            doors.open("192.0.2.1", 100.0)
            doors.join("192.0.2.1", 100.0)

    def test_who_did_nothing_lately_is_forgotten(self) -> None:
        doors = Admission(FEW)
        for number in range(admission._SWEEP):
            doors.join(f"10.0.{number // 256}.{number % 256}", 100.0)
        for _ in range(3):
            doors.join("192.0.2.1", 200.0)
        assert len(doors._joins) == 1
        with pytest.raises(Refused):
            doors.join("192.0.2.1", 200.0)
