"""Rasputin: a site of Django among those who hear Meet, and who speak in it.

=================  =====================================================================
module             what it is
=================  =====================================================================
``apps``           the app: put ``"meet.rasputin"`` into INSTALLED_APPS
``configuration``  the setting RASPUTIN
``observing``      ``@observe``: what a site wants to hear
``signals``        the same as a signal of Django
``models``         rooms, their lines, what could not be told, what waits to be said
``keeping``        rooms and lines out of events
``telling``        one record to everybody in this site, once
``publishing``     ``publish`` and its like, on commit
``connection``     the client of the Redis that is the broker
``bus``            the bus: one room looked at, one event published
``asking``         a command of this site: decided, published, again if it was stale
``journal``        this process as one worker of a durable observer
``worker``         the loop of ``manage.py rasputin``
``admin``          all of it in the admin
``checks``         what is wrong with the settings
``testing``        ``RasputinTestCase``: a bus in memory
=================  =====================================================================

Everything here is synchronous and imports nothing of Twisted; the rules that decide are Meet's own
pure ones.  The law: a record is told in one transaction with what it changes, and acknowledged after
its commit; what a view publishes is written down in the view's transaction and sent after its commit.
"""
