"""One request: what it asks for, decoded and bounded, and how it is answered.

Whatever cannot be read is refused as ``bad-input``; nothing of it is guessed.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from hashlib import sha256
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

from twisted.python.failure import Failure
from twisted.web.server import Request

from meet import wire
from meet.errors import Refused
from meet.house import House
from meet.web import forwarded, problems, security

_METHODS = (b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS")
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)", re.IGNORECASE)
_FIELDS = 50
"""Fields that a form may have."""

_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"
_MAYBE_JSON = ("", _JSON, "text/json", "text/plain", _FORM)
"""How JSON is called where nobody says what it is; the last is what curl says of all that it sends."""

_PACKED = ("text/html", "application/json", "application/problem+json")
_WORTH_PACKING = 1024
"""Bytes below which a packed answer saves no packet."""

_LEVEL = 5
"""How hard to pack: 1 ms for 100 KB, and within a few per cent of the best."""


class MeetRequest(Request):
    """One request: what it asks for, decoded and bounded, and how it is answered."""

    channel: Any
    content: Any

    @property
    def house(self) -> House:
        """The parts of this process."""
        house: House = self.channel.site.house
        return house

    @property
    def peer(self) -> str:
        """Where the connection comes from; empty for a UNIX socket."""
        return str(getattr(self.client, "host", "")) if self.client is not None else ""

    @property
    def address(self) -> str:
        """Where the request comes from, as far as trusted proxies tell."""
        return self._trust.asker(self.peer, self.headers("X-Forwarded-For"))

    @property
    def host_header(self) -> str:
        """The host that was asked for, or an empty text if it is not told or malformed."""
        return self._told(forwarded.host, "X-Forwarded-Host") or security.host_name(self.header("Host"))

    @property
    def scheme(self) -> str:
        """What was asked by: ``http`` or ``https``."""
        told = self._told(forwarded.scheme, "X-Forwarded-Proto")
        return told or ("https" if self.isSecure() else "http")

    @property
    def base(self) -> str:
        """The absolute address of the pages, without a slash at its end."""
        return self.house.public_url.rstrip("/") or f"{self.scheme}://{self.host_header or 'localhost'}{self.house.at}"

    @property
    def is_for_api(self) -> bool:
        """Whether the address is one of those that programs have."""
        return self.path == b"/api" or self.path.startswith(b"/api/")

    @property
    def is_for_program(self) -> bool:
        """Whether the asker wants JSON and not a page."""
        if self.is_for_api:
            return True
        accept = self.header("Accept")
        return "json" in accept and "text/html" not in accept

    @property
    def via(self) -> str:
        """The door: ``web`` for Meet's own script, ``api`` for everybody else's."""
        return "web" if "web" in (self.header("Meet-Client"), self.query("client")) else "api"

    @property
    def token(self) -> str:
        """The token in the Authorization header or the query, or an empty text."""
        scheme, _, credentials = self.header("Authorization").partition(" ")
        if scheme.lower() == "bearer":
            return credentials.strip()
        return self.query("token")

    @property
    def unpacks(self) -> bool:
        """Whether the asker takes an answer packed by gzip."""
        for each in self.header("Accept-Encoding").lower().split(","):
            name, _, weight = each.partition(";")
            if name.strip() == "gzip":
                return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
        return False

    def header(self, name: str) -> str:
        """The request's header ``name``, or an empty text."""
        return (self.getHeader(name.encode()) or b"").decode("latin-1")

    def headers(self, name: str) -> str:
        """The request's headers ``name``, as one list with commas."""
        return ",".join(self.requestHeaders.getRawHeaders(name, []))

    def query(self, name: str, default: str = "") -> str:
        """The field ``name`` of the query; raises `Refused` ``bad-input`` if it is not UTF-8."""
        values = (self.args or {}).get(name.encode())
        return _text(values[0]) if values else default

    def number(self, name: str, default: float, most: float) -> float:
        """The number ``name`` of the query, at most ``most``; raises `Refused` ``bad-input``."""
        text = self.query(name)
        if not text:
            return default
        try:
            number = float(text)
        except ValueError:
            number = -1.0
        if not number >= 0:
            raise Refused("bad-input", f"The field {name} must be a number.")
        return min(number, most)

    def cookie(self, name: str) -> str:
        """The cookie ``name``, or an empty text."""
        try:
            return (self.getCookie(name.encode()) or b"").decode("ascii")
        except UnicodeDecodeError:
            return ""

    def json(self) -> dict[str, Any]:
        """The JSON object in the body; raises `Refused` ``bad-type`` or ``bad-input``."""
        return wire.json_object(self.json_text())

    def json_text(self) -> bytes:
        """The body, unread, of a kind that may be JSON; raises `Refused` ``bad-type`` for any other."""
        kind = self._kind()
        if kind not in _MAYBE_JSON and not kind.endswith("+json"):
            raise Refused("bad-type", f"JSON is expected, not {kind[:40]}.")
        body: bytes = self.content.read()
        return body

    def form(self) -> dict[str, str]:
        """The fields of a form in the body; raises `Refused` ``bad-type`` or ``bad-input``."""
        if self._kind() != _FORM:
            raise Refused("bad-type", f"A form is expected, as {_FORM}.")
        try:
            fields = parse_qsl(
                self.content.read().decode("ascii"),
                keep_blank_values=True,
                errors="strict",
                max_num_fields=_FIELDS,
            )
        except ValueError:
            raise Refused("bad-input", "That form could not be read.") from None
        return dict(fields)

    def refuse_other_sites(self) -> None:
        """Raise `Refused` ``other-site`` if a page of another site asks."""
        security.refuse_other_sites(
            host=self.host_header,
            origin=self.header("Origin"),
            fetch_site=self.header("Sec-Fetch-Site"),
            public_url=self.house.public_url,
        )

    def answer(self, status: int, kind: str, body: bytes) -> bytes:
        """Set status, type and length for ``body``, and return it, packed if that helps.

        A page has its reader's token in it.  Whoever would learn it from packed lengths must make
        the reader's browser ask again and again, and what other sites ask has no cookies.
        """
        if len(body) > _WORTH_PACKING and kind.partition(";")[0] in _PACKED:
            self.setHeader(b"Vary", b"Accept-Encoding")
            if self.unpacks:
                self.setHeader(b"Content-Encoding", b"gzip")
                body = gzip.compress(body, _LEVEL, mtime=0)
        self.setResponseCode(status)
        self.setHeader(b"Content-Type", kind.encode())
        self.setHeader(b"Content-Length", b"%d" % len(body))
        if not self.responseHeaders.hasHeader(b"Cache-Control"):
            self.setHeader(b"Cache-Control", b"no-store")
        return body

    def answer_same(self, kind: str, body: bytes) -> bytes:
        """Answer with ``body``, which is the same for everybody: who has it is told so, and may go back to it."""
        tag = b'W/"%s"' % sha256(body).hexdigest()[:16].encode()
        self.setHeader(b"ETag", tag)
        self.setHeader(b"Cache-Control", b"no-cache")
        if self.has(tag):
            self.setResponseCode(304)
            return b""
        return self.answer(200, kind, body)

    def has(self, tag: bytes) -> bool:
        """Whether the asker has what is called ``tag``, an ETag (RFC 9110, section 13.1.2)."""
        known = [each.strip().removeprefix("W/") for each in self.headers("If-None-Match").split(",")]
        return "*" in known or tag.decode().removeprefix("W/") in known

    def redirect(self, path: str, status: int = 303) -> bytes:
        """Send the asker to ``path``, as it is without what all pages stand under."""
        self.setHeader(b"Location", f"{self.house.at}{path}".encode())
        return self.answer(status, "text/plain; charset=utf-8", b"")

    def answer_json(self, value: object, status: int = 200) -> bytes:
        """Answer with ``value`` as JSON."""
        return self.answer(status, _JSON, wire.encode(value) + b"\n")

    def _kind(self) -> str:
        return self.header("Content-Type").partition(";")[0].strip().lower()

    @property
    def over(self) -> bool:
        """Whether it was answered, or its connection is lost."""
        return bool(self.finished) or self.channel is None

    # Where twisted.web calls us.

    def gotLength(self, length: int | None) -> None:
        """Begin a body; it is bounded, so it stays in memory."""
        self.content = BytesIO()

    def handleContentChunk(self, data: bytes) -> None:
        """Take a piece of the body."""
        if self.content.tell() + len(data) > self.house.limits.bytes_in_body:
            self.channel.refuse(too_large(self.house.limits.bytes_in_body))
        else:
            self.content.write(data)

    def getRequestHostname(self) -> bytes:
        """No route depends on the host's name, so a malformed one cannot break routing."""
        return b"localhost"

    def process(self) -> None:
        """Answer, unless the request line cannot be read."""
        if self.method not in _METHODS:
            self.channel.refuse(Refused("bad-input", "Meet does not know that method."), 501)
            return
        if self.method == b"OPTIONS" and self.uri == b"*":
            # RFC 9110, section 9.3.7: about the server itself.
            self.path = b"/"
        if absolute := _ABSOLUTE.match(self.uri):
            # RFC 9112, section 3.2.2: what the whole address names goes before the Host header.
            self.requestHeaders.setRawHeaders(b"Host", [absolute[1]])
            self.uri = b"/" + self.uri[absolute.end() :].removeprefix(b"/")
            self.path = self.uri.partition(b"?")[0]
        if not self.path.startswith(b"/") or not _readable(self.path):
            self.channel.refuse(Refused("bad-input", "That address could not be read."))
            return
        if self._arrive():
            super().process()

    def _arrive(self) -> bool:
        """Count the request for its asker, and read its path from where the pages stand; False if it was refused."""
        site = self.channel.site
        site.hints.came(
            self.peer, trusted=self._trust.trusts(self.peer), forwarded=bool(self.header("X-Forwarded-For"))
        )
        if not self.channel.count(self.address):
            return False
        at = self.house.at.encode()
        inside = self.path == at or self.path.startswith(at + b"/")
        site.hints.found(inside=inside)
        if inside:
            self.path = self.path[len(at) :] or b"/"
        else:
            # No route is there.
            self.path = b"/-/-"
        return True

    @property
    def _trust(self) -> forwarded.Trust:
        trust: forwarded.Trust = self.channel.site.trust
        return trust

    def _told(self, read: Callable[[str], str], name: str) -> str:
        return read(self.headers(name)) if self._trust.trusts(self.peer) else ""

    def processingFailed(self, reason: Failure) -> Failure:
        """The last resort: a bug outside of the routes."""
        problems.Problems.log.failure("A request could not be answered", reason)
        if not self.over and not self.startedWriting:
            self.write(
                self.answer(
                    500, "application/problem+json", problems.document(Refused("internal", "It broke."), self.house.at)
                )
            )
            self.finish()
        return reason


def too_large(most: int) -> Refused:
    """The refusal of a body of more than ``most`` bytes."""
    return Refused("too-large", f"A request's body has at most {most} bytes.")


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise Refused("bad-input", "The query is not UTF-8.") from None


def _readable(path: bytes) -> bool:
    try:
        unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        return False
    return True
