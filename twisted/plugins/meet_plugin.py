"""Tells twistd that there is ``twistd meet``.  Only strings, so that other plugins cost nothing."""

from twisted.application.service import ServiceMaker

meet = ServiceMaker("Meet", "meet.tap", "A room that browsers, IRC clients, nc and scripts enter.", "meet")
