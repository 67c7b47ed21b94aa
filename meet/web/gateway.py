"""The web as one door: the site, and how it ends."""

from __future__ import annotations

import re
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure
from twisted.web.resource import IResource, Resource
from zope.interface import implementer

from meet.errors import Goodbye
from meet.house import House
from meet.interfaces import IGateway
from meet.web.api import Api
from meet.web.hosting import Hosting
from meet.web.look import Look
from meet.web.pages import Pages
from meet.web.problems import Problems
from meet.web.routes import Routes
from meet.web.site import MeetSite
from meet.web.socket import RoomSockets
from meet.web.stream import Streams
from meet.web.transcript import Transcripts

_SOCKET = re.compile(rb"/api/v1/rooms/([A-Za-z0-9_-]+)/socket\Z")


class _Root(Resource):
    """Sends programs' requests to the API and all others to the pages.

    They are two sets of routes on one port; a proxy can part them by the same prefix.
    """

    def __init__(self, api: Api, pages: Pages, problems: Problems) -> None:
        super().__init__()
        self._api = api
        self._problems = problems
        self._programs = Routes(api.app, api.failed)
        self._people = Routes(pages.app, pages.failed)

    def getChild(self, path: bytes, request: Any) -> IResource:
        """Give the whole path to the routes that know it."""
        socket = _SOCKET.match(request.path) if request.method == b"GET" else None
        if socket is not None:
            # A hall comes in at once by this address alone; to look through all routes takes longer than to open it.
            return _Straight(self._api, self._problems, socket[1].decode())
        request.prepath.pop()
        request.postpath.insert(0, path)
        return self._programs if path == b"api" else self._people


class _Straight(Resource):
    """The route of a room's socket, as `Api` has it."""

    isLeaf = True

    def __init__(self, api: Api, problems: Problems, room: str) -> None:
        super().__init__()
        self._api = api
        self._problems = problems
        self._room = room

    def render(self, request: Any) -> Any:
        """Answer as the route does."""
        try:
            answer = self._api.socket(request, self._room)
            return answer if isinstance(answer, bytes) else answer.render(request)
        except Exception:
            return self._problems.tell(request, Failure())


@implementer(IGateway)
class WebGateway:
    """``factory`` serves HTTP and WebSocket; whoever listens with it owns the port."""

    def __init__(self, house: House) -> None:
        look = Look(house.at)
        problems = Problems(look)
        self._streams = Streams(house)
        transcripts = Transcripts(house, self._streams)
        api = Api(house, problems, self._streams, RoomSockets(house), transcripts)
        self._pages = Pages(house, look, problems, transcripts, Hosting(house, look, transcripts))
        self.factory = MeetSite(_Root(api, self._pages, problems), house)

    def stop_accepting(self) -> Deferred[None]:
        """As `IGateway` says; the port is the assembly's, here only readiness ends."""
        self._pages.ready = False
        return succeed(None)

    def say_goodbye(self, goodbye: Goodbye) -> Deferred[None]:
        """As `IGateway` says; fires within a few seconds."""
        self._streams.end(goodbye)
        return self.factory.wind_up(goodbye)


def make_gateway(house: House) -> WebGateway:
    """The web door of ``house``."""
    return WebGateway(house)
