"""``meet demo``: what it puts together."""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.trial.unittest import SynchronousTestCase

from meet.demonstration import demo_configuration


class Demonstrations(SynchronousTestCase):
    def test_it_is_a_whole_meet_with_pages_alone(self) -> None:
        configuration = demo_configuration(Path("folder"), "8080", "2")
        assert configuration.doors == {"http": "8080"}
        assert (configuration.follow, configuration.record, configuration.reap) == (("demo",), True, True)
        assert configuration.sources == {"demo": {"seconds": "2"}}

    def test_without_a_port_it_is_refused(self) -> None:
        with pytest.raises(ValueError, match="Every door is closed"):
            demo_configuration(Path("folder"), "", "2")
