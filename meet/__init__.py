"""Meet: a backchannel room that every kind of client can enter.

The package is a staircase; a module imports only from floors below its own
(``tests/test_architecture.py`` holds it to that).

=====  ============================================================  ==================
floor  modules                                                       knows
=====  ============================================================  ==================
6      ``tap`` ``options`` ``configuration`` ``ports``               everybody
       ``listening`` ``supervisor`` ``logs`` ``clock``
       ``command`` ``archiving`` ``proving`` ``shadow/``
       ``demonstration`` ``__main__``
5      ``broker/`` ``store/`` ``web/`` ``irc/`` ``line/``            the seams; never
       ``monitoring`` ``rasputin/`` ``twitter/`` ``bluesky/``        each other
       ``mastodon/`` ``demo``
4      ``hub`` ``outage`` ``outbox`` ``digest`` ``session``          the seams and
       ``sessions`` ``presence`` ``restorer`` ``recorder``           Twisted's core
       ``reaper`` ``admission`` ``writer`` ``house`` ``health``
       ``metrics`` ``turns`` ``rollcall`` ``awaiting``
       ``attended`` ``export`` ``carrying`` ``receipt`` ``erasing``
       ``audience`` ``address`` ``following`` ``followed``
       ``errands`` ``budget`` ``reader`` ``uring``
3      ``interfaces``                                                zope.interface
2      ``feed`` ``look`` ``search`` ``expiry``                       the rules
       ``bus`` ``moderation``
1      ``room`` ``roster`` ``voices`` ``limits`` ``wire``            the words
       ``backoff``
0      ``events`` ``commands`` ``names`` ``moments`` ``posts``       nothing
       ``errors`` ``keys`` ``shapes`` ``version``
=====  ============================================================  ==================

Floors 0 to 2 do no I/O and know no clock and no chance: time and randomness come
in through arguments.  Commands go up, events come down::

    bytes -> gateway -> Session.ask -> Hub.ask -> Room.decide -> IBroker.publish
    bytes <- writer  <- Outbox      <- Hub     <- Feed.hear   <-'
"""
