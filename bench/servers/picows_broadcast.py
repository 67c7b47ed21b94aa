"""Python picows (Cython): one broadcast server.  Favoured by: uvloop, no logging, no copies of what comes in."""

import asyncio
import logging
import sys

import picows
import uvloop

logging.disable(logging.CRITICAL)
ROOMS: dict[bytes, set[picows.WSTransport]] = {}


class Talk(picows.WSListener):
    """Tells the room whatever comes."""

    def __init__(self, room: set[picows.WSTransport]) -> None:
        super().__init__()
        self.room = room

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        """Come in."""
        self.room.add(transport)

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        """Tell everybody."""
        if frame.msg_type == picows.WSMsgType.TEXT:
            text = frame.get_payload_as_bytes()
            for each in self.room:
                each.send(picows.WSMsgType.TEXT, text)
        elif frame.msg_type == picows.WSMsgType.CLOSE:
            transport.disconnect()

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        """Go."""
        self.room.discard(transport)


async def main() -> None:
    """Listen on the port given."""

    def visit(request: picows.WSUpgradeRequest) -> picows.WSListener:
        return Talk(ROOMS.setdefault(request.path, set()))

    server = await picows.ws_create_server(visit, "127.0.0.1", int(sys.argv[1]), backlog=4096)
    await server.serve_forever()


asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
asyncio.run(main())
