from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.irc.script import Script


class AboutTests(SynchronousTestCase):
    def test_each_question_has_its_answer(self) -> None:
        script = Script().register()
        for line, codes in (
            ("MOTD", ["422"]),
            ("LUSERS", ["251", "252", "253", "254", "255", "265", "266"]),
            ("VERSION", ["351", "005", "005"]),
            ("TIME", ["391"]),
            ("INFO", ["371", "371", "374"]),
            ("LINKS", ["364", "365"]),
            ("ADMIN", ["423"]),
            ("OPER a b", ["491"]),
        ):
            assert [each[:3] for each in script.send(line)] == codes, line

    def test_help_tells_how_to_go_on(self) -> None:
        lines = Script().register().send("HELP")
        assert {line[:3] for line in lines} == {"704", "705", "706"}
        assert any("JOIN #name" in line for line in lines)

    def test_lusers_counts_people_of_every_door(self) -> None:
        lines = Script().register().send("LUSERS")
        assert "There are 3 users" in lines[0]
        assert lines[3] == "254 mia 2 :channels formed"
