from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meet.commands import Join, Relay
from meet.posts import Post
from tests.irc.script import HOST_KEY, Script


def inside() -> Script:
    script = Script().register()
    script.room(title="Algebra I").come("ann", HOST_KEY)
    script.send("JOIN #algebra")
    return script


class AskingTests(SynchronousTestCase):
    def test_names(self) -> None:
        script = inside()
        assert script.send("NAMES #algebra") == ["353 mia = #algebra :@ann mia", "366 mia #algebra :End of NAMES."]
        assert script.send("NAMES") == ["366 mia * :End of NAMES."]
        assert script.send("NAMES #other") == ["366 mia #other :End of NAMES."]
        script.send("CAP REQ :userhost-in-names")
        assert script.send("NAMES #algebra")[0] == "353 mia = #algebra :@ann!web@meet mia!irc@meet"

    def test_many_names_take_several_lines(self) -> None:
        script = inside()
        for number in range(100):
            script.rooms["algebra"].come(f"somebody-{number}")
        lines = script.send("NAMES #algebra")
        assert len(lines) > 3
        names = " ".join(line.partition(" :")[2] for line in lines[:-1]).split()
        assert len(names) == 102

    def test_who_of_a_room_and_of_a_nick(self) -> None:
        script = inside()
        ann = "352 mia #algebra web meet meet ann H@ :0 ann via web"
        assert script.send("WHO #algebra") == [
            ann,
            "352 mia #algebra irc meet meet mia H :0 Mia",
            "315 mia #algebra :End of WHO.",
        ]
        assert script.send("WHO ann") == [ann, "315 mia ann :End of WHO."]
        assert script.send("WHO #algebra o") == [ann, "315 mia #algebra :End of WHO."]
        assert script.send("WHO #other") == ["315 mia #other :End of WHO."]
        assert len(script.send("WHO *")) == 3

    def test_whox_answers_what_clients_ask(self) -> None:
        script = inside()
        irssi, weechat = script.send("WHO ann %tcuhnfdar,743")[0], script.send("WHO ann %cuhsnfdar")[0]
        assert irssi == "354 mia 743 #algebra web meet ann H@ 0 0 :ann via web"
        assert weechat == "354 mia #algebra web meet meet ann H@ 0 0 :ann via web"

    def test_whois(self) -> None:
        script = inside()
        assert script.send("WHOIS ann") == [
            "311 mia ann web meet * :ann via web",
            "319 mia ann :@#algebra",
            "312 mia ann meet :Meet",
            "318 mia ann :End of WHOIS.",
        ]
        assert script.send("WHOIS bob") == [
            "401 mia bob :Nobody of that nick is in your rooms.",
            "318 mia bob :End of WHOIS.",
        ]
        assert Script().register().send("WHOIS mia")[0] == "311 mia mia irc meet * :Mia"
        assert script.send("WHOIS")[0][:3] == "431"

    def test_whowas_remembers_nobody(self) -> None:
        assert [line[:3] for line in inside().send("WHOWAS ann")] == ["406", "369"]

    def test_list_gives_no_names_away(self) -> None:
        script = inside()
        script.room("secret", title="Secret")
        assert [line.split()[2] for line in script.send("LIST") if line[:3] == "322"] == ["#algebra"]
        assert script.send("LIST #secret")[1] == "322 mia #secret 0 :Secret"
        assert [line[:3] for line in script.send("LIST #none", "LIST #!!")] == ["321", "323"] * 2

    def test_modes_of_a_room(self) -> None:
        script = inside()
        assert script.send("MODE #algebra") == ["324 mia #algebra +nt", "329 mia #algebra 1795528800"]
        for line in ("MODE #algebra b", "MODE #algebra +b"):
            assert [each[:3] for each in script.send(line)] == ["368"]
        for line in ("MODE #algebra +o mia", "MODE #algebra +b x!*@*", "MODE #algebra +k", "MODE #algebra +o"):
            assert [each[:3] for each in script.send(line)] == ["482"]

    def test_modes_of_whom_and_what_is_not_there(self) -> None:
        script = inside()
        script.room("secret")
        script.room("other").come("bob")
        script.send("JOIN #other")
        told = script.send(
            "MODE #none +o mia", "MODE #!!", "MODE #secret", "MODE #algebra +o nobody", "MODE #algebra -o bob"
        )
        assert [line.rpartition(" :")[0] for line in told] == [
            "403 mia #none",
            "403 mia #!!",
            "442 mia #secret",
            "401 mia nobody",
            "441 mia bob #algebra",
        ]

    def test_own_modes(self) -> None:
        script = inside()
        assert script.send("MODE mia +i") == [":mia MODE mia :+i"]
        assert script.send("MODE mia +i") == []
        assert script.send("MODE mia") == ["221 mia +i"]
        assert script.send("MODE mia +x")[0][:3] == "501"
        assert script.send("MODE ann")[0][:3] == "502"

    def test_userhost_and_ison(self) -> None:
        script = inside()
        assert script.send("USERHOST ann bob mia") == ["302 mia :ann*=+web@meet mia=+irc@meet"]
        assert script.send("ISON ann bob :mia cy") == ["303 mia :ann mia"]

    def test_away(self) -> None:
        assert [line[:3] for line in inside().send("AWAY :lunch", "AWAY")] == ["306", "305"]

    def test_what_cannot_be_done_yet_is_refused_plainly(self) -> None:
        script = inside()
        assert script.send("INVITE bob #algebra")[0][:3] == "421"
        assert script.send("KICK #algebra ann") == ["482 mia #algebra :Meet cannot end somebody's stay yet."]


class VoicesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.script = Script().register()
        self.room = self.script.room().come("ann")
        self.script.send(f"JOIN #algebra {HOST_KEY}")
        self.room.ask("mia", Join(nick="mia", via="irc", host_key=HOST_KEY))

    def follow(self) -> None:
        self.script.send("FOLLOW #algebra #pycon @eve")
        post = Post(
            source="bluesky",
            id="9",
            author="1",
            name="Dora",
            handle="dora.example",
            at="2026-11-24T14:00:00.000Z",
            text="hi",
            link="https://l",
        )
        self.room.ask("", Relay(post=post))

    def test_a_host_follows_and_anybody_asks_what(self) -> None:
        assert self.script.send("FOLLOW #algebra #pycon @eve") == [
            "NOTICE #algebra :This room follows #pycon @eve. With quotes."
        ]
        assert self.room.room.voices.words == ("#pycon", "@eve")
        assert self.script.send("FOLLOW #algebra") == ["NOTICE #algebra :This room follows #pycon @eve. With quotes."]
        assert self.script.send("VOICES #algebra pause") == [
            "NOTICE #algebra :This room follows #pycon @eve. With quotes. It is paused."
        ]
        assert self.script.send("FOLLOW #algebra none") == ["NOTICE #algebra :This room follows nothing outside."]

    def test_what_is_wrong_is_refused(self) -> None:
        (wrong,) = self.script.send("FOLLOW #algebra pycon")
        assert "Follow a hashtag, like #pycon" in wrong
        (wrong,) = self.script.send("BLOCK #algebra")
        assert wrong.endswith(":Write it as BLOCK #algebra name.")
        (wrong,) = self.script.send("FOLLOW #elsewhere #a")
        assert wrong.startswith("442 ")

    def test_an_author_is_blocked_and_let_in_again(self) -> None:
        self.follow()
        assert self.script.send("BLOCK #algebra @dora.example") == []
        assert self.room.room.voices.blocked == {"bluesky:1": "Dora"}
        assert self.script.send("UNBLOCK #algebra dora") == []
        assert self.room.room.voices.blocked == {}
