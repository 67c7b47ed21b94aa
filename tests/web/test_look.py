from twisted.trial.unittest import SynchronousTestCase

from meet.web.look import Look


class Looks(SynchronousTestCase):
    def test_files_are_addressed_by_the_content_of_all_of_them(self):
        look = Look()
        self.assertRegex(look.mark, r"^[0-9a-f]{16}$")
        self.assertEqual(look.address("base.css"), f"/static/{look.mark}/base.css")
        self.assertIsNone(look.asset("../look.py"))
        self.assertIsNone(look.asset("nothing.css"))

    def test_what_stands_in_a_page_is_escaped(self):
        page = Look().page("error.html", status=404, title="<b>", detail="\ud800&")
        self.assertIn(b"&lt;b&gt;", page)
        self.assertIn(b"?&amp;", page)
