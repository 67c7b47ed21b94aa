"""Every question to X, asked of the stand-in over a socket: what is sent, and what refusals mean."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from unittest.mock import patch

from twisted.internet import reactor
from twisted.internet.ssl import DefaultOpenSSLContextFactory
from twisted.trial.unittest import SynchronousTestCase

from meet.twitter import SETTINGS, TOKEN, source
from meet.twitter import api as module
from meet.twitter.api import Api, Failed
from meet.twitter.backoff import Cause
from tests.servers.certificate import make_certificate
from tests.standins.twitter import TOKEN as SECRET
from tests.twitter.case import TwitterCase, turn


class Asking(TwitterCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.api = Api(self.timed, self.url, lambda: SECRET)

    async def failed(self, asked: Any) -> Failed:
        try:
            await asked
        except Failed as failed:
            self.assertNotIn(SECRET, f"{failed!r} {failed} {self.api!r}")
            return failed
        raise AssertionError("It did not fail.")

    async def test_what_each_status_means(self) -> None:
        crowded = {"title": "ConnectionException", "connection_issue": "TooManyConnections"}
        for status, body, cause, final, sentence in (
            (401, None, Cause.LIMIT, True, "X does not take the bearer token. Make a new one"),
            (403, {"detail": "No.", "title": "F"}, Cause.LIMIT, True, "X does not let this app have the stream."),
            (402, {"title": "CreditsDepleted"}, Cause.LIMIT, False, "The app has no credit left with X."),
            (429, b"slow down", Cause.LIMIT, False, "X was asked too often."),
            (429, crowded, Cause.LIMIT, False, "X has a connection of this app already."),
            (500, b"\xff", Cause.AWAY, False, "X answered 500."),
            (302, b"", Cause.AWAY, False, "X answered 302."),
            (404, [], Cause.AWAY, False, "X answered 404."),
        ):
            self.x.answer_next("/stream", status, body, Location="http://127.0.0.1:1/", x_rate_limit_reset="1795529000")
            failed = await self.failed(self.api.open(lambda line: None))
            self.assertEqual((failed.cause, failed.final, failed.status), (cause, final, status))
            self.assertTrue(failed.why.startswith(sentence), failed.why)
            self.assertEqual((failed.crowded, failed.reset > 0), (body is crowded, status == 429))

    async def test_a_time_that_is_none_is_not_believed(self) -> None:
        for value in ("soon", "-5", "", "9" * 40):
            self.x.answer_next("/stream", 429, x_rate_limit_reset=value)
            self.assertEqual((await self.failed(self.api.open(lambda line: None))).reset, 0)

    async def test_an_answer_without_end_is_not_read(self) -> None:
        self.patch(module, "LONGEST_ANSWER", 1000)
        self.x.answer_next("/rules", 200, b"x" * 100_000)
        self.assertIn("broke off", (await self.failed(self.api.rules())).why)

    async def test_who_does_not_answer_is_left_after_a_while(self) -> None:
        self.x.hangs = True
        found: list[Failed] = []
        asked = self.failed(self.api.rules())

        async def wait() -> None:
            found.append(await asked)

        waiting = module.Deferred.fromCoroutine(wait())
        await self.until(lambda: self.x.asked)
        self.clock.advance(module.PATIENCE)
        await waiting
        self.assertEqual(found[0].cause, Cause.LOST)
        self.assertTrue(found[0].why.startswith(f"X cannot be reached at {self.url}: "), found[0].why)

    async def test_by_tls_x_is_known_by_its_certificate(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        made = make_certificate(folder)
        options = DefaultOpenSSLContextFactory(str(made.key), str(made.certificate))
        port = reactor.listenSSL(0, self.x.site(), options, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        api = Api(self.timed, f"https://127.0.0.1:{port.getHost().port}", lambda: SECRET)
        self.assertIn("certificate verify failed", (await self.failed(api.rules())).why)
        self.assertEqual(self.x.asked, [])
        with patch.dict(os.environ, {"SSL_CERT_FILE": str(made.certificate)}):
            self.assertEqual(await api.rules(), [])
            self.x.add_rule("#pycon")
            stream = await api.open(lambda line: None)
            stream.close("Enough.")
            await stream.done
            await self.until(lambda: not self.x.connected)

    async def test_all_pages_of_the_rules_are_read(self) -> None:
        for number in range(2345):
            self.x.add_rule(f"#word{number}")
        self.assertEqual(len(await self.api.rules()), 2345)
        self.assertEqual(len(self.x.asked), 3)

    async def test_the_token_goes_to_x_and_what_it_is_asked_for_is_asked(self) -> None:
        self.x.add_rule("#pycon")
        stream = await self.api.open(lambda line: None)
        self.assertEqual(self.x.headers[0]["authorization"], f"Bearer {SECRET}")
        self.assertTrue(self.x.headers[0]["user-agent"].startswith("meet/"))
        self.assertIn("note_tweet", self.x.queries[0]["tweet.fields"])
        stream.close("Enough.")
        await stream.done
        await self.until(lambda: not self.x.connected)
        await turn()


class Settings(SynchronousTestCase):
    def refusal(self, **settings: str) -> str:
        changed = {name.replace("_", "-"): value for name, value in settings.items()}
        with self.assertRaises(ValueError) as caught:
            source(None, changed)
        return str(caught.exception)

    def setUp(self) -> None:
        self.token = self.mktemp()
        with open(self.token, "w", encoding="utf-8") as file:
            file.write("abc\n")

    def test_a_token_is_wanted_and_never_shown(self) -> None:
        self.assertIn(f"put it into a file and name it as token-file, or set {TOKEN}", self.refusal())
        self.assertIn("cannot be read, /nowhere: No such file", self.refusal(token_file="/nowhere"))
        with open(self.token, "w", encoding="utf-8") as file:
            file.write("sec ret\nx")
        said = self.refusal(token_file=self.token)
        self.assertIn("one word of ASCII", said)
        self.assertNotIn("ret", said.replace("secret", ""))

    def test_each_setting_that_is_wrong_is_told_in_a_sentence(self) -> None:
        for setting, sentence in (
            ({"url": "ftp://x"}, "The url of the source twitter begins with https:// or http://, not 'ftp://x'."),
            ({"rules": "0"}, "rules of the source twitter is a number from 1 to 25000, not '0'."),
            ({"reposts": "maybe"}, "reposts of the source twitter is yes or no, not 'maybe'."),
            ({"look_again": "x"}, "look-again of the source twitter is a number from 0 to 1440, not 'x'."),
            ({"tag": "My Tag"}, "The tag of the source twitter has 1 to 24 of a-z, 0-9 and -."),
            ({"colour": "red"}, f"The source twitter has no setting colour; it has {', '.join(SETTINGS)}."),
        ):
            self.assertEqual(self.refusal(token_file=self.token, **setting), sentence)
