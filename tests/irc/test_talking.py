from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meet.commands import Say
from meet.errors import Refused
from meet.events import Removed
from meet.irc.actions import Ask, Depart, Enter
from meet.irc.talking import undecorated
from tests.irc.script import HOST_KEY, PureRoom, Script


def inside() -> Script:
    script = Script().register()
    script.room().come("ann")
    script.send("JOIN #algebra")
    return script


def said(script: Script, room: str = "algebra") -> list[str]:
    return [entry.event.text for entry in script.rooms[room].talk]  # type: ignore[attr-defined]


class JoinTests(SynchronousTestCase):
    def test_opens_what_does_not_exist(self) -> None:
        assert Script().register().send("JOIN #algebra") == [
            ":mia!irc@meet JOIN #algebra",
            "353 mia = #algebra :@mia",
            "366 mia #algebra :End of NAMES.",
            f"NOTICE mia :You have opened #algebra. Its host key is {HOST_KEY} and is told only once: "
            f"JOIN #algebra {HOST_KEY} makes you its host wherever you are.",
            "NOTICE #algebra :Lines are kept until Wed 15:00 UTC, then deleted; "
            "anybody who knows the room's name can read them.",
        ]

    def test_shows_title_people_and_what_was_said(self) -> None:
        script = Script().register()
        script.room(title="Algebra I").come("ann", HOST_KEY).come("bob").say("ann", "welcome").say("bob", "hi")
        lines = script.send("JOIN #algebra")
        assert lines[1:5] == [
            "332 mia #algebra :Algebra I",
            "333 mia #algebra meet 1795528800",
            "353 mia = #algebra :@ann bob mia",
            "366 mia #algebra :End of NAMES.",
        ]
        assert lines[6:] == [
            "NOTICE #algebra :2 earlier lines follow.",
            ":ann!web@meet PRIVMSG #algebra :[14:00] welcome",
            ":bob!web@meet PRIVMSG #algebra :[14:00] hi",
        ]

    def test_earlier_lines_are_a_batch_for_those_who_know_it(self) -> None:
        script = Script().register()
        script.room().come("ann").say("ann", "welcome")
        script.send("CAP REQ :batch server-time message-tags")
        began, line, ended = script.send("JOIN #algebra")[-3:]
        assert began.endswith("BATCH +earlier chathistory :#algebra") or "chathistory #algebra" in began
        assert "time=2026-11-24T14:00:00.000Z" in line
        assert "batch=earlier" in line
        assert "msgid=k3q.3" in line
        assert line.endswith(" :welcome")
        assert ended.endswith("BATCH -earlier")

    def test_a_name_is_folded_as_on_the_web(self) -> None:
        script = Script().register()
        assert script.send("JOIN #Linear_Algebra")[0] == ":mia!irc@meet JOIN #linear-algebra"
        assert script.send("PRIVMSG #LINEAR_ALGEBRA :hi") == []
        assert said(script, "linear-algebra") == ["hi"]

    def test_twice_is_silent(self) -> None:
        assert inside().send("JOIN #algebra", "JOIN #ALGEBRA") == []

    def test_a_bad_name_fails_alone(self) -> None:
        script = Script().register()
        lines = script.send("JOIN #a,#b!,c,#d")
        assert sorted(script.client.places) == ["a", "d"]
        assert [line.split()[2] for line in lines if line.startswith("403")] == ["#b!", "c"]

    def test_the_host_key_makes_a_host(self) -> None:
        script = Script().register()
        script.room()
        assert "353 mia = #algebra :@mia" in script.send(f"JOIN #algebra {HOST_KEY}")

    def test_the_host_key_makes_a_host_of_one_inside(self) -> None:
        script = inside()
        assert script.send(f"JOIN #algebra {HOST_KEY}") == ["MODE #algebra +o mia"]
        assert script.send("JOIN #algebra wrong")[0][:21] == "475 mia #algebra :Tha"

    def test_another_key_is_refused(self) -> None:
        script = Script().register()
        script.room()
        assert script.send("JOIN #algebra wrong") == ["475 mia #algebra :That is not the host key of this room."]

    def test_a_nick_that_is_taken_keeps_the_connection(self) -> None:
        script = Script().register()
        script.room().come("Mia")
        assert script.send("JOIN #algebra") == [
            "437 mia #algebra :That nick is taken here. Try mia_2?",
            "NOTICE mia :#algebra: That nick is taken here. Try mia_2?",
        ]
        assert script.send("NICK mia_2", "JOIN #algebra")[1] == ":mia_2!irc@meet JOIN #algebra"

    def test_fifty_rooms_are_enough(self) -> None:
        script = Script().register()
        script.send("JOIN " + ",".join(f"#r{number}" for number in range(50)))
        assert script.send("JOIN #one-more") == ["405 mia #one-more :50 rooms at once are enough."]
        assert script.send("JOIN " + ",".join(["#a"] * 51))[0][:10] == "407 mia #a"

    def test_a_part_of_meet_that_is_away_is_told(self) -> None:
        script = Script().register()
        script.refusing[Enter] = Refused("unavailable", "The broker is away.")
        assert script.send("JOIN #algebra")[0] == "437 mia #algebra :The broker is away."


class SayTests(SynchronousTestCase):
    def test_is_said_as_it_stands(self) -> None:
        script = inside()
        assert script.send("PRIVMSG #algebra :hi there", "NOTICE #algebra :psst") == []
        assert said(script) == ["hi there", "psst"]

    def test_an_action_is_said_as_a_star(self) -> None:
        script = inside()
        script.send("PRIVMSG #algebra :\x01ACTION waves\x01", "PRIVMSG #algebra :\x01VERSION\x01")
        assert said(script) == ["* waves"]

    def test_decoration_goes(self) -> None:
        assert undecorated("\x02bold\x02 \x0304,12red\x03 \x1di\x0f \x04ff0000hex") == "bold red i hex"

    def test_a_line_too_long_is_refused_whole(self) -> None:
        script = inside()
        assert script.send("PRIVMSG #algebra :" + "x" * 141) == [
            "404 mia #algebra :141 characters, this room takes 140."
        ]
        script.send("CAP REQ :standard-replies")
        assert script.send("PRIVMSG #algebra :" + "x" * 141) == [
            "FAIL PRIVMSG TOO_LONG #algebra :141 characters, this room takes 140."
        ]
        assert said(script) == []

    def test_there_are_no_private_messages(self) -> None:
        script = inside()
        sentence = "Meet has no private messages: what is said is said in a room."
        assert script.send("PRIVMSG ann :psst") == [f"401 mia ann :{sentence}", f"NOTICE mia :{sentence}"]
        assert script.send("PRIVMSG NickServ :IDENTIFY x") == [f"401 mia NickServ :{sentence}"]
        assert said(script) == []

    def test_what_is_missing_is_said(self) -> None:
        script = inside()
        codes = [line.split()[0] for line in script.send("PRIVMSG", "PRIVMSG #algebra", "PRIVMSG #algebra :\u200b")]
        assert codes == ["411", "412", "412"]
        assert script.send("PRIVMSG #other :x")[0][:10] == "404 mia #o"
        assert script.send("PRIVMSG #a,#b :x")[0][:7] == "407 mia"

    def test_a_notice_is_never_answered(self) -> None:
        script = inside()
        script.refusing[Ask] = Refused("too-fast", "That was too fast.")
        assert script.send("NOTICE", "NOTICE ann :x", "NOTICE #other :x", "NOTICE #algebra :x") == []


class NickTests(SynchronousTestCase):
    def test_changes_in_every_room_and_is_told_once(self) -> None:
        script = inside()
        script.send("JOIN #other")
        assert script.send("NICK Mia2") == [":mia!irc@meet NICK Mia2"]
        assert [place.room.people.person("mia").nick for place in script.rooms.values()] == ["Mia2", "Mia2"]  # type: ignore[union-attr]

    def test_only_the_spelling_may_change(self) -> None:
        assert inside().send("NICK MIA") == [":mia!irc@meet NICK MIA"]

    def test_taken_in_one_room_is_changed_in_none(self) -> None:
        script = inside()
        script.room("other").come("bob")
        script.send("JOIN #other")
        assert script.send("NICK bob") == ["433 mia bob :That nick is taken in #other. Try bob_2?"]
        assert script.client.nick == "mia"

    def test_a_no_that_comes_late_changes_the_others_back(self) -> None:
        script = inside()
        script.send("JOIN #other")
        other = script.rooms["other"]
        lawful = other.ask

        def overtaken(who: str, command: object) -> object:
            if who == "mia" and not isinstance(command, Say):
                raise Refused("nick-taken", "That nick is taken here. Try bob_2?")
            return lawful(who, command)  # type: ignore[arg-type]

        other.ask = overtaken  # type: ignore[assignment,method-assign]
        assert script.send("NICK bob") == ["433 mia bob :That nick is taken here. Try bob_2?"]
        assert script.rooms["algebra"].room.people.person("mia").nick == "mia"  # type: ignore[union-attr]
        assert script.client.nick == "mia"


class TopicAndPartTests(SynchronousTestCase):
    def test_a_host_changes_the_title(self) -> None:
        script = Script().register()
        script.send("JOIN #algebra")
        assert script.send("TOPIC #algebra") == ["331 mia #algebra :No title is set."]
        assert script.send("TOPIC #algebra :Algebra I") == [":mia!irc@meet TOPIC #algebra :Algebra I"]
        assert script.send("TOPIC #algebra")[0] == "332 mia #algebra :Algebra I"

    def test_others_may_not(self) -> None:
        assert inside().send("TOPIC #algebra :x") == ["482 mia #algebra :Only the host of this room can do that."]
        assert inside().send("TOPIC #other") == ["442 mia #other :You are not in that room."]

    def test_part(self) -> None:
        script = inside()
        assert script.send("PART #algebra,#other,#!! :bye") == [
            ":mia!irc@meet PART #algebra :left",
            "442 mia #other :You are not in that room.",
            "403 mia #!! :A room's name has 1 to 40 letters a to z, digits and hyphens.",
        ]
        assert script.client.places == {}

    def test_join_zero_and_quit_leave_everything(self) -> None:
        for line in ("JOIN 0", "QUIT :bye"):
            script = inside()
            script.send("JOIN #other", line)
            assert sum(isinstance(action, Depart) for action in script.actions) == 2
            assert script.client.places == {}
        assert script.client.finished

    def test_tags_alone_are_not_passed_on(self) -> None:
        assert inside().send("@+typing=active TAGMSG #algebra") == []


class RedactTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.script = Script().register()
        self.room = self.script.room().come("ann")
        self.script.send(f"JOIN #algebra {HOST_KEY}")
        self.room.say("ann", "one").say("ann", "two")
        self.first, self.second = (item.position for item in self.room.talk)

    def removed(self) -> list[int]:
        return [item.event.number for item in self.room.talk if isinstance(item.event, Removed)]

    def test_a_line_is_hidden_by_its_msgid_or_for_who_types_by_a_nick(self) -> None:
        assert self.script.send(f"REDACT #algebra {self.first} :rude") == []
        assert self.script.send("REDACT #algebra ann") == []
        assert self.removed() == [self.first.seq, self.second.seq]
        (wrong,) = self.script.send("REDACT #algebra cy")
        assert wrong.endswith(":Nothing in the newest lines was said by cy.")
        assert self.script.send("REDACT #algebra")[0].startswith("461 mia REDACT ")
        assert self.script.send("REDACT #elsewhere ann")[0].startswith("442 ")

    def test_a_msgid_goes_before_a_nick_that_looks_like_one(self) -> None:
        self.room.come(str(self.first)).say(str(self.first), "three")
        self.script.send(f"REDACT #algebra {self.first}")
        assert self.removed() == [self.first.seq]

    def test_refusals_are_those_of_the_specification(self) -> None:
        self.script.send("CAP REQ :draft/message-redaction")
        assert self.script.send("REDACT #elsewhere k3q.1") == [
            "FAIL REDACT INVALID_TARGET #elsewhere :You are not in that room."
        ]
        for msgid in ("k3q.99", f"old.{self.first.seq}", "nothing"):
            (wrong,) = self.script.send(f"REDACT #algebra {msgid}")
            assert wrong.startswith(f"FAIL REDACT UNKNOWN_MSGID #algebra {msgid} :")
        # What is no talk is no message.
        assert self.script.send("REDACT #algebra k3q.1")[0].startswith("FAIL REDACT UNKNOWN_MSGID #algebra k3q.1 :")
        guest = Script().register()
        guest.rooms["algebra"] = PureRoom("algebra")
        guest.room().come("ann").say("ann", "one")
        guest.send("CAP REQ :draft/message-redaction", "JOIN #algebra")
        (said,) = guest.rooms["algebra"].talk
        assert guest.send(f"REDACT #algebra {said.position}") == [
            f"FAIL REDACT REDACT_FORBIDDEN #algebra {said.position} :Only the host of this room can do that."
        ]

    def test_a_window_that_was_away_is_told_what_was_removed(self) -> None:
        self.script.send("REDACT #algebra ann", "PART #algebra", "CAP REQ :draft/message-redaction")
        lines = self.script.send("JOIN #algebra")
        assert lines[-1] == f":mia!meet@meet REDACT #algebra {self.second}"
        # Its words are nowhere any more.
        self.script.send("PART #algebra", "CAP REQ :-draft/message-redaction")
        assert "REDACT" not in " ".join(self.script.send("JOIN #algebra"))
