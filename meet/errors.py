"""The ways of saying no and of saying goodbye, each listed once.

A refusal answers one ask and costs nobody else anything; it is never logged as an
error.  A goodbye ends a connection and says whether to come back.  Every door words
both in its own manner, out of these two tables.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """How one code is told at each door.

    ``status`` is the HTTP status, ``numeric`` the IRC numeric (``FAIL`` where IRC has
    none), ``title`` the short sentence that names the kind of problem (RFC 9457
    section 3.1.3).
    """

    status: int
    numeric: str
    title: str


REFUSALS: dict[str, Refusal] = {
    "bad-input": Refusal(400, "461", "That could not be understood."),
    "unknown-ask": Refusal(400, "421", "Meet does not know that request."),
    "bad-name": Refusal(422, "403", "That is not a name for a room."),
    "bad-nick": Refusal(422, "432", "That is not a nick."),
    "bad-title": Refusal(422, "FAIL", "That is not a title."),
    "bad-life": Refusal(422, "FAIL", "A room cannot be open for that long."),
    "empty": Refusal(422, "412", "There is nothing to say in that line."),
    "too-long": Refusal(422, "417", "That line is too long."),
    "too-large": Refusal(413, "417", "That request is too large."),
    "bad-type": Refusal(415, "FAIL", "That kind of body is not taken here."),
    "no-session": Refusal(401, "451", "Nobody is in the room under that token."),
    "not-here": Refusal(403, "442", "You are not in that room."),
    "not-host": Refusal(403, "482", "Only the host can do that."),
    "other-site": Refusal(403, "FAIL", "That came from another site."),
    "wrong-key": Refusal(403, "482", "That is not the host key of this room."),
    "no-room": Refusal(404, "403", "There is no such room."),
    "not-found": Refusal(404, "401", "There is nothing at that address."),
    "nick-taken": Refusal(409, "433", "That nick is taken."),
    "room-exists": Refusal(409, "FAIL", "A room of that name is open."),
    "room-closed": Refusal(410, "403", "The room is closed."),
    "room-full": Refusal(403, "471", "The room is full."),
    "too-fast": Refusal(429, "FAIL", "That was too fast."),
    "too-many": Refusal(429, "FAIL", "There are too many from one address."),
    "unavailable": Refusal(503, "FAIL", "A part of Meet is away."),
    "internal": Refusal(500, "FAIL", "Something in Meet broke."),
}


class Refused(Exception):
    """The one way of saying no: told to the asker alone.

    ``code`` is one of `REFUSALS`; ``detail`` is a sentence for a person, which says
    what happened and, where there is one, what to do.
    """

    def __init__(self, code: str, detail: str) -> None:
        if code not in REFUSALS:
            raise KeyError(code)
        super().__init__(code, detail)
        self.code = code
        self.detail = detail

    @property
    def refusal(self) -> Refusal:
        """The row of `REFUSALS` for this code."""
        return REFUSALS[self.code]


class Unavailable(Exception):
    """A part (broker or store) is away; the same ask may succeed later."""


class Stale(Exception):
    """A broker's guard ``under``: a ruling was numbered since the view that was decided on."""


class Taken(Exception):
    """A broker's guard ``claim``: the key belongs to somebody else."""


@dataclass(frozen=True, slots=True)
class Goodbye:
    """One named way for a connection to end.

    ``close`` is the WebSocket close code (RFC 6455 section 7.4), ``text`` the sentence
    told at every door, ``again`` whether coming back makes sense.
    """

    name: str
    close: int
    text: str
    again: bool


GOODBYES: dict[str, Goodbye] = {
    goodbye.name: goodbye
    for goodbye in (
        Goodbye("slow", 4001, "Your connection did not keep up. Come back, nothing is lost.", True),
        Goodbye("idle", 4002, "Nothing was heard from you for too long.", True),
        Goodbye("room-closed", 4003, "The room has closed.", False),
        Goodbye("kicked", 4004, "A host ended your stay.", False),
        Goodbye("too-fast", 4005, "Too much came too fast.", False),
        Goodbye("bad-input", 4006, "Too much of what came could not be understood.", False),
        Goodbye("replaced", 4007, "You came in again from another connection.", False),
        Goodbye("renewed", 4008, "Meet has brought this room back after a loss. Come in again.", True),
        Goodbye("left", 1000, "You left the room.", False),
        Goodbye("internal", 1011, "Something in Meet broke. Come back, nothing is lost.", True),
        Goodbye("shutting-down", 1012, "Meet is restarting. Come back, nothing is lost.", True),
    )
}
