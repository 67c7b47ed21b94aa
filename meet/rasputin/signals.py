"""What was heard, as a signal of Django.

::

    @receiver(heard, sender=Said)
    def note(sender, heard, **more): ...

The sender is the event's class, `meet.events.Unknown` for a kind that this version does not know; ``heard`` is
the `meet.rasputin.observing.Heard`.  It is sent by the worker, inside of the transaction in which the
record is told.
"""

from __future__ import annotations

from django.dispatch import Signal

heard = Signal()
