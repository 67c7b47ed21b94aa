"""A process that talks into a local broker until it is killed, or its disk is full.

Arguments: the folder, and a bound on file sizes in bytes (0: none).  It prints each position
when its Deferred has fired.  With a bound it waits, once refused, for a line on its standard
input, lifts the bound, says one line more and stops.
"""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.threads import deferToThread

from meet.broker import broker_for
from meet.errors import Unavailable
from meet.limits import Limits


def say(what: object) -> None:
    os.write(1, f"{what}\n".encode())


async def talk(folder: Path, bound: int) -> None:
    broker = broker_for("local:", data=folder, clock=reactor, random=os.urandom, limits=Limits())
    try:
        await broker.start()
    except ValueError as error:
        say(error)
        return
    heard: list[int] = []
    await broker.attend("algebra", lambda position, body: heard.append(position.seq))
    if bound:
        resource.setrlimit(resource.RLIMIT_FSIZE, (bound, resource.RLIM_INFINITY))
    number = 0
    try:
        while True:
            asked: list[Deferred[object]] = []
            for _ in range(10):
                number += 1
                asked.append(broker.publish("algebra", b"%d" % number + b" " * 500, under=None, once=f"p1:{number}"))
                asked[-1].addCallback(say)
            try:
                for each in asked:
                    await each
            except Unavailable as error:
                for each in asked:
                    each.addErrback(lambda failure: failure.trap(Unavailable) and None)
                say(error)
                break
    finally:
        look = await broker.read("algebra")
        say(f"heard {heard[-1]} last {look.last.seq}")
    await deferToThread(sys.stdin.readline)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    say(await broker.publish("algebra", b"again", under=None))
    say(f"heard {heard[-1]}")
    await broker.stop()
    say("stopped")


def main() -> None:
    talking = ensureDeferred(talk(Path(sys.argv[1]), int(sys.argv[2])))
    talking.addErrback(lambda failure: say(failure.getTraceback()))
    talking.addCallback(lambda _: reactor.callWhenRunning(reactor.stop))
    reactor.run()


if __name__ == "__main__":
    main()
