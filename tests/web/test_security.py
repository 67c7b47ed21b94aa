from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meet.errors import Refused
from meet.web.security import framing, host_name, policy, refuse_other_sites


def let_in(host="meet.example", origin="", fetch_site="", public_url=""):
    try:
        refuse_other_sites(host=host, origin=origin, fetch_site=fetch_site, public_url=public_url)
    except Refused as refused:
        return refused.code != "other-site"
    return True


class Sites(SynchronousTestCase):
    def test_programs_and_own_pages_are_let_in(self):
        for asked in (
            {},
            {"origin": "https://meet.example"},
            {"origin": "http://MEET.example:80"},
            {"origin": "https://meet.example", "host": "meet.example:443"},
            {"origin": "http://meet.example:8080", "host": "meet.example:8080"},
            {"origin": "https://meet.example", "host": "10.0.0.1:8080", "public_url": "https://meet.example/"},
            {"origin": "https://meet.example", "host": "10.0.0.1", "fetch_site": "same-origin"},
            {"fetch_site": "none"},
        ):
            self.assertTrue(let_in(**asked), asked)

    def test_other_sites_are_not(self):
        for asked in (
            {"origin": "https://evil.example"},
            {"origin": "https://evil.example", "host": ""},
            {"origin": "https://meet.example.evil.example"},
            {"origin": "https://meet.example:8443"},
            {"origin": "null"},
            {"origin": "null", "host": ""},
            {"origin": "file://", "host": ""},
            {"origin": "http://["},
            {"fetch_site": "cross-site"},
            {"fetch_site": "same-site", "origin": "https://meet.example"},
        ):
            self.assertFalse(let_in(**asked), asked)

    @given(st.text(), st.text(), st.text())
    def test_anything_gets_a_yes_or_a_no(self, host, origin, public_url):
        let_in(host=host, origin=origin, public_url=public_url)


class Policy(SynchronousTestCase):
    def test_only_a_host_can_stand_in_the_policy(self):
        for good in ("meet.example", "127.0.0.1:8080", "[::1]:8080", "localhost"):
            self.assertEqual(host_name(good), good)
        for bad in ("", "a b", "a;b", "a\n", "x/y", "a:b", "évil.example", "a" * 300):
            self.assertEqual(host_name(bad), "")

    def test_it_forbids_what_is_inline_or_elsewhere(self):
        self.assertNotIn(b"unsafe", policy("meet.example"))
        self.assertIn(b"connect-src 'self';", policy(""))

    def test_a_page_stands_alone_unless_it_is_made_for_a_frame(self):
        alone, framed = dict(framing("meet.example")), dict(framing("meet.example", framed=True))
        self.assertEqual((alone[b"X-Frame-Options"], framed[b"X-Frame-Options"]), (b"DENY", b"SAMEORIGIN"))
        self.assertIn(b"frame-ancestors 'none'", alone[b"Content-Security-Policy"])
        self.assertIn(b"frame-ancestors 'self'", framed[b"Content-Security-Policy"])
