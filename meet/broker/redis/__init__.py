"""The broker of many processes on many hosts, on Redis 7 or what speaks like it.

===========  ====================================================================
``reaching`` how a place is connected to
``link``     one connection, made again whenever it is lost
``servers``  which connection leads to which shard, and what refusals mean
``cluster``  the same for the nodes of a Cluster
``scripts``  the Lua files beside this one, each run by its digest
``reading``  what Redis answers as words, and words as what Redis takes
``rooms``    what is asked of one room
``hearing``  the connection on which everything is heard
``standing`` one process among the others: its pulse, its leases, whom it adopts
``journal``  the durable observers: which shards are ours, told and acknowledged
``observers`` who that journal is kept for, and letting one go
``broker``   `meet.interfaces.IBroker`, put together out of these
===========  ====================================================================

What the URL says reads `meet.address`, which key and channel a room has knows `meet.keys`, and the words
of the scripts that others run too stand in `meet.bus`.

A room belongs to one of 64 shards, and its shard is the hash tag of its keys and of its
journal; so each script touches one slot, and the same code runs on one server and on a
Cluster.  The Lua files number, remember and send in one step; any other language may run
them as well.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from meet.address import read_address
from meet.interfaces import IBroker
from meet.limits import Limits

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime


def make_broker(
    url: str, *, data: Path, clock: IReactorTime, random: Callable[[int], bytes], limits: Limits
) -> IBroker:
    """The broker at ``url`` (see `read_address`), not yet connected; it keeps no files in ``data``.

    Raises `ValueError` with one sentence if ``url`` says something else.
    """
    address = read_address(url)
    # Importing it installs the reactor, which is the assembly's to do.
    from meet.broker.redis.broker import RedisBroker

    return RedisBroker(address, clock, random, limits)
