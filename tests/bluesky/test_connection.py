from __future__ import annotations

import os
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.ssl import DefaultOpenSSLContextFactory
from twisted.trial.unittest import TestCase

from meet.bluesky.connection import connect
from meet.errors import Unavailable
from tests.servers.certificate import make_certificate
from tests.standins.bluesky import Bluesky


class Connections(TestCase):
    timeout = 30

    async def setUp(self):
        self.standin = Bluesky(reactor)
        await self.standin.start()
        self.addCleanup(self.standin.stop)
        self.heard: list[bytes] = []

    async def test_the_cursor_is_asked_for_and_events_come(self):
        self.standin.raw(b"old", 5)
        self.standin.raw(b"new", 7)
        connection = await connect(reactor, self.standin.host, 6, self.heard.append)
        self.assertIn("cursor=6", self.standin.asked[0])
        self.standin.raw(b"next", 8)
        connection.sendPing(b"x")
        await self.standin.until(lambda: bool(self.standin.streams))
        self.standin.streams[0].sendClose(1000)
        await connection.ended
        self.assertEqual(self.heard, [b"new", b"next"])
        self.assertFalse(connection.closing)

    async def test_it_is_encrypted_and_the_host_vouched_for(self):
        folder = Path(self.mktemp())
        folder.mkdir()
        made = make_certificate(folder)
        standin = Bluesky(reactor)
        await standin.start(tls=DefaultOpenSSLContextFactory(str(made.key), str(made.certificate)))
        self.addCleanup(standin.stop)
        self.assertTrue(standin.host.startswith("wss://localhost:"))
        with self.assertRaises(Unavailable) as caught:
            await connect(reactor, standin.host, 0, self.heard.append)
        self.assertIn("certificate", str(caught.exception))
        # As an operator names an authority of their own to everything that uses OpenSSL.
        before = os.environ.get("SSL_CERT_FILE")
        os.environ["SSL_CERT_FILE"] = str(made.certificate)
        self.addCleanup(lambda: os.environ.update(SSL_CERT_FILE=before) if before else os.environ.pop("SSL_CERT_FILE"))
        connection = await connect(reactor, standin.host, 0, self.heard.append)
        await standin.until(lambda: bool(standin.streams))
        standin.raw(b"over TLS")
        standin.streams[0].sendClose(1000)
        await connection.ended
        self.assertEqual(self.heard, [b"over TLS"])

    async def test_what_breaks_in_hearing_ends_nothing(self):
        def break_on_the_first(data: bytes) -> None:
            self.heard.append(data)
            if len(self.heard) == 1:
                raise RuntimeError("no")

        connection = await connect(reactor, self.standin.host, 0, break_on_the_first)
        await self.standin.until(lambda: bool(self.standin.streams))
        self.standin.raw(b"one")
        self.standin.raw(b"two")
        self.standin.streams[0].sendClose(1000)
        await connection.ended
        self.assertEqual(self.heard, [b"one", b"two"])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    async def test_who_is_turned_away_says_why(self):
        for status in (429, 503):
            self.standin.refuse = status
            with self.assertRaises(Unavailable) as caught:
                await connect(reactor, self.standin.host, 0, self.heard.append)
            self.assertIn(str(status), str(caught.exception))

    async def test_where_nobody_listens(self):
        host = self.standin.host
        await self.standin.stop()
        with self.assertRaises(Unavailable) as caught:
            await connect(reactor, host, 0, self.heard.append)
        self.assertIn("cannot be reached", str(caught.exception))

    async def test_after_it_is_closed_nothing_is_heard(self):
        connection = await connect(reactor, self.standin.host, 0, self.heard.append)
        await self.standin.until(lambda: bool(self.standin.streams))
        connection.close("Enough.")
        self.standin.raw(b"late")
        self.assertEqual(await connection.ended, "Enough.")
        self.assertEqual(self.heard, [])
        self.assertTrue(connection.closing)
