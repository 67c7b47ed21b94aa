"""Meet: a backchannel room that every kind of client can enter.

The package is a staircase; a module imports only from floors below its own
(``tests/test_architecture.py`` holds it to that).

=====  ============================================================  ==================
floor  modules                                                       knows
=====  ============================================================  ==================
6      ``tap`` ``options`` ``configuration`` ``ports``               everybody
       ``listening`` ``supervisor`` ``logs``
5      ``broker/`` ``store/`` ``web/`` ``irc/`` ``line/``            the seams; never
       ``monitoring``                                                each other
4      ``hub`` ``outbox`` ``digest`` ``session`` ``presence``        the seams and
       ``recorder`` ``reaper`` ``admission`` ``writer`` ``house``    Twisted's core
       ``health`` ``metrics``
3      ``interfaces``                                                zope.interface
2      ``feed`` ``look``                                             the rules
1      ``room`` ``roster`` ``limits`` ``wire``                       the words
0      ``events`` ``commands`` ``names`` ``moments`` ``errors``      nothing
       ``version``
=====  ============================================================  ==================

Floors 0 to 2 do no I/O and know no clock and no chance: time and randomness come
in through arguments.  Commands go up, events come down::

    bytes -> gateway -> Session.ask -> Hub.ask -> Room.decide -> IBroker.publish
    bytes <- writer  <- Outbox      <- Hub     <- Feed.hear   <-'
"""
