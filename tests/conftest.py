"""What holds for all tests."""

import signal

from hypothesis import settings

# How long an example takes is the machine's affair; bench/ measures.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# A shell lets what it starts in the background ignore these, and so would the programs that tests end by them.
for each in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(each) is signal.SIG_IGN:
        signal.signal(each, lambda *_: None)
