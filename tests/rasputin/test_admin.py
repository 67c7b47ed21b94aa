"""The admin shows what is Meet's and lets nobody change it; what was set aside can be told again there."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.test import Client

from meet.rasputin.models import Outgoing, SetAside
from meet.rasputin.observing import RECEIVERS, Heard, observe
from meet.rasputin.publishing import say
from meet.rasputin.testing import RasputinTestCase

AT = "/admin/rasputin"


class Admin(RasputinTestCase):
    def setUp(self) -> None:
        super().setUp()
        before = dict(RECEIVERS)
        self.addCleanup(lambda: (RECEIVERS.clear(), RECEIVERS.update(before)))
        self.browser = Client()
        self.browser.force_login(get_user_model().objects.create_superuser("root"))

    def test_rooms_and_lines(self) -> None:
        self.open("algebra", title="Algebra")
        self.said("algebra", "ann", "a line to find")
        page = self.browser.get(f"{AT}/room/").content.decode()
        assert 'href="/algebra"' in page
        from meet.rasputin.models import Room

        room = self.browser.get(f"{AT}/room/{Room.objects.get().pk}/change/").content.decode()
        assert "a line to find" in room
        assert self.browser.get(f"{AT}/room/add/").status_code == 403
        assert "a line to find" in self.browser.get(f"{AT}/line/?q=find").content.decode()
        assert "a line to find" not in self.browser.get(f"{AT}/line/?q=nothing").content.decode()

    def test_what_was_set_aside_is_told_again(self) -> None:
        heard: list[str] = []

        @observe("said")
        def note(told: Heard) -> None:
            if told.fields["text"] == "bad":
                raise ValueError("still bad")
            heard.append(told.fields["text"])

        name = list(RECEIVERS)[-1]
        for number, text in enumerate(("good", "bad"), 1):
            body = f'{{"kind":"said","at":"","by":"p","nick":"n","via":"w","text":"{text}"}}'
            SetAside.objects.create(
                room="a", epoch="k", number=number, body=body, receiver=name, given_up=True, error="Traceback: no"
            )
        ids = list(SetAside.objects.values_list("pk", flat=True))
        assert "Traceback: no" in self.browser.get(f"{AT}/setaside/{ids[0]}/change/").content.decode()
        done = self.browser.post(f"{AT}/setaside/", {"action": "again", "_selected_action": ids}, follow=True)
        assert heard == ["good"]
        assert "1 told." in done.content.decode()
        assert "still bad" in done.content.decode()
        assert SetAside.objects.count() == 1

    def test_what_waits_is_sent(self) -> None:
        self.open("algebra")
        self.bus.away = True
        with self.captureOnCommitCallbacks(execute=True):
            say("algebra", "late")
        self.bus.away = False
        ids = list(Outgoing.objects.values_list("pk", flat=True))
        assert "host_key" not in self.browser.get(f"{AT}/outgoing/{ids[0]}/change/").content.decode()
        done = self.browser.post(f"{AT}/outgoing/", {"action": "send_again", "_selected_action": ids}, follow=True)
        assert "1 sent." in done.content.decode()
        assert self.bus.entries[-2].fields["text"] == "late"
