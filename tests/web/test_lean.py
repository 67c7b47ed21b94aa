import json
import re
import subprocess
from importlib.resources import files

from twisted.trial.unittest import SynchronousTestCase

from meet.web import lean
from tests.servers.program import program

_STATIC = [(file.name, file.read_bytes()) for file in (files("meet.web") / "static").iterdir()]


class Lean(SynchronousTestCase):
    def test_a_script_loses_what_only_its_readers_need(self):
        for written, left in (
            (
                b"/* What it is.\n\n   More. */\n\nif (a) {\n  // Why.\n  go(`//x  y`); // here\n}\n",
                b"if(a){go(`//x  y`);}\n",
            ),
            (b"const a = b\n  .c\n  .d;\n", b"const a=b.c.d;\n"),
            (b"return one\nreturn two\n", b"return one\nreturn two\n"),
            (b"a = b\n(c)\n", b"a=b\n(c)\n"),
            (b"}\nfunction f() {\n}\n", b"}\nfunction f(){}\n"),
            (b"a = b + +c - -d;", b"a=b+ +c- -d;\n"),
            (b"a = b / c / d;", b"a=b/c/d;\n"),
            (b"x.replace(/[/ ]  \\/ {2}/g, ' / ');", b"x.replace(/[/ ]  \\/ {2}/g,' / ');\n"),
            (b"return / +/.test(a);", b"return/ +/.test(a);\n"),
            (b"static #kept = 'a' in b;", b"static #kept='a'in b;\n"),
            ("a = é + ñ; b = 'ü  ß';".encode(), "a=é+ñ;b='ü  ß';\n".encode()),
        ):
            self.assertEqual(lean.script(written), left)

    def test_a_style_loses_likewise(self):
        written = b'/* Why. */\n.a :is(.b, .c) > d {\n  margin: 0 1px;\n  content: "a b";\n}\n@media (x: 1px) {\n}\n'
        left = b'.a :is(.b,.c) > d{margin:0 1px;content:"a b"}@media (x:1px){}\n'
        self.assertEqual(lean.style(written), left)

    def test_no_text_of_a_style_has_what_is_cut(self):
        for name, data in _STATIC:
            for text in re.findall(rb'"[^"\n]*"', data) if name.endswith(".css") else ():
                self.assertNotRegex(text.decode(), r"\s[{};]|[{};,:]\s|\s\s", name)

    def test_no_template_of_a_script_stands_in_another(self):
        for name, data in _STATIC:
            for line in data.decode().splitlines() if name.endswith(".js") else ():
                self.assertEqual(line.count("`") % 2, 0, f"{name}: {line}")
                self.assertNotRegex(line, r"\$\{[^}`]*`", name)

    def test_scripts_stay_what_they_were_but_for_spaces(self):
        comment = re.compile(r"^\s*(/\*.*?\*/|//[^\n]*)$", re.DOTALL | re.MULTILINE)
        for name, data in _STATIC:
            if name.endswith(".js"):
                left = lean.script(data)
                words = [re.sub(r"\s", "", comment.sub("", text.decode())) for text in (data, left)]
                self.assertEqual(*words, name)
                self.assertLess(len(left), len(data))

    def test_a_browser_would_read_them(self):
        scripts = [lean.script(data).decode() for name, data in _STATIC if name.endswith(".js")]
        read = "import vm from 'vm'; import fs from 'fs';"
        read += "for (const script of JSON.parse(fs.readFileSync(0))) new vm.SourceTextModule(script);"
        asked = [program("node", "nodejs"), "--experimental-vm-modules", "--input-type=module", "--eval", read]
        told = subprocess.run(asked, input=json.dumps(scripts).encode(), capture_output=True, check=False)
        self.assertEqual(told.returncode, 0, told.stderr.decode())
