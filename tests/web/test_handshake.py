"""The handshake of a WebSocket, judged by its headers alone."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from meet.errors import Refused
from meet.web.handshake import agreed

# The example of RFC 6455, section 1.3.
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"


def headers(**changes: list[str]) -> Headers:
    wishes = {
        "Upgrade": ["websocket"],
        "Connection": ["Upgrade"],
        "Sec-WebSocket-Version": ["13"],
        "Sec-WebSocket-Key": [KEY],
    }
    return Headers(wishes | {name.replace("_", "-"): values for name, values in changes.items()})


class Handshakes(SynchronousTestCase):
    def test_the_answer_shows_that_the_key_was_read(self) -> None:
        answer = agreed(headers())
        self.assertTrue(answer.startswith(b"HTTP/1.1 101 Switching Protocols\r\n"))
        self.assertTrue(answer.endswith(b"\r\n\r\n"))
        self.assertIn(ACCEPT, answer)
        self.assertNotIn(b"Sec-WebSocket-Protocol", answer)
        self.assertNotIn(b"Sec-WebSocket-Extensions", answer)

    def test_what_browsers_and_proxies_add_is_no_hindrance(self) -> None:
        answer = agreed(headers(Connection=["keep-alive, upgrade"], Upgrade=["h2c", "WebSocket"]))
        self.assertIn(ACCEPT, answer)

    def test_the_subprotocol_is_chosen_among_those_asked_for(self) -> None:
        for asked, chosen in (
            (["other, meet.v1"], True),
            (["other", "meet.v1"], True),
            (["meet.v2"], False),
            (["MEET.V1"], False),
        ):
            answer = agreed(headers(Sec_WebSocket_Protocol=asked))
            self.assertEqual(b"Sec-WebSocket-Protocol: meet.v1\r\n" in answer, chosen, asked)

    def test_what_is_no_handshake_is_refused(self) -> None:
        for wrong in (
            {"Connection": []},
            {"Connection": ["close"]},
            {"Upgrade": ["websockets"]},
            {"Sec_WebSocket_Version": []},
            {"Sec_WebSocket_Version": ["8"]},
            {"Sec_WebSocket_Version": ["13", "13"]},
            {"Sec_WebSocket_Key": []},
            {"Sec_WebSocket_Key": [KEY, KEY]},
            {"Sec_WebSocket_Key": [KEY[:-1]]},
            {"Sec_WebSocket_Key": ["*" * 22 + "=="]},
        ):
            refused = self.assertRaises(Refused, agreed, headers(**wrong))
            self.assertEqual(refused.code, "bad-input", wrong)
