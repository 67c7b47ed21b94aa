from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from meet import bluesky
from meet.bluesky.connection import SILENCE
from meet.interfaces import ISource
from tests.standins.audience import Audience
from tests.standins.bluesky import Bluesky, did, line, link_facet, record, tag_facet
from tests.standins.clock import Skewed


class Source(TestCase):
    """The source on real sockets, beside a stand-in; its own timers are the test's."""

    timeout = 30

    async def setUp(self):
        self.reactor = Skewed()
        self.standin = Bluesky(reactor)
        await self.standin.start()
        self.addCleanup(self.standin.stop)
        self.source = bluesky.source(self.reactor, {"hosts": self.standin.host, "profiles": self.standin.api})
        self.addCleanup(self.end)
        self.audience = Audience()

    def end(self) -> Deferred[None]:
        return self.source.stop()

    async def begin(self, *words: str, since: float = 0.0) -> None:
        self.source.start(self.audience, since or reactor.seconds())
        self.source.follow(words)
        await self.listening()

    async def listening(self, count: int = 1) -> None:
        await self.standin.until(lambda: len(self.standin.asked) >= count and len(self.standin.streams) == 1)

    async def heard(self, count: int) -> None:
        await self.audience.until(lambda: len(self.audience.posts) >= count)

    async def fence(self, tag: str) -> None:
        """What was told before was heard."""
        before = len(self.audience.posts)
        self.standin.say("ann.example.org", f"fence {tag}", tag)
        await self.audience.until(lambda: any(p.text.startswith("fence") for p in self.audience.posts[before:]))

    def away(self) -> Deferred[None]:
        """Fires when the source knows that its connection is lost, and waits."""
        return self.audience.until(lambda: self.audience.flows[-1:] == [False])

    def test_it_is_a_source(self):
        verifyObject(ISource, self.source)
        self.assertEqual((self.source.name, self.source.costs), ("bluesky", False))

    async def test_a_post_with_the_hashtag_comes_with_its_author(self):
        await self.begin("#pycon", "#other")
        self.standin.say("ann.example.org", "nothing to see")
        rkey = self.standin.say("ann.example.org", "Hello #PyCon", "#PyCon")
        await self.heard(1)
        [post] = self.audience.posts
        author = did("ann.example.org")
        self.assertEqual(self.audience.words, [{"#pycon"}])
        self.assertEqual((post.text, post.name, post.handle), ("Hello #PyCon", "Ann Holm", "ann.example.org"))
        self.assertEqual((post.id, post.author), (f"at://{author}/app.bsky.feed.post/{rkey}", author))
        self.assertEqual(post.link, f"https://bsky.app/profile/{author}/post/{rkey}")
        self.assertEqual(self.audience.flows, [True])
        self.assertIn("wantedCollections=app.bsky.feed.post", self.standin.asked[0])

    async def test_an_author_is_followed_by_the_handle_whatever_it_becomes(self):
        await self.begin("@ann.example.org")
        self.standin.say("bo.bsky.social", "not me")
        self.standin.say("ann.example.org", "it is me")
        await self.heard(1)
        self.standin.rename("ann.example.org", "ann.example.com")
        self.standin.say("ann.example.org", "still me")
        await self.heard(2)
        self.assertEqual(self.audience.texts, ["it is me", "still me"])
        self.assertEqual([post.handle for post in self.audience.posts], ["ann.example.org", "ann.example.com"])
        self.assertEqual(self.audience.words, [{"@ann.example.org"}] * 2)

    async def test_whom_nobody_knows_is_refused_and_the_rest_followed(self):
        await self.begin("@nobody.example.org", "@speaker", "@ann@mastodon.example", "@bo.bsky.social")
        await self.audience.until(lambda: len(self.audience.refusals) == 2)
        self.assertEqual(
            self.audience.refusals,
            {
                "@nobody.example.org": "There is nobody called @nobody.example.org on Bluesky.",
                "@speaker": "On Bluesky a handle has its domain, like @speaker.bsky.social.",
            },
        )
        self.standin.say("bo.bsky.social", "hi")
        await self.heard(1)

    async def test_names_are_asked_for_in_batches_and_remembered(self):
        await self.begin("#a")
        for number in range(60):
            self.standin.join(f"p{number}.example.org")
        for _ in range(2):
            for number in range(60):
                self.standin.say(f"p{number}.example.org", "x #a", "#a")
        await self.heard(120)
        asked = [actor for actors in self.standin.looked_up for actor in actors]
        self.assertEqual(len(asked), 60)
        self.assertEqual(len(set(asked)), 60)
        self.assertLessEqual(max(map(len, self.standin.looked_up)), 25)

    async def test_who_wants_to_be_read_by_members_only_is_not_quoted(self):
        self.standin.join("shy.example.org", labels=[{"val": "!no-unauthenticated"}])
        self.standin.join("lewd.example.org", labels=[{"val": "porn"}])
        await self.begin("#a")
        self.standin.say("shy.example.org", "do not #a", "#a")
        self.standin.say("lewd.example.org", "look #a", "#a")
        await self.fence("#a")
        self.assertEqual(self.audience.texts, ["look #a", "fence #a"])
        self.assertTrue(self.audience.posts[0].sensitive)

    async def test_what_is_posted_again_comes_with_the_words_of_the_first(self):
        await self.begin("#a", "@bo.bsky.social")
        first = self.standin.say("ann.example.org", "hello #a", "#a")
        other = self.standin.say("ema.example.net", "of something else")
        await self.heard(1)
        await self.audience.until(lambda: self.source._authors)
        by_tag = self.standin.repost("farid.bsky.social", "ann.example.org", first)
        by_author = self.standin.repost("bo.bsky.social", "ema.example.net", other)
        self.standin.repost("farid.bsky.social", "ema.example.net", other)
        await self.reactor.later(lambda: len(self.audience.posts) == 3)
        # Who Bo is was known already.
        more, again = self.audience.posts[1:]
        self.assertEqual((again.id, more.id), (by_tag, by_author))
        self.assertEqual((again.text, again.handle), ("RT @ann.example.org: hello #a", "farid.bsky.social"))
        self.assertEqual((more.text, more.name), ("RT @ema.example.net: of something else", "Bo"))
        self.assertTrue(again.repost and more.repost)
        self.assertEqual(self.audience.words[1:], [{"@bo.bsky.social"}, {"#a"}])
        self.assertIn("wantedCollections=app.bsky.feed.post", self.standin.asked[0])
        # Both were asked for in one question, and nothing twice.
        self.assertEqual([len(each) for each in self.standin.questions], [2])
        self.standin.delete("ann.example.org", first)
        await self.audience.until(lambda: by_tag in self.audience.gone)
        self.standin.account("ema.example.net", False, "deactivated")
        await self.audience.until(lambda: by_author in self.audience.gone)

    async def test_one_whose_first_is_deleted_meanwhile_is_not_told(self):
        await self.begin("#a")
        first = self.standin.say("ann.example.org", "hello #a", "#a")
        await self.heard(1)
        self.standin.profile_status = 503
        self.standin.repost("bo.bsky.social", "ann.example.org", first)
        await self.reactor.later(lambda: self.standin.questions)
        self.standin.delete("ann.example.org", first)
        await self.audience.until(lambda: self.audience.gone)
        self.standin.profile_status = 0
        await self.reactor.later(lambda: "originals" not in self.source._works)
        await self.fence("#a")
        self.assertEqual(self.audience.texts, ["hello #a", "fence #a"])

    async def test_reposts_need_not_be_heard(self):
        await self.source.stop()
        settings = {"hosts": self.standin.host, "profiles": self.standin.api, "reposts": "no"}
        self.source = bluesky.source(self.reactor, settings)
        await self.begin("#a")
        self.assertEqual(self.source._collections, ("app.bsky.feed.post",))
        first = self.standin.say("ann.example.org", "hello #a", "#a")
        await self.heard(1)
        self.assertNotIn("feed.repost", self.standin.asked[0])
        self.assertTrue(first)

    async def test_deleted_posts_and_closed_accounts_are_told(self):
        await self.begin("#a")
        rkey = self.standin.say("ann.example.org", "oops #a", "#a")
        self.standin.delete("ann.example.org", rkey)
        self.standin.account("bo.bsky.social", True)
        self.standin.account("bo.bsky.social", False, "takendown")
        await self.audience.until(lambda: self.audience.silent)
        await self.fence("#a")
        self.assertEqual(self.audience.gone, [f"at://{did('ann.example.org')}/app.bsky.feed.post/{rkey}"])
        self.assertEqual(self.audience.silent, [did("bo.bsky.social")])
        # What was deleted before its author had a name here is not told at all.
        self.assertEqual(self.audience.texts, ["fence #a"])

    async def test_after_a_break_it_goes_on_without_a_gap_and_tells_nothing_twice(self):
        await self.begin("#a")
        for number in range(5):
            self.standin.say("ann.example.org", f"{number} #a", "#a")
        await self.heard(5)
        self.standin.refuse = 503
        self.standin.cut()
        await self.away()
        for number in range(5, 10):
            self.standin.say("bo.bsky.social", f"{number} #a", "#a")
        await self.reactor.later(lambda: len(self.standin.asked) == 2)
        self.standin.refuse = 0
        await self.reactor.later(lambda: len(self.standin.asked) > 2)
        await self.heard(10)
        self.assertEqual(self.audience.texts, [f"{number} #a" for number in range(10)])
        self.assertEqual(self.audience.flows, [True, False, True])

    async def test_it_begins_where_it_is_told_to(self):
        self.standin.say("ann.example.org", "before #a", "#a")
        await self.begin("#a", since=reactor.seconds() - 60)
        await self.heard(1)
        self.assertEqual(self.audience.texts, ["before #a"])

    async def test_one_that_says_nothing_is_dropped_and_the_next_host_asked(self):
        other = Bluesky(reactor)
        await other.start()
        self.addCleanup(other.stop)
        self.addCleanup(self.end)
        await self.source.stop()
        hosts = f"{self.standin.host},{other.host}"
        self.source = bluesky.source(self.reactor, {"hosts": hosts, "profiles": other.api})
        await self.begin("#a")
        self.standin.say("ann.example.org", "one #a", "#a")
        await self.heard(1)
        self.standin.silent = True
        self.standin.say("ann.example.org", "two #a", "#a")
        other.say("ann.example.org", "two #a", "#a", rkey="3l2")
        self.reactor.advance(SILENCE - 1)
        self.assertEqual(len(self.standin.streams), 1)
        self.reactor.advance(1)
        await self.away()
        await self.reactor.later(lambda: len(self.audience.posts) == 2)
        self.assertEqual((len(self.standin.streams), len(other.streams)), (0, 1))

    async def test_nonsense_costs_nothing(self):
        await self.begin("#a")
        good = record("#a", "2026-01-01T00:00:00Z", "#a")
        for data in (
            b"",
            b"\xff\xfe{",
            b"null",
            b"[" * 100_000,
            b'{"did":"did:plc:x","time_us":99999999999999999,"kind":"commit"}',
            line({"did": did("bo.bsky.social"), "time_us": "x", "kind": "commit", "commit": {"record": good}}),
            b'{"did":"did:plc:x","time_us":1,"kind":"commit","commit":{"rev":"","operation":"create","record":"'
            + b"a" * 600_000,
        ):
            self.standin.raw(data)
        await self.fence("#a")
        self.assertEqual(len(self.standin.asked), 1)
        self.assertEqual(self.audience.texts, ["fence #a"])

    async def test_what_is_too_large_ends_a_connection_but_is_not_come_back_to(self):
        await self.begin("#a")
        await self.fence("#a")
        self.standin.raw(b"x" * 2_000_000)
        await self.away()
        await self.reactor.later(lambda: len(self.standin.asked) >= 4 and self.standin.streams)
        self.standin.say("ann.example.org", "on it goes #a", "#a")
        await self.reactor.later(lambda: "on it goes #a" in self.audience.texts)

    async def test_however_the_bytes_are_cut(self):
        self.standin.split = 7
        await self.begin("#a")
        for number in range(20):
            self.standin.say("ema.example.net", f"{number} 絵 #a", "#a")
        await self.heard(20)
        self.assertEqual(self.audience.texts, [f"{number} 絵 #a" for number in range(20)])

    async def test_posts_wait_while_nobody_says_whose_they_are(self):
        await self.begin("#a")
        self.standin.profile_status = 503
        self.standin.say("ann.example.org", "hello #a", "#a")
        await self.standin.until(lambda: len(self.standin.looked_up) >= 1)
        self.standin.profile_status = 0
        await self.reactor.later(lambda: self.audience.posts)
        self.assertEqual(self.audience.posts[0].name, "Ann Holm")

    async def test_nothing_is_connected_while_nothing_is_followed(self):
        self.source.start(self.audience, reactor.seconds())
        self.source.follow(())
        self.assertEqual(self.standin.asked, [])
        self.source.follow(("#a",))
        await self.listening()
        self.source.follow(())
        await self.standin.until(lambda: not self.standin.streams)
        self.source.follow(("#b",))
        await self.listening(2)
        self.standin.say("ann.example.org", "x #a", "#a")
        self.standin.say("ann.example.org", "y #b", "#b")
        await self.heard(1)
        self.assertEqual(self.audience.texts, ["y #b"])

    async def test_it_can_be_stopped_and_begun_again(self):
        await self.begin("#a")
        await self.fence("#a")
        await self.source.stop()
        await self.standin.until(lambda: not self.standin.streams)
        self.standin.say("ann.example.org", "meanwhile #a", "#a")
        self.assertEqual(self.audience.texts, ["fence #a"])
        await self.begin("#a")
        await self.fence("#a")
        self.assertEqual(self.audience.texts[-1], "fence #a")

    async def test_the_stand_in_plays_for_ever(self):
        await self.begin("#pycon")
        self.standin.play("#pycon", each=0.001, beside=3)
        await self.heard(20)
        self.assertTrue(any("https://example.org/notes/morning" in text for text in self.audience.texts))
        self.assertEqual(set(self.audience.words), {frozenset({"#pycon"})})


class Facets(TestCase):
    def test_offsets_are_bytes(self):
        text = "é 🌍 #a example.org"
        data = text.encode()
        index = tag_facet(text, "#a")["index"]
        self.assertEqual(data[index["byteStart"] : index["byteEnd"]], b"#a")
        index = link_facet(text, "example.org", "https://example.org")["index"]
        self.assertEqual(data[index["byteStart"] : index["byteEnd"]], b"example.org")
