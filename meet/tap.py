"""``twistd meet``: which parts there are, what each is given, and in which order they begin and end.

The law: whatever begins is ended, in the opposite order, each within its time, and all of
it within 5 seconds; nothing is let in before everything behind it stands.  What an operator
must mend is told in one sentence on standard error, and the exit code is 1.
"""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from types import TracebackType
from typing import Any, Protocol, TextIO, cast

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, gatherResults, maybeDeferred
from twisted.internet.defer import TimeoutError as TookTooLong
from twisted.internet.error import ReactorNotRunning
from twisted.internet.interfaces import IProtocolFactory
from twisted.logger import ILogObserver, Logger
from twisted.python.components import Componentized
from twisted.python.failure import Failure
from twisted.python.logfile import LogFile

from meet import logs, supervisor
from meet.admission import Admission
from meet.broker import broker_for
from meet.clock import steady
from meet.configuration import HEALTH, Configuration
from meet.errors import GOODBYES, Goodbye, Unavailable
from meet.following import Follower, source_for
from meet.health import Health, Probe
from meet.house import House
from meet.hub import Hub
from meet.metrics import Metrics
from meet.monitoring import Monitoring
from meet.options import MeetOptions as Options
from meet.ports import CannotStart, Entrance
from meet.presence import Watch
from meet.reaper import Reaper
from meet.recorder import Recorder
from meet.restorer import Restorer
from meet.rollcall import RollCall
from meet.sessions import Sessions
from meet.store import store_for
from meet.store.readers import Readers
from meet.version import VERSION

__all__ = ["MeetService", "Options", "makeService"]

DOORS = {"http": "meet.web", "irc": "meet.irc", "line": "meet.line"}
"""The package of each door, by its option.  One that is closed is not even imported."""

_SEARCHES = (5_000, 10, 10)
"""After so many new objects, and so many shorter searches, comes the next longer one (`gc.set_threshold`)."""

_GOODBYE = 2.4
_PORTS = 0.4
_CLOSING = 0.3
"""Seconds that people have to take their goodbye, the ports to close, and each other stage to end: 4.9 in all."""


class Gateway(Protocol):
    """What ``make_gateway`` of a door's package returns: an `IGateway` and the factory for its port."""

    factory: IProtocolFactory

    def stop_accepting(self) -> Deferred[None]:
        """As `IGateway` says."""

    def say_goodbye(self, goodbye: Goodbye) -> Deferred[None]:
        """As `IGateway` says."""


def makeService(options: Options) -> MeetService:
    """One whole Meet, not yet running.  What is wrong with the options ends the process with a sentence."""
    from twisted.internet import reactor

    steady(reactor)
    configuration = options.configuration
    try:
        service = MeetService(configuration, reactor)
        out = _log_destination(options.parent or {})
    except (ValueError, OSError) as wrong:
        raise SystemExit(f"meet: {wrong}") from None
    if out is not None:
        service.observer = logs.observer(out, configuration.log, configuration.log_level)
    service.leave = _leave
    sys.excepthook = _tell_plainly
    # Now for who is impatient, and again because the reactor sets its own as it begins to run.
    _end_on_signals(reactor)
    cast("Any", reactor).callWhenRunning(_end_on_signals, reactor)
    cast("Any", reactor).callWhenRunning(_collect_seldom)
    return service


def _collect_seldom() -> None:
    """Let Python look for what knows each other in circles seldom, and never in what is there from the start.

    What Meet lets go of is free at once, without a search; and while a hall comes in, each search
    through all that it brings takes as long as hundreds of joins.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_SEARCHES)


class MeetService(Service):
    """All parts of one process."""

    log = Logger()

    opened: Deferred[None]
    """Fires when everything stands; where something cannot, the process ends instead."""

    observer: ILogObserver | None = None
    """Where the log goes, if not where twistd would send it."""

    def __init__(self, configuration: Configuration, reactor: Any) -> None:
        """Make the parts; raises `ValueError` with one sentence if one of them cannot be what it should."""
        limits = configuration.limits
        data = configuration.data.absolute()
        if configuration.record and configuration.store.partition(":")[0] == "process":
            raise ValueError("The option store names the archive of another process, in which this one cannot record.")
        self._reactor = reactor
        self._configuration = configuration
        self.broker = broker_for(configuration.broker, data=data, clock=reactor, random=os.urandom, limits=limits)
        self.store = store_for(configuration.store, data=data, clock=reactor, limits=limits)
        self.hub = Hub(self.broker, reactor, limits)
        self.admission = Admission(limits)
        self.sessions = Sessions(self.hub, self.admission, reactor, limits, os.urandom)
        self.watch = Watch(self.broker, self.hub, self.sessions, reactor)
        self.restorer = Restorer(self.broker, self.store, reactor, limits)
        self.watch.back_again.append(self.restorer.look)
        self.recorder = Recorder(self.broker, self.store, reactor, configuration.recorder)
        self.reaper = Reaper(self.broker, reactor, limits)
        self.followers = [
            Follower(
                source_for(word, reactor, configuration.sources.get(word, {})),
                self.broker,
                self.hub,
                reactor,
                limits,
                self.store if configuration.opens_store else None,
            )
            for word in configuration.follow
        ]
        self.roll_call = RollCall(self.broker, reactor, limits)
        probes: dict[str, Probe] = {"broker": self.broker.probe}
        if configuration.record:
            probes["store"] = self.recorder.probe
        self.health = Health(reactor, probes)
        metrics = Metrics(self.broker, self.hub, self.sessions, self.health)
        self.monitoring = Monitoring(self.health, metrics.text, reactor)
        self.entrances = [Entrance(door, where, reactor) for door, where in configuration.doors.items()]
        self.side_entrance = Entrance("health", configuration.health, reactor) if configuration.health else None
        self.readers = Readers(self.store)
        self.archive_entrance = Entrance("archive", configuration.archive, reactor) if configuration.archive else None
        self.gateways: list[Gateway] = []
        self.opened = Deferred()
        self.leave: Callable[[int, bool], None] = _stay
        self._binding: list[Deferred[None]] = []
        self._opening: Deferred[None] | None = None
        self._failed = False

    def setServiceParent(self, parent: Any) -> None:
        """Belong to ``parent``; an application is told where its log goes."""
        if self.observer is not None and isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self.observer)  # type: ignore[no-untyped-call]  # Twisted 26.10 has no types
        super().setServiceParent(parent)  # type: ignore[no-untyped-call]

    # The beginning.

    def privilegedStartService(self) -> None:
        """Take the ports, while there may be rights for them that end with the next step.  Raises `CannotStart`."""
        super().privilegedStartService()  # type: ignore[no-untyped-call]
        self._binding = [_at_once(entrance.bind()) for entrance in self.entrances]
        if self.archive_entrance is not None:
            self._binding.append(_at_once(self.archive_entrance.bind()))
        if self.side_entrance is not None:
            self._binding.append(_at_once(self.side_entrance.bind().addErrback(self._without_health)))

    def _without_health(self, failure: Failure) -> None:
        """Where nobody said where health is told, a second Meet on this machine does without."""
        if self._configuration.health != HEALTH:
            failure.raiseException()
        self.side_entrance = None
        self.log.warn("Health and metrics are told nowhere. {problem}", problem=failure.value)

    def startService(self) -> None:
        """Begin.  Raises `CannotStart` for what shows at once; what shows later ends the process."""
        super().startService()  # type: ignore[no-untyped-call]
        # Files are made only now, when the process runs as the user that it will stay.
        begun = _at_once(maybeDeferred(self.broker.start))
        self._opening = Deferred.fromCoroutine(self._open(begun))
        self._opening.addErrback(self._not_opened)

    async def _open(self, begun: Deferred[None]) -> None:
        configuration = self._configuration
        if self.side_entrance is not None:
            self.side_entrance.open(self.monitoring)
        await begun
        if configuration.opens_store:
            await self.store.start()
        if configuration.record:
            self.recorder.startService()
        if configuration.reap:
            self.reaper.startService()
        if self.followers and not self.entrances:
            await self.watch.start()
        for follower in self.followers:
            follower.startService()
        self.roll_call.startService()
        await gatherResults(self._binding, consumeErrors=True)
        if self.archive_entrance is not None:
            self.archive_entrance.open(self.readers)
        if self.entrances:
            await self._serve()
        tried = self.health.begin()
        self.log.info(
            "Meet {version} is open: {doing}. Its files are in {data}.",
            version=VERSION,
            doing=", ".join(self._doing()),
            data=configuration.data.absolute(),
        )
        await tried
        self.opened.callback(None)
        supervisor.tell(os.environ, supervisor.READY)

    async def _serve(self) -> None:
        """Open the doors."""
        configuration = self._configuration
        house = House(
            hub=self.hub,
            sessions=self.sessions,
            admission=self.admission,
            archive=self.store,
            clock=self._reactor,
            limits=configuration.limits,
            random=os.urandom,
            secret=await self.broker.secret(),
            name=configuration.name,
            public_url=configuration.public_url,
            ports={entrance.door: entrance.number for entrance in self.entrances},
            at=configuration.at,
            trust=configuration.trust,
            trouble=lambda: self.health.trouble,
        )
        await self.watch.start()
        self.restorer.startService()
        for entrance in self.entrances:
            gateway = import_module(DOORS[entrance.door]).make_gateway(house)
            self.gateways.append(gateway)
            entrance.open(gateway.factory)

    def _doing(self) -> Iterator[str]:
        """What this process does, for the log."""
        yield from (f"{entrance.door} {entrance.place}" for entrance in self.entrances)
        if not self.entrances or not (self._configuration.record and self._configuration.reap):
            yield from (role for role in ("record", "reap") if getattr(self._configuration, role))
        if self.archive_entrance is not None:
            yield f"archive {self.archive_entrance.place}"
        yield from (f"follow {follower.name}" for follower in self.followers)
        if self.side_entrance is not None:
            yield f"health {self.side_entrance.place}"

    def _not_opened(self, failure: Failure) -> None:
        problem = failure.value
        if isinstance(problem, CancelledError):
            return
        if isinstance(problem, CannotStart | ValueError | Unavailable):
            self.log.critical("{problem}", problem=problem)
            _tell(str(problem))
        else:
            self.log.failure("Meet could not start", failure)
            _tell("Meet could not start; its log says why.")
        self._failed = True
        self._reactor.callWhenRunning(_stop, self._reactor)

    # The end.

    async def _close(self) -> bool:
        """End every part, the way in first; whether each ended in its time."""
        goodbye = GOODBYES["shutting-down"]
        self.health.stop()
        supervisor.tell(os.environ, supervisor.STOPPING)
        stages: list[list[tuple[str, float, Callable[[], Any]]]] = [
            [("The ports", _PORTS, lambda: gatherResults([entrance.close() for entrance in self.entrances]))],
            [("Accepting", _CLOSING, lambda: gatherResults([gateway.stop_accepting() for gateway in self.gateways]))],
            [("Goodbye", _GOODBYE, lambda: gatherResults([gateway.say_goodbye(goodbye) for gateway in self.gateways]))],
            # Before the hub, which takes what they still ask of rooms.
            [(f"Following {each.name}", _CLOSING, each.stopService) for each in self.followers],
            [("The sessions", _CLOSING, lambda: self.sessions.stop(goodbye))],
            [("The hub", _CLOSING, lambda: self.hub.stop(goodbye))],
            [
                ("The restorer", _CLOSING, self.restorer.stopService),
                ("The reaper", _CLOSING, self.reaper.stopService),
                ("The recorder", _CLOSING, self.recorder.stopService),
                ("The roll call", _CLOSING, self.roll_call.stopService),
            ],
            [("The store", _CLOSING, self._close_archive)],
            [("The broker", _CLOSING, self.broker.stop)],
        ]
        if self.archive_entrance is not None:
            stages[0].append(("The archive's port", _PORTS, self.archive_entrance.close))
        if self.side_entrance is not None:
            # The last, so that it tells to the end how it goes.
            stages.append([("Health", _CLOSING, self.side_entrance.close)])
        in_time = True
        for stage in stages:
            ended = await gatherResults([Deferred.fromCoroutine(self._step(*step)) for step in stage])
            in_time = in_time and all(ended)
        return in_time

    def _close_archive(self) -> Deferred[None]:
        """End the store; those who read it through this process look for the next one instead of being told no."""
        self.readers.cut()
        return self.store.stop()

    async def _step(self, what: str, most: float, end: Callable[[], Any]) -> bool:
        try:
            await maybeDeferred(end).addTimeout(most, self._reactor)
        except TookTooLong:
            self.log.warn("{what} did not end within {most} s.", what=what, most=most)
            return False
        except Exception:
            self.log.failure("{what} did not end well", what=what)
        return True

    def stopService(self) -> Deferred[None]:
        """End what began; fires when all of it has ended, or has had its time, which is under 5 seconds."""
        super().stopService()  # type: ignore[no-untyped-call]
        if self._opening is not None:
            self._opening.cancel()
        return Deferred.fromCoroutine(self._close()).addCallback(self._ended)

    def _ended(self, in_time: bool) -> None:
        self.monitoring.cut()
        self.log.info("Meet has ended.")
        self.leave(1 if self._failed else 0, in_time)


def _at_once(begun: Deferred[None]) -> Deferred[None]:
    """``begun``, unless it has failed already; raises `CannotStart` for what an operator must mend."""
    failure = begun.result if begun.called else None
    if not isinstance(failure, Failure):
        return begun
    begun.addErrback(lambda _: None)
    problem = failure.value
    if isinstance(problem, CannotStart | ValueError | Unavailable):
        MeetService.log.critical("{problem}", problem=problem)
        raise CannotStart(str(problem)) from None
    return failure.raiseException()


def _log_destination(twistd: Mapping[str, Any]) -> TextIO | None:
    """Where twistd's own options send the log; None if they name something that is not a file."""
    path = twistd.get("logfile")
    stays = twistd.get("nodaemon") or twistd.get("debug")
    if twistd.get("logger") or twistd.get("syslog") or (path == "-" and not stays):
        return None
    if path == "-" or (stays and not path):
        return sys.stdout
    return cast("TextIO", LogFile.fromFullPath(path or "twistd.log"))  # type: ignore[no-untyped-call]


def _tell(sentence: str) -> None:
    """Say it to whoever started Meet; twistd sends what is printed otherwise to the log."""
    if sys.__stderr__ is not None:
        sys.__stderr__.write(f"meet: {sentence}\n")
        sys.__stderr__.flush()


def _tell_plainly(kind: type[BaseException], problem: BaseException, traceback: TracebackType | None) -> None:
    """In Python's place: a traceback only for what is a mistake of ours.

    twistd lets an exception of a service's beginning go all the way up, and exits with 1.
    """
    if isinstance(problem, CannotStart):
        _tell(str(problem))
    else:
        sys.__excepthook__(kind, problem, traceback)


def _end_on_signals(reactor: Any) -> None:
    """SIGTERM, SIGINT and SIGHUP end Meet in order.

    The reactor's own handlers do so too, but then twistd exits as if it had been killed; and it
    leaves out SIGHUP, which comes when the terminal is closed, unless nohup wants it ignored.
    """
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
            continue
        signal.signal(number, lambda _number, _frame: reactor.callFromThread(_stop, reactor))


def _stop(reactor: Any) -> None:
    with suppress(ReactorNotRunning):
        reactor.stop()


def _leave(code: int, in_time: bool) -> None:
    """Make the process end with ``code`` when the reactor has ended; twistd knows only 0."""
    from twisted.internet import reactor

    if code:
        atexit.register(_exit, code)
    if not in_time:
        # A thread that still waits for its disk would keep the process; what was accepted is on it.
        cast("Any", reactor).addSystemEventTrigger("after", "shutdown", _exit, code)


def _stay(_code: int, _in_time: bool) -> None:
    """Where Meet is not the whole process."""


def _exit(code: int) -> None:
    for out in (sys.__stdout__, sys.__stderr__):
        if out is not None:
            out.flush()
    os._exit(code)
