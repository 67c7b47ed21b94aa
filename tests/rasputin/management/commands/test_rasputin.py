"""``manage.py rasputin`` as an operator gives it."""

from __future__ import annotations

from io import StringIO

from django.core.management import CommandError, call_command
from django.test import override_settings

from meet.rasputin.models import Line
from tests.rasputin.ground import BusCase, server
from tests.servers.program import free_port


class Commands(BusCase):
    def told(self, url: str) -> str:
        out = StringIO()
        with override_settings(RASPUTIN={"BROKER": url, "TRIES": 1}):
            call_command("rasputin", once=True, stdout=out)
        return out.getvalue()

    def test_once(self) -> None:
        url = f"{server().url}?prefix={self.names.prefix}"
        assert self.told(url) == "Told 0 records; 0 were no records and were passed over.\n"
        self.open()
        self.say("hi")
        assert self.told(url).startswith("Told 4 records;")
        assert Line.objects.get().text == "hi"

    def test_what_is_wrong_is_one_sentence(self) -> None:
        with self.assertRaisesRegex(CommandError, "BROKER is missing"):
            self.told("")

    def test_a_redis_that_is_not_there(self) -> None:
        import meet.rasputin.worker as worker

        pause = worker._SHORTEST
        worker._SHORTEST = 0.01
        self.addCleanup(setattr, worker, "_SHORTEST", pause)
        with self.assertRaisesRegex(CommandError, "Redis cannot be asked"):
            self.told(f"redis://127.0.0.1:{free_port()}")
