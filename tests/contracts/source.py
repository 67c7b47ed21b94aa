"""What every source promises (`meet.interfaces.ISource`): mix it into a trial TestCase of your own.

``make`` returns a source that was not started, of the upstream that the test's ``setUp`` has made;
``write`` lets ``author`` write ``text`` there, and returns the post's id as the source tells it;
``delete`` deletes a post there, or returns False if the source is never told; ``settle`` fires when
what was written has been told.  With a `Clock` it advances it; with a real reactor it waits for it.
"""

from __future__ import annotations

import re

from twisted.internet.defer import maybeDeferred
from zope.interface import implementer
from zope.interface.verify import verifyObject

from meet.interfaces import IAudience, ISource
from meet.moments import seconds
from meet.posts import Post


@implementer(IAudience)
class RecordingAudience:
    """Writes down what it is told."""

    def __init__(self):
        self.told = []
        self.gone = []
        self.authors = []
        self.refusals = []
        self.flows = []

    def posted(self, post, words):
        self.told.append((post, frozenset(words)))

    def withdrawn(self, posts):
        self.gone.extend(posts)

    def standing(self, since):
        return [post.id for post, _ in self.told if post.id not in self.gone]

    def silenced(self, author):
        self.authors.append(author)

    def refused(self, word, reason):
        self.refusals.append((word, reason))

    def flowing(self, flows, text):
        self.flows.append((flows, text))

    @property
    def ids(self):
        return [post.id for post, _ in self.told]


class SourceContract:
    start_at = 0.0

    def make(self):
        raise NotImplementedError

    async def write(self, text, author="dora"):
        raise NotImplementedError

    async def delete(self, post):
        return False

    async def settle(self):
        raise NotImplementedError

    async def started(self, *words):
        self.audience = RecordingAudience()
        self.source = self.make()
        self.addCleanup(lambda: maybeDeferred(self.source.stop))
        self.source.start(self.audience, self.start_at)
        self.source.follow(words)
        await self.settle()
        return self.audience

    async def test_it_is_a_source_whose_name_is_a_word(self):
        source = self.make()
        verifyObject(ISource, source)
        assert re.fullmatch(r"[a-z0-9-]{1,24}", source.name)
        assert isinstance(source.costs, bool)

    async def test_a_post_is_told_with_the_words_that_it_has_and_no_others(self):
        audience = await self.started("#pycon", "#other")
        await self.write("nothing of it")
        post = await self.write("hello #PyCon from afar")
        await self.settle()
        assert [(each.id, words) for each, words in audience.told] == [(post, frozenset({"#pycon"}))]

    async def test_a_post_says_all_that_is_asked_of_it(self):
        audience = await self.started("#pycon")
        await self.write("hello #pycon")
        await self.settle()
        ((post, _),) = audience.told
        assert isinstance(post, Post)
        assert post.source == self.source.name
        assert post.author
        assert post.name
        assert post.handle
        assert not post.handle.startswith("@")
        assert "hello #pycon" in post.text
        assert post.link.startswith("https://")
        assert seconds(post.at) > 0

    async def test_what_is_no_longer_followed_is_told_no_more(self):
        audience = await self.started("#pycon")
        self.source.follow(["#other"])
        await self.settle()
        await self.write("hello #pycon")
        post = await self.write("hello #other")
        await self.settle()
        assert audience.ids == [post]

    async def test_a_word_that_comes_later_is_followed_too(self):
        audience = await self.started()
        self.source.follow(["#pycon"])
        await self.settle()
        post = await self.write("hello #pycon")
        await self.settle()
        assert audience.ids == [post]

    async def test_what_was_deleted_there_is_told(self):
        audience = await self.started("#pycon")
        post = await self.write("hello #pycon")
        await self.settle()
        if await self.delete(post) is False:
            return
        await self.settle()
        assert audience.gone == [post]

    async def test_after_its_end_it_tells_nothing_and_may_begin_again(self):
        audience = await self.started("#pycon")
        await maybeDeferred(self.source.stop)
        await self.write("hello #pycon")
        await self.settle()
        assert audience.ids == []
        again = RecordingAudience()
        self.source.start(again, self.start_at)
        self.source.follow(["#pycon"])
        await self.settle()
        post = await self.write("once more #pycon")
        await self.settle()
        assert post in again.ids
        assert audience.ids == []
