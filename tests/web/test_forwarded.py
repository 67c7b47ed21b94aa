"""Whose request it is: only what trusted proxies say counts, and only the last that is not one of them."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meet.web.forwarded import Trust, host, parsed, scheme

TRUST = Trust(("127.0.0.1/32", "10.0.0.0/8", "2001:db8::/32"))


class Asker(SynchronousTestCase):
    def test_without_a_proxy_it_is_the_peer(self):
        self.assertEqual(TRUST.asker("192.0.2.1", ""), "192.0.2.1")
        self.assertEqual(TRUST.asker("192.0.2.1", "198.51.100.7"), "192.0.2.1")

    def test_behind_a_proxy_it_is_the_last_that_is_no_proxy(self):
        for forwarded, asker in (
            ("", "10.0.0.1"),
            ("198.51.100.7", "198.51.100.7"),
            ("203.0.113.9, 198.51.100.7", "198.51.100.7"),
            ("203.0.113.9, 198.51.100.7, 10.0.0.2,2001:db8::1", "198.51.100.7"),
            ("10.9.9.9, 10.0.0.2", "10.9.9.9"),
            ("203.0.113.9, nonsense", "10.0.0.1"),
            ("nonsense, 10.0.0.2", "10.0.0.2"),
            ("198.51.100.7:4711", "198.51.100.7"),
            ('"[2001:db9::7]:4711"', "2001:db9::7"),
            (" , ", "10.0.0.1"),
        ):
            self.assertEqual(TRUST.asker("10.0.0.1", forwarded), asker, forwarded)

    def test_an_address_is_the_same_by_either_protocol(self):
        self.assertEqual(TRUST.asker("::ffff:127.0.0.1", "::ffff:198.51.100.7"), "198.51.100.7")

    def test_a_unix_socket_is_trusted_where_it_is_named(self):
        self.assertEqual(TRUST.asker("", "198.51.100.7"), "")
        self.assertEqual(Trust(("unix",)).asker("", "198.51.100.7"), "198.51.100.7")

    @given(st.text(max_size=60), st.lists(st.ip_addresses(), max_size=4))
    def test_what_stands_before_a_stranger_never_counts(self, invented, hops):
        forwarded = ",".join([invented, "198.51.100.7", *map(str, hops)])
        asker = TRUST.asker("10.0.0.1", forwarded)
        self.assertIn(parsed(asker), [parsed("198.51.100.7"), parsed("10.0.0.1"), *(parsed(str(hop)) for hop in hops)])
        if all(TRUST.trusts(str(hop)) for hop in hops):
            self.assertEqual(asker, "198.51.100.7")

    @given(st.text(max_size=60))
    def test_nothing_breaks_it(self, text):
        TRUST.asker("10.0.0.1", text)
        TRUST.asker(text, text)


class Words(SynchronousTestCase):
    def test_the_last_proxy_says_what_was_asked_for(self):
        self.assertEqual(scheme("http, https"), "https")
        self.assertEqual(scheme("HTTPS"), "https")
        self.assertEqual(scheme("gopher"), "")
        self.assertEqual(host("a.example, meet.example:8443"), "meet.example:8443")
        self.assertEqual(host("meet.example/<script>"), "")
