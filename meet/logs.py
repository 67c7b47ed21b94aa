"""What is logged, and how it is written: lines of text, or of JSON.

The law: a log holds what an operator needs and nothing about people.  Meet's own words
never hold what was said or where somebody comes from; other packages are not so careful
(they name peers, and note each connection), so of theirs only warnings and worse are
kept, and of every event only the fields that are named here.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TextIO

from twisted.logger import (
    FileLogObserver,
    FilteringLogObserver,
    ILogFilterPredicate,
    ILogObserver,
    LogEvent,
    LogLevel,
    PredicateResult,
    eventAsText,
    formatEvent,
)
from zope.interface import implementer

from meet.moments import moment

_OWN = "meet"
_OUR_WORDS = ("stdout", "stderr")
"""What is printed in this process: Python's own complaints come this way."""


def observer(out: TextIO, form: str, level: str) -> ILogObserver:
    """An observer that writes what passes to ``out``, one line an event.

    ``form`` is ``text`` or ``json``; ``level`` the lowest that is written, one of
    `meet.configuration.LOG_LEVELS`.
    """
    write = _FORMS[form]
    return FilteringLogObserver(FileLogObserver(out, write), [_From(level)])


@implementer(ILogFilterPredicate)
class _From:
    """Lets Meet's own words pass from ``level`` on, those of other packages from a warning on."""

    def __init__(self, level: str) -> None:
        self._least = LogLevel.levelWithName(level)

    def __call__(self, event: LogEvent) -> Any:
        level = event.get("log_level") or LogLevel.info
        namespace = str(event.get("log_namespace", ""))
        own = namespace.partition(".")[0] == _OWN or namespace in _OUR_WORDS
        return PredicateResult.no if level < self._least or not (own or level >= LogLevel.warn) else PredicateResult.yes


def _text(event: LogEvent) -> str:
    """``2026-11-24T14:05:09.120Z info meet.tap  Meet is open.``; what follows is indented."""
    level = event.get("log_level") or LogLevel.info
    words = formatEvent(event)
    whole = "\n".join(filter(None, (words, _traceback(event))))
    indented = _printable(whole).replace("\n", "\n    ")
    return f"{moment(event['log_time'])} {level.name} {event.get('log_namespace', '-')}  {indented}\n"


def _json(event: LogEvent) -> str:
    """An object with time, level, from, text, and traceback where there is one."""
    level = event.get("log_level") or LogLevel.info
    fields = {
        "time": moment(event["log_time"]),
        "level": level.name,
        "from": event.get("log_namespace", "-"),
        "text": formatEvent(event),
    }
    traceback = _traceback(event)
    if traceback:
        fields["traceback"] = traceback
    return json.dumps(fields) + "\n"


def _traceback(event: LogEvent) -> str:
    if "log_failure" not in event:
        return ""
    return (
        eventAsText(event, includeTraceback=True, includeTimestamp=False, includeSystem=False)
        .removeprefix(formatEvent(event))
        .strip("\n")
    )


def _printable(words: str) -> str:
    """``words`` without what a terminal would obey."""
    return "".join(each if each.isprintable() or each == "\n" else "?" for each in words)


_FORMS: dict[str, Callable[[LogEvent], str]] = {"text": _text, "json": _json}
