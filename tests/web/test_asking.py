from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from meet.errors import Refused
from meet.web.asking import apart


class Apart(SynchronousTestCase):
    def test_it_ends_like_what_it_waits_for(self):
        waited = Deferred()
        mine = apart(waited)
        waited.callback(7)
        self.assertEqual(self.successResultOf(mine), 7)
        waited = Deferred()
        mine = apart(waited)
        waited.errback(Refused("empty", "No."))
        self.failureResultOf(mine, Refused)

    def test_cancelling_it_leaves_the_other_alone(self):
        for end in (lambda waited: waited.callback(7), lambda waited: waited.errback(Refused("empty", "No."))):
            cancelled = []
            waited = Deferred(cancelled.append)
            mine = apart(waited)
            mine.cancel()
            self.failureResultOf(mine, CancelledError)
            self.assertEqual(cancelled, [])
            end(waited)
            self.assertEqual(self.flushLoggedErrors(), [])
