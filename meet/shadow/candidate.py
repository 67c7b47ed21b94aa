"""The Meet under trial, by its JSON API and its streams of events."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import treq
from treq.client import HTTPClient
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

_PATIENCE = 15.0
"""Seconds for one answer."""

_LINE_MOST = 1_000_000
"""Bytes of one line of a stream; nothing that Meet sends is a tenth of it."""

Told = Callable[[dict[str, Any]], None]


class Denied(Exception):
    """The candidate said no; ``code`` says why, or ``failed`` if it said nothing that was understood."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class _Stream(Protocol):
    """A stream of events: ``told(event)`` for each entry, ``ended`` fires at its end."""

    def __init__(self, told: Told) -> None:
        self.ended: Deferred[None] = Deferred()
        self._told = told
        self._rest = b""

    def dataReceived(self, data: bytes) -> None:
        """Take what came; whoever sends a line without an end is given up."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LINE_MOST:
            self.close()
            return
        for line in lines:
            if line.startswith(b"data: ["):
                self._told(json.loads(line.removeprefix(b"data: "))[1])

    def connectionLost(self, reason: Failure | None = None) -> None:
        """It has ended."""
        if not self.ended.called:
            self.ended.callback(None)

    def close(self) -> None:
        """Hear no more."""
        transport: Any = self.transport
        if transport is not None:
            transport.loseConnection()


class Candidate:
    """The Meet whose pages stand at ``url``, asked by ``client``."""

    def __init__(self, url: str, client: HTTPClient) -> None:
        self._rooms = f"{url.rstrip('/')}/api/v1/rooms"
        self._client = client
        self._streams: list[_Stream] = []

    async def open(self, room: str, title: str, limit: int) -> str:
        """Open a room for a day; its host key."""
        wish = {"name": room, "title": title, "limit": limit}
        return str((await self._ask("POST", "", wish))["host_key"])

    async def join(self, room: str, nick: str, host_key: str = "", token: str = "") -> str:
        """Come in, or in again with the ``token`` that one has; the token."""
        wish = {"nick": nick, "host_key": host_key, "token": token}
        return str((await self._ask("POST", f"/{room}/sessions", wish))["token"])

    async def ask(self, room: str, token: str, ask: dict[str, Any]) -> None:
        """Ask for anything; raises `Denied`."""
        await self._ask("POST", f"/{room}/asks", ask, token)

    async def leave(self, room: str, token: str) -> None:
        """Leave."""
        await self._ask("DELETE", f"/{room}/sessions", None, token)

    async def listen(self, room: str, told: Told) -> None:
        """Call ``told(event)`` for every entry of ``room`` from now on."""
        response = await self._client.get(f"{self._rooms}/{room}/events", unbuffered=True, timeout=_PATIENCE)
        if response.code != 200:
            raise Denied(str(response.code))
        stream = _Stream(told)
        self._streams.append(stream)
        response.original.deliverBody(stream)

    def close(self) -> None:
        """Hear no more."""
        for stream in self._streams:
            stream.close()

    async def _ask(self, method: str, path: str, wish: dict[str, Any] | None, token: str = "") -> Any:
        headers: dict[bytes | str, bytes | str] = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            response = await self._client.request(
                method, self._rooms + path, json=wish, headers=headers, timeout=_PATIENCE
            )
            body = await treq.content(response)
            answer = json.loads(body) if body else {}
        except Exception:
            # Whatever it was, the candidate did not answer, and that is what is reported.
            raise Denied("failed") from None
        if response.code >= 400:
            raise Denied(str(answer.get("code", response.code)))
        return answer
