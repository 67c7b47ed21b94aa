from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meet.errors import GOODBYES, Refused
from meet.irc.formats import Lines
from tests.irc.script import Script


class ClientTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.script = Script().register()
        self.client = self.script.client

    def test_capabilities_make_the_format(self) -> None:
        assert self.client.lines == Lines("meet")
        self.script.send("CAP REQ :message-tags server-time extended-join")
        assert self.client.lines == Lines("meet", tags=True, times=True, extended_join=True)

    def test_a_refusal_has_the_numeric_of_its_code(self) -> None:
        self.client.refuse("TOPIC", Refused("not-host", "Only the host can do that."), "#algebra")
        assert self.script.send() == ["482 mia #algebra :Only the host can do that."]

    def test_a_refusal_without_a_numeric_is_a_standard_reply_or_a_notice(self) -> None:
        refused = Refused("too-fast", "That was too fast.")
        self.client.refuse("TOPIC", refused, "#algebra")
        assert self.script.send() == ["NOTICE mia :#algebra That was too fast."]
        self.script.send("CAP REQ :standard-replies")
        self.client.refuse("TOPIC", refused, "#algebra")
        assert self.script.send() == ["FAIL TOPIC TOO_FAST #algebra :That was too fast."]

    def test_the_end_of_a_stay_is_shown_in_the_room(self) -> None:
        for name, commands in (("kicked", ["NOTICE", "KICK"]), ("room-closed", ["NOTICE", "KICK"])):
            self.script.send(f"JOIN #{name}")
            self.client.expelled(name, GOODBYES[name])
            self.client.expelled(name, GOODBYES[name])
            assert [line.split()[0] for line in self.script.send()] == commands
        self.script.send("JOIN #other")
        self.client.expelled("other", GOODBYES["left"])
        assert self.script.send() == [":mia!irc@meet PART #other :You left the room."]

    def test_several_words_never_make_a_line_too_long(self) -> None:
        words = [f"wörd-{number}" * 3 for number in range(100)]
        self.client.several("353", "=", "#algebra", words=words)
        lines = self.script.send()
        assert " ".join(line.partition(" :")[2] for line in lines).split() == words
        self.client.several("353", "=", "#algebra", words=[])
        assert self.script.send() == []
