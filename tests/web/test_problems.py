import json

from twisted.trial.unittest import SynchronousTestCase

from meet.errors import REFUSALS, Refused
from meet.web.problems import document
from tests.web.case import WebCase


class Documents(SynchronousTestCase):
    def test_each_refusal_has_one(self):
        for code, row in REFUSALS.items():
            told = json.loads(document(Refused(code, "Because."), ""))
            self.assertEqual(
                told,
                {
                    "type": f"/help/problems#{code}",
                    "title": row.title,
                    "status": row.status,
                    "detail": "Because.",
                    "code": code,
                },
            )


class Askers(WebCase):
    async def test_people_get_a_page_and_programs_a_document(self):
        for accept, kind in (
            ("", "text/html"),
            ("*/*", "text/html"),
            ("text/html,application/json", "text/html"),
            ("application/json", "application/problem+json"),
            ("application/problem+json", "application/problem+json"),
        ):
            answer = await self.ask("GET", "/no.where", **({"Accept": accept} if accept else {}))
            self.assertEqual(answer.status, 404)
            self.assertTrue(answer.header("Content-Type").startswith(kind), accept)
