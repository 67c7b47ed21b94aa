from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meet.bluesky.profiles import Profile, question, read
from tests.standins.bluesky import line


class Profiles(SynchronousTestCase):
    def test_what_is_asked(self):
        self.assertEqual(
            question(["did:plc:a", "ann.example.org"]),
            "/xrpc/app.bsky.actor.getProfiles?actors=did%3Aplc%3Aa&actors=ann.example.org",
        )

    def test_what_is_answered(self):
        answer = {
            "profiles": [
                {"did": "did:plc:a", "handle": "ann.example.org", "displayName": " Ann \n Holm "},
                {"did": "did:plc:b", "handle": "bo.example.org", "labels": [{"val": "!no-unauthenticated"}]},
                {"did": "did:plc:c", "handle": "c.example.org", "displayName": "", "labels": [{"val": "porn"}, 5]},
                {"did": 5, "handle": "d.example.org"},
                None,
            ]
        }
        self.assertEqual(
            read(line(answer)),
            [
                Profile("did:plc:a", "ann.example.org", "Ann Holm", False, False),
                Profile("did:plc:b", "bo.example.org", "bo.example.org", True, False),
                Profile("did:plc:c", "c.example.org", "c.example.org", False, True),
            ],
        )

    def test_what_is_none(self):
        for body in (b"", b"null", b"[]", b"{}", b'{"profiles":{}}', b"<html>", b"\xff", b"[" * 50_000):
            self.assertIsNone(read(body), body[:20])

    @settings(max_examples=60)
    @given(st.binary(max_size=100))
    def test_any_bytes(self, body: bytes):
        read(body)
