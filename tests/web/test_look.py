from importlib.resources import files

from twisted.trial.unittest import SynchronousTestCase

from meet.web.look import Look, lean


class Looks(SynchronousTestCase):
    def test_files_are_addressed_by_the_content_of_all_of_them(self):
        look = Look()
        self.assertRegex(look.mark, r"^[0-9a-f]{16}$")
        self.assertEqual(look.address("base.css"), f"/static/{look.mark}/base.css")
        self.assertIsNone(look.asset("../look.py"))
        self.assertIsNone(look.asset("nothing.css"))

    def test_a_script_loses_what_only_its_readers_need(self):
        written = b"/* What it is.\n\n   More. */\n\nif (a) {\n  // Why.\n  go(`//x`); // here\n}\n"
        self.assertEqual(lean(written), b"if (a) {\ngo(`//x`); // here\n}\n")

    def test_no_line_of_a_script_begins_inside_of_a_string(self):
        for script in (files("meet.web") / "static").iterdir():
            for line in script.read_text().splitlines() if script.name.endswith(".js") else ():
                self.assertEqual(line.count("`") % 2, 0, f"{script.name}: {line}")

    def test_what_stands_in_a_page_is_escaped(self):
        page = Look().page("error.html", status=404, title="<b>", detail="\ud800&")
        self.assertIn(b"&lt;b&gt;", page)
        self.assertIn(b"?&amp;", page)
