from __future__ import annotations

from pathlib import Path

import pytest
from twisted.trial.unittest import SynchronousTestCase

from meet.configuration import OPTIONS, configure
from meet.limits import Limits


class Precedence(SynchronousTestCase):
    def test_without_a_word_there_are_the_defaults(self) -> None:
        configuration = configure({})
        assert configuration.doors == {"http": "8080", "irc": "6667", "line": "2323"}
        assert configuration.data == Path("meet-data")
        assert (configuration.broker, configuration.store) == ("local:", "sqlite:")
        assert configuration.limits == Limits()

    def test_command_line_over_environment_over_file(self) -> None:
        file = 'http = 1\nirc = "2"\nline = "3"\n'
        environment = {"MEET_HTTP": "10", "MEET_IRC": "20"}
        configuration = configure({"http": "100"}, environment=environment, file=file)
        assert configuration.doors == {"http": "100", "irc": "20", "line": "3"}

    def test_an_archive_has_a_name_that_every_broker_can_keep(self) -> None:
        for name, told in (("Archive", "must be a name"), ("", "must be a name"), ("reaper", "cannot be reaper")):
            with pytest.raises(ValueError, match=told):
                configure({"recorder": name})

    def test_every_option_can_be_set_in_all_three_places(self) -> None:
        values = {
            "log": ("json", "json"),
            "log-level": ("debug", "debug"),
            "public-url": ("https://a.example", "https://a.example"),
            "name": ("a.example", "a.example"),
            "serve": ("line, web", ("web", "line")),
            "record": ("1", True),
            "recorder": ("archive-2", "archive-2"),
            "reap": ("on", True),
            "follow": ("bluesky", ("bluesky",)),
            "at": ("/meet/", "/meet"),
            "trust": ("127.0.0.1, 10.0.0.0/8,unix", ("127.0.0.1/32", "10.0.0.0/8", "unix")),
            "data": ("word:", Path("word:")),
        }
        for option in OPTIONS:
            value, meant = values.get(option.name, ("word:", "word:"))
            attribute = option.name.replace("-", "_")
            for configuration in (
                configure({option.name: value}),
                configure({}, environment={option.variable: value}),
                configure({}, file=f'{option.name} = "{value}"'),
            ):
                assert getattr(configuration, attribute) == meant

    def test_limits_come_from_all_three_too(self) -> None:
        limits = configure(
            {},
            ["people-in-room=3"],
            {"MEET_LIMITS": "people-in-room=2, names-in-here=20"},
            "[limits]\npeople-in-room = 1\nnames-in-here = 10\ngrace = 100\n",
        ).limits
        assert (limits.people_in_room, limits.names_in_here, limits.grace) == (3, 20, 100)

    def test_an_empty_word_closes_a_door(self) -> None:
        configuration = configure({"irc": ""}, environment={"MEET_LINE": ""})
        assert list(configuration.doors) == ["http"]

    def test_other_variables_of_that_beginning_are_somebody_elses(self) -> None:
        configure({}, environment={"MEET_PORT_8080_TCP": "tcp://10.0.0.1:8080"})


class Roles(SynchronousTestCase):
    def roles(self, *arguments: object, **named: object) -> tuple[list[str], bool, bool]:
        configuration = configure(*arguments, **named)  # type: ignore[arg-type]
        return list(configuration.doors), configuration.record, configuration.reap

    def test_one_process_does_everything(self) -> None:
        assert self.roles({}) == (["http", "irc", "line"], True, True)
        assert self.roles({"line": ""}) == (["http", "irc"], True, True)

    def test_as_soon_as_one_is_given_only_what_is_given_is_done(self) -> None:
        assert self.roles({"serve": "web"}) == (["http"], False, False)
        assert self.roles({"serve": "line,irc"}) == (["irc", "line"], False, False)
        assert self.roles({"record": "1"}) == ([], True, False)
        assert self.roles({"reap": "1"}) == ([], False, True)
        assert self.roles({"serve": "web", "reap": "1"}) == (["http"], False, True)

    def test_they_can_be_given_in_different_places(self) -> None:
        environment = {"MEET_RECORD": "1"}
        assert self.roles({"reap": "1"}, environment=environment) == ([], True, True)
        assert self.roles({}, environment=environment, file='serve = "irc"\nreap = true\n') == (["irc"], True, True)
        assert self.roles({}, environment={"MEET_RECORD": "0"}, file="record = true\nreap = true") == ([], False, True)

    def test_an_empty_word_gives_nothing(self) -> None:
        assert self.roles({"serve": ""}, environment={"MEET_RECORD": ""}) == (["http", "irc", "line"], True, True)


class Archives(SynchronousTestCase):
    def test_the_process_that_records_says_where_others_read_its_archive(self) -> None:
        assert configure({"archive": "unix:/run/meet/archive.sock"}).archive == "unix:/run/meet/archive.sock"
        assert configure({"record": "1", "archive": "unix:/a"}).archive == "unix:/a"
        assert configure({"serve": "web", "store": "process:unix:/a"}).store == "process:unix:/a"

    def test_a_process_that_does_not_record_has_no_archive_for_others(self) -> None:
        for options in ({"serve": "web", "archive": "unix:/a"}, {"reap": "1", "archive": "unix:/a"}):
            with pytest.raises(ValueError, match=r"for a process that records.*\.\Z"):
                configure(options)

    def test_a_bare_port_would_let_everybody_in(self) -> None:
        with pytest.raises(ValueError, match=r"not a bare port.*\.\Z"):
            configure({"archive": "8090"})


class Paths(SynchronousTestCase):
    def test_the_path_stands_in_the_public_address_too(self) -> None:
        for options in (
            {"at": "/a/meet", "public-url": "https://a.example"},
            {"public-url": "https://a.example/a/meet/"},
            {"at": "/a/meet/", "public-url": "https://a.example/a/meet"},
        ):
            configuration = configure(options)
            assert (configuration.at, configuration.public_url) == ("/a/meet", "https://a.example/a/meet")

    def test_a_slash_is_no_path(self) -> None:
        assert configure({"at": "/"}).at == ""


class Wrong(SynchronousTestCase):
    def refused(self, *arguments: object, **named: object) -> str:
        with pytest.raises(ValueError, match=r"\.\Z") as error:
            configure(*arguments, **named)  # type: ignore[arg-type]
        sentence = str(error.value)
        assert "\n" not in sentence
        return sentence

    def test_what_is_wrong_is_named(self) -> None:
        for options, word in (
            ({"log": "xml"}, "log"),
            ({"log-level": "loud"}, "log-level"),
            ({"data": ""}, "data"),
            ({"broker": ""}, "broker"),
            ({"store": ""}, "store"),
            ({"name": "two words"}, "name"),
            ({"name": "x" * 64}, "name"),
            ({"public-url": "meet.example.org"}, "public-url"),
            ({"public-url": "https://meet.example.org/a b"}, "public-url"),
            ({"public-url": "https://meet.example.org/.."}, "public-url"),
            ({"public-url": "https://meet.example.org/chat", "at": "/meet"}, "two paths"),
            ({"public-url": "https://ann@meet.example.org"}, "public-url"),
            ({"public-url": "https://meet.example.org:port"}, "public-url"),
            ({"at": "meet"}, "at"),
            ({"at": "/../x"}, "at"),
            ({"at": "/a//b"}, "at"),
            ({"trust": "everybody"}, "trust"),
            ({"trust": "10.0.0.1/8"}, "trust"),
            ({"serve": "web,ftp"}, "'ftp'"),
            ({"serve": "web", "http": ""}, "http"),
            ({"record": "perhaps"}, "record"),
            ({"reap": "0"}, "nothing left"),
            ({"http": "", "irc": "", "line": ""}, "door"),
        ):
            assert word in self.refused(options)

    def test_a_file_with_something_else_in_it(self) -> None:
        assert "colour" in self.refused({}, file='colour = "blue"')
        assert "http" in self.refused({}, file="http = true")
        assert "http" in self.refused({}, file="http = [8080]")
        assert "record" in self.refused({}, file="record = 2")
        assert "[limits]" in self.refused({}, file="limits = 3")
        assert "TOML" in self.refused({}, file="http 8080")

    def test_limits(self) -> None:
        assert "speed" in self.refused({}, ["speed=1"])
        assert "name=value" in self.refused({}, ["grace"])
        assert "grace" in self.refused({}, ["grace=-1"])
        assert "grace" in self.refused({}, ["grace=soon"])
        assert "grace" in self.refused({}, ["grace=0"])
        assert "grace" in self.refused({}, ["grace=" + "9" * 5000])
        assert "speed" in self.refused({}, environment={"MEET_LIMITS": "speed=1"})
        assert "grace" in self.refused({}, file='[limits]\ngrace = "long"')

    def test_a_slash_at_the_end_of_the_address_is_no_mistake(self) -> None:
        assert configure({"public-url": "https://a.example:8443/"}).public_url == "https://a.example:8443"


class Sources(SynchronousTestCase):
    def test_following_takes_nothing_away_where_there_is_one_process_and_is_a_role_where_there_are_many(self) -> None:
        one = configure({"follow": "bluesky, mastodon"})
        assert (one.follow, one.record, one.reap, len(one.serve)) == (("bluesky", "mastodon"), True, True, 3)
        many = configure({"follow": "bluesky", "broker": "redis://localhost"})
        assert (many.follow, many.record, many.reap, many.serve) == (("bluesky",), False, False, ())

    def test_a_setting_comes_from_the_command_line_the_environment_or_the_file_in_this_order(self) -> None:
        file = '[source.bluesky]\nhost = "f"\nlanguage = "f"\nport = 7\n[source.outside.square]\nhost = "g"\n'
        environment = {"MEET_SOURCE_BLUESKY_HOST": "e", "MEET_SOURCE_BLUESKY_LANGUAGE": "e"}
        found = configure(
            {"follow": "bluesky,outside.square"}, environment=environment, file=file, sources=["bluesky.host=o"]
        )
        assert found.sources == {
            "bluesky": {"host": "o", "language": "e", "port": "7"},
            "outside.square": {"host": "g"},
        }

    def test_a_secret_stands_in_a_file_of_its_own_or_in_the_environment_and_is_never_shown(self) -> None:
        told = "The token of twitter does not stand {}: others could read it. Set token-file to a file that holds it, "
        told += "or the variable MEET_SOURCE_TWITTER_TOKEN."
        with self.assertRaises(ValueError) as wrong:
            configure({"follow": "twitter"}, sources=["twitter.token=s"])
        assert str(wrong.exception) == told.format("on the command line")
        with self.assertRaises(ValueError) as wrong:
            configure({"follow": "twitter"}, file='[source.twitter]\ntoken = "s"')
        assert str(wrong.exception) == told.format("in the configuration file")
        found = configure({"follow": "twitter"}, environment={"MEET_SOURCE_TWITTER_TOKEN": "xyzzy"})
        assert found.sources == {"twitter": {}}
        assert "xyzzy" not in repr(found)

    def test_what_is_wrong_is_said_in_a_sentence(self) -> None:
        for options, sources, sentence in (
            (
                {"follow": "blue sky"},
                [],
                "The option follow takes sources such as bluesky, with commas, not 'blue sky'.",
            ),
            ({}, ["bluesky"], "--source takes NAME.SETTING=VALUE, not 'bluesky'."),
        ):
            with self.assertRaises(ValueError) as wrong:
                configure(options, sources=sources)
            assert str(wrong.exception) == sentence
