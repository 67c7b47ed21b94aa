from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meet.events import Position, Said
from meet.moments import moment
from meet.web.views import hue, lines, parts
from meet.wire import encode, entry

START = 1_795_000_000.0


def said(seq, nick="ann", at=0.0, text="hi", via="web"):
    event = Said(at=moment(START + at), by=f"id-{nick}", nick=nick, via=via, text=text)
    return entry(Position("k3q", seq), encode(event))


class Links(SynchronousTestCase):
    def test_links_are_found_and_end_where_people_mean(self):
        for text, link in (
            ("see https://example.org/a?b=1#c.", "https://example.org/a?b=1#c"),
            ("(https://example.org/x)", "https://example.org/x"),
            ("https://en.example.org/A_(b)", "https://en.example.org/A_(b)"),
            ('"http://example.org", he said', "http://example.org"),
        ):
            self.assertEqual([each for is_link, each in parts(text) if is_link], [link], text)

    def test_other_schemes_are_text(self):
        for text in ("javascript:alert(1)", "data:text/html,x", "ftp://example.org", "https://", "http://.,"):
            self.assertEqual(parts(text), [(False, text)])

    @given(st.text() | st.lists(st.sampled_from(["https://", "a", ".", ")", "(", " ", "<"])).map("".join))
    def test_the_pieces_are_the_text(self, text):
        found = parts(text)
        self.assertEqual("".join(piece for _, piece in found), text)
        self.assertTrue(all(piece.startswith("http") for is_link, piece in found if is_link))


class Lines(SynchronousTestCase):
    def test_a_run_is_one_speaker_within_three_minutes(self):
        shown = lines(
            [said(1), said(2, at=170), said(3, at=400), said(4, "bob", at=401), said(5, "bob", at=402, via="irc")],
            "id-bob",
        )
        self.assertEqual([each["first"] for each in shown], [True, False, True, True, True])
        self.assertEqual([each["mine"] for each in shown], [False, False, False, True, True])

    def test_a_new_day_begins_a_run(self):
        shown = lines([said(1, at=0), said(2, at=60), said(3, at=86_400)])
        self.assertEqual([each["newday"] for each in shown], [True, False, True])
        self.assertEqual([each["first"] for each in shown], [True, False, True])

    def test_a_time_that_cannot_be_read_breaks_nothing(self):
        broken = entry(Position("k3q", 1), b'{"kind":"said","at":"noon","by":"x","nick":"x","via":"x","text":"x"}')
        self.assertEqual(lines([broken])[0]["time"], "00:00")

    @given(st.text())
    def test_a_hue_is_one_of_ten(self, nick):
        self.assertIn(hue(nick), range(10))
