from __future__ import annotations

from klein import Klein
from treq.testing import StubTreq
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from meet.bluesky import directory
from meet.bluesky.directory import FRESH, LONGEST, PATIENCE, REMEMBERED, Directory
from meet.errors import Unavailable
from tests.standins.bluesky import Bluesky, did


class Remembering(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.standin = Bluesky(self.clock)
        self.treq = StubTreq(self.standin._pages().resource())
        self.directory = Directory(self.clock, "http://api.example", self.treq)

    def look_up(self, *actors: str):
        looked = Deferred.fromCoroutine(self.directory.look_up(actors))
        self.treq.flush()
        return self.successResultOf(looked)

    def test_who_was_asked_for_is_known_for_an_hour(self):
        ann = did("ann.example.org")
        self.assertIsNone(self.directory.known(ann))
        [profile] = self.look_up("ann.example.org", "nobody.example.org")
        self.assertEqual((profile.author, profile.name), (ann, "Ann Holm"))
        self.assertEqual(self.directory.known(ann), profile)
        self.clock.advance(FRESH)
        self.assertEqual(self.directory.known(ann), profile)
        self.clock.advance(1)
        self.assertIsNone(self.directory.known(ann))

    def test_who_changes_is_forgotten(self):
        self.look_up("ann.example.org")
        self.directory.forget(did("ann.example.org"))
        self.directory.forget("did:plc:unknown")
        self.assertIsNone(self.directory.known(did("ann.example.org")))

    def test_only_so_many_are_remembered_those_used_last(self):
        self.patch(directory, "REMEMBERED", 3)
        self.assertGreater(REMEMBERED, 3)
        for number in range(4):
            self.standin.join(f"p{number}.example.org")
            self.look_up(f"p{number}.example.org")
            self.directory.known(did("p0.example.org"))
        known = [number for number in range(4) if self.directory.known(did(f"p{number}.example.org"))]
        self.assertEqual(known, [0, 2, 3])

    def test_refusals_and_nonsense_are_a_sentence(self):
        self.standin.profile_status = 429
        looked = Deferred.fromCoroutine(self.directory.look_up(["x"]))
        self.treq.flush()
        self.assertIn("429", str(self.failureResultOf(looked, Unavailable).value))


class Odd(TestCase):
    """Answers that no API gives, on a real socket."""

    timeout = 30

    async def test_what_is_too_long_or_never_ends(self):
        from twisted.web.server import Site

        app = Klein()

        @app.route("/long/xrpc/app.bsky.actor.getProfiles", methods=["GET"])
        def long(request):
            return b" " * (LONGEST + 1)

        @app.route("/never/xrpc/app.bsky.actor.getProfiles", methods=["GET"])
        def never(request):
            request.write(b"{")
            started.callback(None)
            return Deferred()

        started: Deferred[None] = Deferred()
        port = reactor.listenTCP(0, Site(app.resource()), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        url = f"http://127.0.0.1:{port.getHost().port}"
        asking = Directory(reactor, f"{url}/long")
        self.addCleanup(asking.close)
        with self.assertRaises(Unavailable) as caught:
            await asking.look_up(["x"])
        self.assertIn("too long", str(caught.exception))
        self.patch(directory, "PATIENCE", 0.5)
        self.assertGreater(PATIENCE, 1)
        asking = Directory(reactor, f"{url}/never")
        self.addCleanup(asking.close)
        looked = Deferred.fromCoroutine(asking.look_up(["x"]))
        await started
        with self.assertRaises(Unavailable) as caught:
            await looked
