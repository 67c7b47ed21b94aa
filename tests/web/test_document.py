"""docs/protocol.md against the code."""

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from meet.errors import GOODBYES, REFUSALS
from meet.events import KINDS, Forgotten, Presence
from meet.web.api import Api
from meet.web.pages import Pages

TEXT = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()


class Document(SynchronousTestCase):
    def test_every_route_stands_on_the_first_screen(self):
        told = set(re.findall(r"`(GET|POST|DELETE) (/[^`]*)`", TEXT.partition("## ")[0]))
        routes = {
            (method, rule.rule)
            for app in (Api.app, Pages.app)
            for rule in app.url_map.iter_rules()
            for method in rule.methods - {"HEAD"}
        }
        self.assertEqual(told, routes)

    def test_every_refusal_and_goodbye_is_listed(self):
        for code, row in REFUSALS.items():
            self.assertIn(f"| `{code}` | {row.status} | {row.title} |", TEXT)
        for name, row in GOODBYES.items():
            self.assertIn(f"| `{name}` | {row.close} | {'yes' if row.again else 'no'} | {row.text} |", TEXT)

    def test_every_kind_that_is_told_is_listed(self):
        for kind in KINDS:
            if not issubclass(kind, Presence | Forgotten):
                self.assertIn(f"| `{kind.__name__.lower()}` |", TEXT)
