"""Fixtures that these tests share with those of the doors."""

from __future__ import annotations

from tests.live.conftest import closing

__all__ = ["closing"]
