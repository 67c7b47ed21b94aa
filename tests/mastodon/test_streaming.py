from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from meet import mastodon
from meet.interfaces import ISource
from meet.mastodon.api import SILENCE
from meet.mastodon.streaming import TAGS
from meet.moments import moment
from tests.standins.audience import Audience
from tests.standins.clock import Skewed
from tests.standins.mastodon import Mastodon


class Source(TestCase):
    """The source on real sockets, beside a stand-in; its own timers are the test's."""

    timeout = 30

    async def setUp(self):
        self.reactor = Skewed()
        self.standin = Mastodon(reactor)
        await self.standin.start()
        self.addCleanup(self.standin.stop)
        self.audience = Audience()
        self.source = self.make(self.standin)
        self.addCleanup(self.end)

    def make(self, *standins: Mastodon):
        file = self.mktemp()
        with open(file, "w") as out:
            out.writelines(f"{each.address} {each.token}\n" for each in standins)
        instances = ",".join(each.address for each in standins)
        return mastodon.source(self.reactor, {"instances": instances, "token-file": file})

    def end(self) -> Deferred[None]:
        return self.source.stop()

    async def begin(self, *words: str, since: float = 0.0) -> None:
        self.source.start(self.audience, since or reactor.seconds())
        self.source.follow(words)
        await self.streaming(sum(word.startswith("#") for word in words))

    async def streaming(self, count: int = 1) -> None:
        await self.standin.until(lambda: len(self.standin.streams) == count)
        await self.standin.until(lambda: sum("timelines" in path for path in self.standin.asked) >= count)

    async def heard(self, count: int) -> None:
        await self.audience.until(lambda: len(self.audience.posts) >= count)

    def test_it_is_a_source(self):
        verifyObject(ISource, self.source)
        self.assertEqual((self.source.name, self.source.costs), ("mastodon", False))

    async def test_a_status_with_the_hashtag_comes(self):
        await self.begin("#pycon")
        self.standin.say("not this", "other")
        said = self.standin.say("Hello & welcome #PyCon", "PyCon", spoiler_text="food", sensitive=True)
        await self.heard(1)
        [post] = self.audience.posts
        self.assertEqual(self.audience.words, [{"#pycon"}])
        self.assertEqual((post.text, post.name, post.handle), ("Hello & welcome #PyCon", "Ann", "ann@127.0.0.1"))
        self.assertEqual((post.id, post.link), (said["uri"], said["url"]))
        self.assertEqual((post.warning, post.sensitive), ("food", True))

    async def test_a_status_with_two_followed_hashtags_comes_once_with_both(self):
        await self.begin("#a", "#b")
        self.standin.say("x", "a", "b")
        self.standin.say("y", "b")
        await self.heard(2)
        self.assertEqual(self.audience.words, [{"#a", "#b"}, {"#b"}])

    async def test_edits_and_deletions(self):
        await self.begin("#a")
        said = self.standin.say("one", "a")
        self.standin.edit(said, "two", "2026-01-01T00:00:00.000Z")
        self.standin.edit(said, "three", "2026-01-01T00:00:01.000Z")
        await self.heard(3)
        ids = [post.id for post in self.audience.posts]
        self.assertEqual(self.audience.texts, ["one", "two", "three"])
        self.assertEqual([post.was for post in self.audience.posts], ["", *ids[:2]])
        self.standin.delete(said)
        await self.audience.until(lambda: self.audience.gone)
        self.assertEqual(set(self.audience.gone), {ids[0], ids[2]})

    async def test_two_instances_tell_the_same_status_once(self):
        other = Mastodon(reactor, "another")
        await other.start()
        self.addCleanup(other.stop)
        self.source = self.make(self.standin, other)
        self.addCleanup(self.end)
        await self.begin("#a")
        await other.until(lambda: len(other.streams) == 1)
        self.standin.say("same", "a")
        other.say("same", "a")
        other.say("only there", "a")
        await self.heard(2)
        self.assertEqual(sorted(self.audience.texts), ["only there", "same"])

    async def begin_and_break_off(self) -> None:
        """Hear one post, and lose the connection until the stand-in refuses nobody any more."""
        await self.begin("#a")
        self.standin.say("0", "a")
        await self.heard(1)
        self.standin.refuse = 503
        self.standin.cut()
        await self.audience.until(lambda: self.audience.flows[-1:] == [False])

    async def test_after_a_break_it_goes_on_without_a_gap(self):
        await self.begin_and_break_off()
        for number in range(1, 60):
            self.standin.say(str(number), "a")
        self.standin.refuse = 0
        await self.reactor.later(lambda: len(self.audience.posts) == 60)
        self.assertEqual(self.audience.texts, [str(number) for number in range(60)])
        # While time is hurried on, the silence of the stand-in may be taken for another break.
        self.assertEqual((self.audience.flows[:2], self.audience.flows[-1]), ([True, False], True))

    async def test_what_the_stream_tells_while_a_gap_is_filled_makes_no_other_gap(self):
        await self.begin_and_break_off()
        for number in range(1, 100):
            self.standin.say(str(number), "a")
        self.standin.refuse = 0
        self.standin.looked = lambda: self.standin.say("live", "a")
        await self.reactor.later(lambda: "99" in self.audience.texts)
        self.standin.looked = lambda: None
        told = [text for text in self.audience.texts if text != "live"]
        self.assertEqual(told, [str(number) for number in range(100)])

    async def test_it_begins_where_it_is_told_to_however_much_was_written_since(self):
        now = reactor.seconds()
        self.standin.say("long ago", "a", at=moment(now - 100))
        for number in range(90):
            self.standin.say(str(number), "a", at=moment(now - 50))
        await self.begin("#a", since=now - 60)
        await self.heard(90)
        self.assertEqual(self.audience.texts, [str(number) for number in range(90)])

    async def test_it_begins_where_it_is_told_to(self):
        now = reactor.seconds()
        self.standin.say("long ago", "a", at=moment(now - 100))
        self.standin.say("lately", "a", at=moment(now - 50))
        await self.begin("#a", since=now - 60)
        await self.heard(1)
        self.assertEqual(self.audience.texts, ["lately"])

    async def test_a_stream_that_says_nothing_is_dropped_and_one_that_thumps_is_not(self):
        await self.begin("#a")
        self.standin.say("before", "a")
        await self.heard(1)
        self.reactor.advance(SILENCE - 1)
        self.standin.thump()
        self.standin.say("between", "a")
        await self.heard(2)
        self.reactor.advance(SILENCE - 1)
        self.assertEqual(len(self.standin.streams), 1)
        self.reactor.advance(1)
        await self.audience.until(lambda: self.audience.flows[-1:] == [False])
        self.standin.say("after", "a")
        await self.reactor.later(lambda: len(self.audience.posts) == 3)

    async def test_a_token_that_is_no_good_is_not_tried_again(self):
        await self.begin("#a")
        self.standin.token = "new"
        refused = len(self.standin.asked) + 1
        self.standin.cut()
        await self.reactor.later(lambda: len(self.standin.asked) >= refused)
        await self.reactor.later(lambda: not self.source._works or self.standin.address in self.source._shut)
        for _ in range(20):
            self.reactor.advance(100)
        self.assertEqual(len(self.standin.asked), refused)
        self.assertEqual(self.audience.flows, [False] if not self.audience.flows[0] else [True, False])

    async def test_the_limit_of_questions_is_kept(self):
        self.standin.refuse = 429
        self.standin.reset = moment(reactor.seconds() + 200)
        self.source.start(self.audience, reactor.seconds())
        self.source.follow(["#a"])
        await self.standin.until(lambda: bool(self.standin.asked))
        await self.audience.until(lambda: self.audience.flows == [False])
        self.standin.refuse = 0
        began = self.reactor.seconds()
        await self.reactor.later(lambda: self.standin.streams, 0.5)
        self.assertGreater(self.reactor.seconds() - began, 190)

    async def test_nonsense_costs_nothing(self):
        await self.begin("#a")
        for data in (
            "event: update\ndata: {\n\n",
            b"event: update\ndata: \xff\n\n",
            "event: update\ndata: null\n\n",
            "event: delete\ndata: {}\n\n",
            "event: filters_changed\n\n",
            "nonsense\n\n",
            f"event: update\ndata: {'[' * 50_000}\n\n",
        ):
            self.standin.raw(data)
        self.standin.say("fence", "a")
        await self.heard(1)
        self.assertEqual(len(self.standin.streams), 1)

    async def test_however_the_bytes_are_cut(self):
        self.standin.split = 3
        self.standin.end = "\r\n"
        await self.begin("#a")
        for number in range(5):
            self.standin.say(f"{number} é絵", "a")
        await self.heard(5)
        self.assertEqual(self.audience.texts, [f"{number} é絵" for number in range(5)])

    async def test_authors_and_too_many_hashtags_are_refused(self):
        self.source.start(self.audience, reactor.seconds())
        self.source.follow(["@ann@here.example", "@ann", *(f"#t{number:02}" for number in range(TAGS + 1))])
        self.assertEqual(set(self.audience.refusals), {"@ann@here.example", f"#t{TAGS}"})

    async def test_what_is_followed_changes(self):
        await self.begin("#a")
        self.source.follow(["#b"])
        await self.standin.until(lambda: [tag for tag, _ in self.standin.streams] == ["b"])
        await self.streaming(1)
        self.source.follow([])
        await self.standin.until(lambda: not self.standin.streams)

    async def test_it_can_be_stopped_and_begun_again(self):
        await self.begin("#a")
        await self.source.stop()
        await self.standin.until(lambda: not self.standin.streams)
        await self.begin("#a")
        self.standin.say("again", "a")
        await self.heard(1)


class Settings(TestCase):
    def test_what_an_operator_must_mend(self):
        file = self.mktemp()
        with open(file, "w") as out:
            out.write("# mine\nhere.example abc\n")
        for settings, sentence in (
            ({}, "Mastodon needs the instances"),
            ({"instances": "a b/c"}, "is a host like"),
            ({"instances": "here.example", "token-file": "/nowhere"}, "cannot be read"),
            ({"instances": "here.example,there.example", "token-file": file}, "no token for there.example"),
        ):
            with self.assertRaises(ValueError) as caught:
                mastodon.source(reactor, settings)
            self.assertIn(sentence, str(caught.exception))
        mastodon.source(reactor, {"instances": "Here.example", "token-file": file})
