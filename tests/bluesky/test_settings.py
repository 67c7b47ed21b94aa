from __future__ import annotations

from pathlib import Path

from twisted.internet import reactor
from twisted.trial.unittest import SynchronousTestCase

from meet import bluesky, mastodon

DOCS = Path(__file__).parent.parent.parent / "docs"


class Settings(SynchronousTestCase):
    def test_what_an_operator_must_mend(self):
        for settings, sentence in (
            ({"hosts": " , "}, "at least one host"),
            ({"hosts": "https://x.example"}, "'https://x.example'"),
            ({"hosts": "wss://x.example/subscribe"}, "like wss://example.org"),
            ({"reposts": "maybe"}, "is yes or no, not 'maybe'"),
            ({"profiles": "ftp://x.example"}, "like https://example.org"),
            ({"profiles": "https://a:99999"}, "'https://a:99999'"),
        ):
            with self.assertRaises(ValueError) as caught:
                bluesky.source(reactor, settings)
            self.assertIn(sentence, str(caught.exception))

    def test_a_bare_host_is_asked_by_tls(self):
        source = bluesky.source(reactor, {"hosts": "x.example, ws://127.0.0.1:1/"})
        self.assertEqual(source._hosts, ["wss://x.example", "ws://127.0.0.1:1"])

    def test_the_pages_for_operators_have_every_setting(self):
        for module, page in ((bluesky, "bluesky.md"), (mastodon, "mastodon.md")):
            text = (DOCS / page).read_text("utf-8")
            for name, (default, about) in module.SETTINGS.items():
                self.assertIn(f"| `{name}` | ", text)
                self.assertIn(f"| {about} |", text)
                if default:
                    self.assertIn(default.split(",")[0], text)
