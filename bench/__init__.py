"""The benchmark in the box: how fast Meet is beside others, on the machine at hand.

``python -m bench setup`` fetches and builds, ``run`` measures, ``soak`` stays for half an hour.
The law: every figure is a ratio to the yardstick in the same round, every delivery is verified,
and whatever could not be measured is said.

=====  =============================================  ==================================================
step   modules                                        what they are
=====  =============================================  ==================================================
ask    ``__main__``                                   the command line
fetch  ``installation`` ``places``                    the peers and the programs in C, and where they lie
run    ``peers`` ``server`` ``rows`` ``scenes``       who is measured, started how, in what, and how
tell   ``figures`` ``report`` ``plot``                what the figures come to, as a table and a picture
hear   ``jetstream``                                  events of Bluesky a second of CPU, by itself
soak   ``soak`` ``crowd`` ``people``                  2,000 people for half an hour, on all doors
=====  =============================================  ==================================================

``native/`` is the load generator and the yardstick, ``servers/`` each peer's server or configuration.
"""
