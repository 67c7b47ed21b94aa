from twisted.trial.unittest import SynchronousTestCase

from meet.web.look import Look


class Looks(SynchronousTestCase):
    def test_an_asset_is_addressed_by_its_content(self):
        look = Look()
        asset = look.asset("base.css")
        self.assertEqual(look.address("base.css"), f"/static/base.css?v={asset.mark}")
        self.assertEqual(look.address("nothing.css"), "/static/nothing.css")
        self.assertIsNone(look.asset("../look.py"))

    def test_what_stands_in_a_page_is_escaped(self):
        page = Look().page("error.html", status=404, title="<b>", detail="\ud800&")
        self.assertIn(b"&lt;b&gt;", page)
        self.assertIn(b"?&amp;", page)
