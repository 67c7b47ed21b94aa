"""Who opened which room."""

from django.conf import settings
from django.db import models

from meet.names import digest
from meet.rasputin.models import Room


class HostedRooms(models.QuerySet):
    """Rooms of hosts."""

    def opened(self):
        """Those that are open, or on their way."""
        closed = Room.objects.exclude(closed=None).values("lock")
        return self.exclude(lock__in=closed)


class HostedRoom(models.Model):
    """A room that somebody with an account has opened.

    Only a room that is ``listed`` is shown to people who do not know its name.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="hosted_rooms")
    name = models.CharField(max_length=40)
    host_key = models.CharField(max_length=100)
    lock = models.CharField(max_length=64, unique=True)
    epoch = models.CharField(max_length=16, blank=True)
    listed = models.BooleanField("show it on the front page and in the archive", default=False)
    asked = models.DateTimeField(auto_now_add=True)

    objects = HostedRooms.as_manager()

    class Meta:
        """The newest first."""

        ordering = ("-asked",)

    def __str__(self):
        return self.name

    def save(self, *args, **kwargs):
        """With the digest by which the room is found."""
        self.lock = digest(self.host_key)
        super().save(*args, **kwargs)

    @property
    def room(self):
        """The room as it was heard of, or None as long as it was not."""
        return Room.objects.filter(lock=self.lock).first()


def listed_rooms():
    """The rooms that everybody may find."""
    return Room.objects.filter(lock__in=HostedRoom.objects.filter(listed=True).values("lock"))
