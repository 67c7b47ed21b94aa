"""What a site keeps of Meet.

`Room` and `Line` are what was said, deleted when Meet deletes it.  `Told` are the records that were
told here, so that none is told twice; `SetAside` those that a receiver could not take; `Outgoing` what
a view has published and Meet has not yet got.
"""

from __future__ import annotations

import hmac

from django.db import models

from meet import names
from meet.names import NICK_LENGTH, ROOM_LENGTH
from meet.rasputin.asking import command_of
from meet.rasputin.configuration import configured

_EPOCH_LENGTH = 16


class Rooms(models.QuerySet):
    """Rooms, asked for as people do."""

    def open(self) -> Rooms:
        """Those that have not been closed; one whose time is over is closed a moment later."""
        return self.filter(closed=None)

    def with_key(self, host_key: str) -> Rooms:
        """Those whose host key this is."""
        return self.filter(lock=names.digest(host_key))


class Room(models.Model):
    """One log of one room: a name that is opened again after its end is another one."""

    name = models.CharField(max_length=ROOM_LENGTH, db_index=True)
    epoch = models.CharField(max_length=_EPOCH_LENGTH)
    title = models.CharField(max_length=200)
    opened = models.DateTimeField(db_index=True)
    ends = models.DateTimeField()
    closed = models.DateTimeField(null=True, blank=True)
    because = models.CharField(max_length=20, blank=True)
    limit = models.PositiveIntegerField(default=140)
    lock = models.CharField(max_length=64, blank=True, db_index=True)

    objects = Rooms.as_manager()

    class Meta:
        """One row for each log, the newest first."""

        ordering = ("-opened",)
        constraints = (models.UniqueConstraint(fields=("name", "epoch"), name="rasputin_one_row_each_log"),)

    def __str__(self) -> str:
        return self.title or self.name

    @property
    def url(self) -> str:
        """The room's page in Meet."""
        return f"{configured().url.rstrip('/')}/{self.name}"

    def opened_by(self, host_key: str) -> bool:
        """Whether that is the room's host key."""
        return hmac.compare_digest(self.lock, names.digest(host_key))


class Line(models.Model):
    """One line of a room, at its number."""

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="lines")
    number = models.BigIntegerField()
    at = models.DateTimeField()
    by = models.CharField(max_length=64, db_index=True)
    nick = models.CharField(max_length=NICK_LENGTH)
    via = models.CharField(max_length=24)
    text = models.TextField()

    class Meta:
        """In the order in which they were said."""

        ordering = ("room", "number")
        constraints = (models.UniqueConstraint(fields=("room", "number"), name="rasputin_one_line_each_number"),)

    def __str__(self) -> str:
        return f"<{self.nick}> {self.text}"


class Told(models.Model):
    """A record that was told in this site; ``mark`` is a digest of its words."""

    room = models.CharField(max_length=ROOM_LENGTH)
    epoch = models.CharField(max_length=_EPOCH_LENGTH)
    number = models.BigIntegerField()
    mark = models.CharField(max_length=16)

    class Meta:
        """Each once."""

        verbose_name_plural = "told"
        constraints = (
            models.UniqueConstraint(fields=("room", "epoch", "number", "mark"), name="rasputin_each_told_once"),
        )

    def __str__(self) -> str:
        return f"{self.room} {self.epoch}.{self.number}"


class SetAside(models.Model):
    """A record that one receiver has not taken: tried again until ``given_up``, and then the worker goes on without."""

    room = models.CharField(max_length=ROOM_LENGTH)
    epoch = models.CharField(max_length=_EPOCH_LENGTH)
    number = models.BigIntegerField()
    body = models.TextField()
    receiver = models.CharField(max_length=200)
    tries = models.PositiveIntegerField(default=0)
    given_up = models.BooleanField(default=False, db_index=True)
    error = models.TextField(blank=True)
    since = models.DateTimeField(auto_now_add=True)
    last = models.DateTimeField(auto_now=True)

    class Meta:
        """The newest first."""

        verbose_name = "record set aside"
        verbose_name_plural = "records set aside"
        ordering = ("-last",)
        constraints = (
            models.UniqueConstraint(
                fields=("room", "epoch", "number", "receiver"), name="rasputin_once_aside_for_each_receiver"
            ),
        )

    def __str__(self) -> str:
        return f"{self.room} {self.epoch}.{self.number}: {self.receiver}"


class Outgoing(models.Model):
    """Something that a view has published: gone once Meet has it, kept with Meet's reason if Meet refused it."""

    room = models.CharField(max_length=ROOM_LENGTH)
    command = models.TextField()
    nick = models.CharField(max_length=NICK_LENGTH)
    host_key = models.CharField(max_length=100, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    tries = models.PositiveIntegerField(default=0)
    code = models.CharField(max_length=24, blank=True, db_index=True)
    detail = models.TextField(blank=True)

    class Meta:
        """In the order in which they were published."""

        verbose_name = "outgoing command"
        ordering = ("pk",)

    position: str = ""
    """Where it stands, once Meet has it."""

    def __str__(self) -> str:
        return f"{self.kind} in {self.room}"

    @property
    def kind(self) -> str:
        """What is asked, in lower case."""
        return type(command_of(self.command)).__name__.lower()
