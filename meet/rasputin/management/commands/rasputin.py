"""``manage.py rasputin``: hear Meet, durably.

Run as many as you like; they share the work.  SIGTERM ends one after the batch under way.
"""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from meet.errors import Unavailable
from meet.keys import Names
from meet.rasputin.configuration import configured
from meet.rasputin.connection import connect
from meet.rasputin.journal import Journal
from meet.rasputin.worker import Worker


class Command(BaseCommand):
    """The durable worker."""

    help = "Tells this site what happens in Meet, durably: receivers, signals, rooms and transcripts."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What may stand behind it."""
        parser.add_argument("--once", action="store_true", help="end when there is nothing more to tell")

    def handle(self, *_args: Any, once: bool, **_options: Any) -> None:
        """Work until stopped."""
        try:
            told = configured()
            address = told.address
        except (ImproperlyConfigured, ValueError) as wrong:
            raise CommandError(str(wrong)) from None
        journal = Journal(connect(address), Names(address.prefix), told.observer, time.monotonic)
        worker = Worker(journal, keep=told.keep, tries=told.tries)
        try:
            worker.run(once=once)
        except Unavailable as away:
            raise CommandError(str(away)) from None
        if once or journal.refused:
            self.stdout.write(f"Told {worker.told} records; {journal.refused} were no records and were passed over.")
