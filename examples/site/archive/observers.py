"""What this site wants to hear, besides the rooms and lines that are kept for it."""

from archive.models import HostedRoom
from meet.rasputin.observing import observe


@observe("opened")
def found(heard):
    """The room of a host is there: note in which log."""
    HostedRoom.objects.filter(lock=heard.event.lock).update(epoch=heard.position.epoch)


@observe("renewed")
def moved(heard):
    """It goes on in another log."""
    HostedRoom.objects.filter(name=heard.room, epoch=heard.event.was).update(epoch=heard.position.epoch)


@observe("forgotten")
def forget(heard):
    """What Meet has deleted leaves nothing here, either."""
    HostedRoom.objects.filter(name=heard.room, epoch=heard.position.epoch).delete()
