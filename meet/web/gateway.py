"""The web as one door: the site, and how it ends."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed
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


class _Root(Resource):
    """Sends programs' requests to the API and all others to the pages.

    They are two sets of routes on one port; a proxy can part them by the same prefix.
    """

    def __init__(self, api: Api, pages: Pages) -> None:
        super().__init__()
        self._programs = Routes(api.app, api.failed)
        self._people = Routes(pages.app, pages.failed)

    def getChild(self, path: bytes, request: Any) -> IResource:
        """Give the whole path to the routes that know it."""
        request.prepath.pop()
        request.postpath.insert(0, path)
        return self._programs if path == b"api" else self._people


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
        self.factory = MeetSite(_Root(api, self._pages), house)

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
