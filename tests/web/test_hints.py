"""Hints about a proxy: told once, where there is something wrong and not where there is not."""

from twisted.trial.unittest import SynchronousTestCase

from meet.web.hints import SILENT, UNTRUSTED, UPGRADE, Hints, outside


class Proxies(SynchronousTestCase):
    def setUp(self):
        self.told = []
        self.hints = Hints(self.told.append, "/meet")

    def come(self, times, peer="127.0.0.1", *, trusted=False, forwarded=False):
        for _ in range(times):
            self.hints.came(peer, trusted=trusted, forwarded=forwarded)

    def test_a_proxy_that_is_not_believed(self):
        self.come(4, forwarded=True)
        self.assertEqual(self.told, [])
        self.come(10, forwarded=True)
        self.assertEqual(self.told, [UNTRUSTED])

    def test_by_a_unix_socket_or_from_next_door_it_is_the_same(self):
        for peer in ("", "10.1.2.3", "::ffff:192.168.0.1", "fd00::1"):
            self.setUp()
            self.come(9, peer, forwarded=True)
            self.assertEqual(self.told, [UNTRUSTED], peer)

    def test_not_where_people_come_from_everywhere_or_far_away_or_say_nothing(self):
        self.come(9)
        self.come(9, "8.8.8.8", forwarded=True)
        self.come(9, forwarded=True)
        self.setUp()
        self.come(9, "8.8.8.8", forwarded=True)
        self.assertEqual(self.told, [])

    def test_a_trusted_proxy_that_tells_no_addresses(self):
        self.come(9, trusted=True)
        self.assertEqual(self.told, [SILENT])

    def test_a_trusted_proxy_may_ask_for_itself(self):
        self.come(1, trusted=True, forwarded=True)
        self.come(99, trusted=True)
        self.assertEqual(self.told, [])

    def test_an_upgrade_that_is_swallowed(self):
        self.hints.not_upgraded(meant=True)
        self.hints.not_upgraded(meant=True)
        self.assertEqual(self.told, [UPGRADE])

    def test_so_often_for_nothing_is_no_chance(self):
        for _ in range(4):
            self.hints.not_upgraded(meant=False)
        self.assertEqual(self.told, [])
        self.hints.not_upgraded(meant=False)
        self.assertEqual(self.told, [UPGRADE])

    def test_one_that_came_through_shows_that_it_can(self):
        self.hints.upgraded()
        for _ in range(9):
            self.hints.not_upgraded(meant=True)
        self.assertEqual(self.told, [])

    def test_a_path_that_is_taken_away(self):
        for _ in range(9):
            self.hints.found(inside=False)
        self.assertEqual(self.told, [outside("/meet")])

    def test_a_stray_request_is_no_sign(self):
        self.hints.found(inside=True)
        for _ in range(9):
            self.hints.found(inside=False)
        self.assertEqual(self.told, [])
