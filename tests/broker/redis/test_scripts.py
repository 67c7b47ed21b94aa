"""The Lua files."""

from __future__ import annotations

from importlib.resources import files

from twisted.internet.defer import gatherResults

from meet.broker.redis.scripts import ALL
from tests.broker.redis.case import Case, line


class ScriptTests(Case):
    async def test_forgotten_scripts_are_loaded_again_and_the_order_stays(self) -> None:
        await self.broker.publish("algebra", line("0"), under=None)
        self.redis.command("SCRIPT", "FLUSH")
        asked = [self.broker.publish("algebra", line(str(each)), under=None) for each in range(1, 30)]
        positions = await gatherResults(asked)
        self.assertEqual([position.seq for position in positions], list(range(2, 31)))

    def test_every_file_is_a_script_that_is_loaded_and_reads_no_json(self) -> None:
        there = {path.name for path in files("meet.broker.redis").iterdir() if path.name.endswith(".lua")}
        self.assertEqual(len(there), len(ALL))
        texts = {script.text for script in ALL}
        for name in there:
            text = files("meet.broker.redis").joinpath(name).read_bytes()
            self.assertIn(text, texts)
            self.assertNotIn(b"cjson", text)
            self.assertIn(b"KEYS", text)
