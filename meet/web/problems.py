"""How the web says no: problem documents (RFC 9457) to programs, a page to people.

`Problems.tell` turns whatever went wrong into one answer.  A refusal is told and not
logged; a part that is away is a 503; anything else is a bug, logged once with its failure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from twisted.python.failure import Failure
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from meet.errors import Refused, Unavailable
from meet.web.look import Look
from meet.wire import encode

if TYPE_CHECKING:
    from meet.web.request import MeetRequest

_COME_AGAIN = {429: "10", 503: "5"}
"""Seconds after which it makes sense to ask again, by status."""

_TAKEN = {True: b"application/json", False: b"application/x-www-form-urlencoded"}
"""The kinds of bodies that are taken, by whether it is a program's address."""

_INTERNAL = "Something in Meet broke. It is noted; what was said is kept."


def document(refused: Refused, at: str, status: int = 0, **more: Any) -> bytes:
    """The problem document for ``refused``; ``status`` overrules the one of its code.

    ``at`` is the path under which the pages stand.
    """
    return encode(
        {
            "type": f"{at}/help/problems#{refused.code}",
            "title": refused.refusal.title,
            "status": status or refused.refusal.status,
            "detail": refused.detail,
            "code": refused.code,
            **more,
        }
    )


def come_again(status: int) -> list[str]:
    """The value of Retry-After in an answer with ``status``, if it has one."""
    return [_COME_AGAIN[status]] if status in _COME_AGAIN else []


class Problems:
    """Answers requests that cannot be granted."""

    log = Logger()

    def __init__(self, look: Look) -> None:
        self._look = look

    def tell(self, request: MeetRequest, failure: Failure) -> bytes:
        """Set status and headers of ``request`` for ``failure``; returns the body."""
        error = failure.value
        status = 0
        if isinstance(error, MethodNotAllowed) and request.method == b"OPTIONS":
            allowed = sorted({*(error.valid_methods or ()), "OPTIONS"})
            request.setHeader(b"Allow", ", ".join(allowed).encode())
            request.setResponseCode(204)
            return b""
        if isinstance(error, HTTPException):
            status = error.code or 500
            refused = _refused_by_routes(status)
            for name, value in error.get_response({}).headers:
                if name not in ("Content-Type", "Content-Length"):
                    request.setHeader(name, value)
        elif isinstance(error, Unavailable):
            refused = Refused("unavailable", str(error) or "A part of Meet is away. Try again in a moment.")
        elif isinstance(error, Refused):
            refused = error
        else:
            if not isinstance(error, CancelledError):
                self.log.failure("A request could not be answered", failure)
            refused = Refused("internal", _INTERNAL)
        return self.refuse(request, refused, status)

    def refuse(self, request: MeetRequest, refused: Refused, status: int = 0, **more: Any) -> bytes:
        """As `tell`, of a refusal; ``more`` are further members of a problem document."""
        status = status or refused.refusal.status
        for seconds in come_again(status):
            request.setHeader(b"Retry-After", seconds.encode())
        if status == 415:
            request.setHeader(b"Accept", _TAKEN[request.is_for_api])
        if status == 401:
            request.setHeader(b"WWW-Authenticate", b"Bearer")
        if request.is_for_program:
            return request.answer(
                status, "application/problem+json", document(refused, request.house.at, status, **more)
            )
        title = refused.refusal.title
        page = self._look.page("error.html", status=status, title=title, detail=refused.detail)
        return request.answer(status, "text/html; charset=utf-8", page)


def _refused_by_routes(status: int) -> Refused:
    if status == 404:
        return Refused("not-found", "There is nothing at that address.")
    if status == 405:
        return Refused("bad-input", "That cannot be done at this address.")
    return Refused("bad-input", "That request could not be understood.")
