"""What a front-end is given: the one object that the assembly hands to every door."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime

from meet.admission import Admission
from meet.health import Trouble
from meet.hub import Hub
from meet.interfaces import IStore
from meet.limits import Limits
from meet.sessions import Sessions


def _no_trouble() -> Trouble | None:
    return None


@dataclass(frozen=True, slots=True)
class House:
    """The parts of one process that doors use.

    ``name`` is what the server calls itself, ``secret`` 32 bytes that only the processes of
    this broker know, ``random`` gives that many unpredictable bytes, ``public_url`` is the
    absolute address of the pages or empty, ``ports`` the port of each open door by its name.
    ``at`` is the path under which the pages stand, without a slash at its end; ``trust`` the
    networks, as text, and ``unix``, from which a proxy's word about addresses is taken;
    ``trouble()`` what keeps this process from delivering.
    """

    hub: Hub
    sessions: Sessions
    admission: Admission
    archive: IStore
    clock: IReactorTime
    limits: Limits
    random: Callable[[int], bytes]
    secret: bytes
    name: str
    public_url: str
    ports: dict[str, int]
    at: str = ""
    trust: tuple[str, ...] = ()
    trouble: Callable[[], Trouble | None] = _no_trouble
