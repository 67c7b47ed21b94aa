"""The web door: pages, JSON, server-sent events, long-poll and WebSocket on one port.

================  ==========================================================================
module            what it is
================  ==========================================================================
``gateway``       the door as the assembly sees it: its factory, and its end
``site``          HTTP: connections, and the bounds on what comes by them
``request``       one request, decoded and bounded, and how it is answered
``security``      headers of every answer; other sites' pages are refused
``problems``      how the web says no: problem documents to programs, a page to people
``routes``        from a request to its route, and from what that returns to the answer
``asking``        what every route needs: a room, a place in it, a safe way to wait
``api``           the routes of programs
``schemas``       what travels, as JSON Schema
``openapi``       the routes of programs as a document
``asyncapi``      what is heard, and the bus, as a document
``stream``        hearing by HTTP: event streams and long-poll
``handshake``     the opening of a WebSocket, judged and answered
``websocket``     Autobahn's WebSocket, made light
``pings``         signs of life of all WebSockets, by one timer
``socket``        hearing and asking by WebSocket: the connection's part
``conversation``  hearing and asking by WebSocket: the room's part
``formats``       entries as frames, events and pairs, written once for all
``pages``         the routes of people: links and forms, without scripts
``visitor``       who comes by pages: the cookies
``hosting``       the page of a room's host: forms to commands
``transcript``    whole rooms, as a page and as text
``rooms``         free names for new rooms
``views``         a room as objects for programs and values for templates
``look``          templates and static files
``lean``          scripts and styles without what only their readers need
================  ==========================================================================

Importing klein installs the reactor, so only the assembly imports this package, late.
"""

from __future__ import annotations

from meet.web.gateway import WebGateway, make_gateway

__all__ = ["WebGateway", "make_gateway"]
