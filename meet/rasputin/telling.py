"""One record to everybody in this site, once.

The law: either all of it happens in the transaction, the mark that it was told included, or nothing; a
receiver that raises undoes the record for the others, too, and is set aside alone when it has raised
often enough.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from hashlib import sha256

from django.db import IntegrityError, transaction

from meet.errors import Refused
from meet.events import Position
from meet.rasputin import keeping
from meet.rasputin.models import SetAside, Told
from meet.rasputin.observing import RECEIVERS, Heard, Receive
from meet.rasputin.signals import heard as heard_signal

LONGEST_BODY = 65_536
"""Bytes; nothing that Meet publishes is a quarter of it."""

_ERROR_MOST = 4000


class BrokenReceiver(Exception):
    """A receiver raised; its ``__cause__`` is what."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def readable(room: str, position: Position, body: bytes) -> Heard:
    """A record as it came, if it is one; raises `Refused` for what is no JSON object, has no kind, or is too large."""
    if len(body) > LONGEST_BODY:
        raise Refused("too-large", f"An event has at most {LONGEST_BODY} bytes.")
    found = Heard(room, position, body)
    try:
        fields = found.fields
    except (ValueError, RecursionError):
        raise Refused("bad-input", "That is not JSON in UTF-8.") from None
    if not isinstance(fields, dict) or not isinstance(fields.get("kind"), str):
        raise Refused("bad-input", "An event is a JSON object with a kind.")
    return found


def tell(heard: Heard, *, keep: bool) -> bool:
    """Tell ``heard`` to all who want it, in one transaction; False if that was done before.

    ``keep`` says whether rooms and lines are kept.  Raises `BrokenReceiver`, and nothing has happened.
    """
    here = {"room": heard.room, "epoch": heard.position.epoch, "number": heard.position.seq}
    with transaction.atomic():
        try:
            with transaction.atomic():
                Told.objects.create(**here, mark=_mark(heard.body))
        except IntegrityError:
            return False
        given_up = set(SetAside.objects.filter(**here, given_up=True).values_list("receiver", flat=True))
        SetAside.objects.filter(**here, given_up=False).delete()
        keeping.forget_told(heard)
        for name, receive in _audience(heard, keep):
            if name in given_up:
                continue
            try:
                with transaction.atomic():
                    receive(heard)
            except Exception as error:
                raise BrokenReceiver(name) from error
    return True


def set_aside(heard: Heard, broken: BrokenReceiver, tries: int) -> SetAside:
    """Note that a receiver could not take ``heard``; after ``tries`` times it is given up for it."""
    row, _ = SetAside.objects.get_or_create(
        room=heard.room,
        epoch=heard.position.epoch,
        number=heard.position.seq,
        receiver=broken.name,
        defaults={"body": heard.body.decode(errors="replace")},
    )
    row.tries += 1
    row.given_up = row.tries >= tries
    row.error = "".join(traceback.format_exception(broken.__cause__))[-_ERROR_MOST:]
    row.save()
    return row


def tell_again(row: SetAside) -> None:
    """Tell what was set aside to the receiver that could not take it; raises what that raises, and the row stays."""
    heard = Heard(row.room, Position(row.epoch, row.number), row.body.encode())
    receive = dict(_audience(heard, keep=True)).get(row.receiver)
    if receive is None:
        raise LookupError(f"There is no receiver {row.receiver} any more, or it does not want this.")
    with transaction.atomic():
        receive(heard)
        row.delete()


def _audience(heard: Heard, keep: bool) -> Iterator[tuple[str, Receive]]:
    if keep:
        yield keeping.__name__, keeping.keep
    for receiver in list(RECEIVERS.values()):
        if receiver.wants(heard):
            yield receiver.name, receiver.receive
    if heard_signal.has_listeners(type(heard.event)):
        yield "meet.rasputin.signals.heard", _send


def _send(heard: Heard) -> None:
    heard_signal.send(sender=type(heard.event), heard=heard)


def _mark(body: bytes) -> str:
    return sha256(body).hexdigest()[:16]
