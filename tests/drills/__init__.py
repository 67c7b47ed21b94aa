"""Fault drills: many clients talk through every door while something is broken on purpose.

::

    python -m tests.drills                    every drill, once, with random moments
    python -m tests.drills --only a,e,h       some of them
    python -m tests.drills --times 20         each so often
    python -m tests.drills --seed 7 --short   as the tests run them

The law: whatever somebody was told to be accepted stands in the store once, and everybody who
was in the room heard it once and in its order.  Of posts from outside, what their API gives stands
once, or was left out and told.

=============  ==============================================================
module         what it is
=============  ==============================================================
``verdict``    said, heard and stored, compared; pure
``people``     those who talk, number what they say, and come back by themselves
``stage``      the processes that are up: Meets, their Redis, nginx, the store
``harm``       what is done to them, one function a drill
``outside``    what is done to X, Mastodon and Bluesky, whose stand-ins ``upstream`` holds
``hall``       people in a process of their own, who time the echoes of what they say
``moving``     the archive moves from store to store while fifty people talk
``shadowing``  what production notices of a shadow; a command of its own
``drills``     the list of drills, and how one is run
``__main__``   the command
=============  ==============================================================
"""
