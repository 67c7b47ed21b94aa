"""Python ``websockets``: one broadcast server.

Favoured by: its own ``broadcast``, which builds a frame once and waits for nobody; no deflate; uvloop.
"""

import sys

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve

ROOMS: dict[str, set[ServerConnection]] = {}


async def talk(connection: ServerConnection) -> None:
    """Tell the room whatever comes."""
    assert connection.request is not None
    room = ROOMS.setdefault(connection.request.path, set())
    room.add(connection)
    try:
        async for text in connection:
            broadcast(room, text)
    finally:
        room.discard(connection)


async def main() -> None:
    """Listen on the port given."""
    options = {"compression": None, "ping_interval": None, "backlog": 4096}
    async with serve(talk, "127.0.0.1", int(sys.argv[1]), **options) as server:
        await server.serve_forever()


uvloop.run(main())
