"""The document of the routes against the routes."""

from __future__ import annotations

import json
import re

from openapi_spec_validator import validate
from twisted.trial.unittest import SynchronousTestCase

from meet.limits import Limits
from meet.web.api import Api
from meet.web.openapi import document

DOCUMENT = json.loads(json.dumps(document("https://meet.example/rooms", Limits())))


class Routes(SynchronousTestCase):
    def test_it_is_openapi(self) -> None:
        validate(DOCUMENT)

    def test_every_route_stands_in_it_and_no_other(self) -> None:
        routes = {
            (method.lower(), re.sub(r"<(\w+)>", r"{\1}", rule.rule))
            for rule in Api.app.url_map.iter_rules()
            for method in (rule.methods or set()) - {"HEAD"}
        }
        told = {
            (method, path)
            for path, item in DOCUMENT["paths"].items()
            for method in item
            if method in ("get", "post", "put", "patch", "delete")
        }
        assert told == routes

    def test_it_names_where_it_stands(self) -> None:
        assert DOCUMENT["servers"] == [{"url": "https://meet.example/rooms"}]

    def test_bounds_are_those_of_this_meet(self) -> None:
        changed = document("http://x", Limits().but({"seconds-to-poll": 7}))
        wait = changed["paths"]["/api/v1/rooms/{room}/entries"]["get"]["parameters"][1]
        assert (wait["name"], wait["schema"]["maximum"]) == ("wait", 7)
