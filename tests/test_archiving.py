"""``meet export``, ``meet import`` and ``meet compare``, as an operator runs them."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from meet.limits import Limits
from meet.store import store_for
from tests.contracts.records import opened, said
from tests.servers.couchdb import Couchdb


class Commands(TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    async def fill(self, name, *records):
        store = store_for(self.url(name), data=self.folder, clock=Clock(), limits=Limits())
        await store.start()
        await store.record(records)
        await store.stop()

    def url(self, name):
        return f"sqlite:///{self.folder}/{name}"

    async def meet(self, *words, given=b""):
        command = [sys.executable, "-m", "meet", *words]
        ran = await deferToThread(subprocess.run, command, input=given, capture_output=True, timeout=60, check=False)
        assert b"Traceback" not in ran.stderr, ran.stderr.decode()
        return ran.returncode, ran.stdout, ran.stderr.decode()

    async def test_an_archive_goes_to_another_store_by_a_file_or_a_pipe(self):
        await self.fill("one", opened(), said(2, "Grüße 🦉"), opened(room="botany"))
        couchdb = Couchdb.shared()
        third = couchdb.url(database := couchdb.new())
        self.addCleanup(couchdb.drop, database)
        file = self.folder / "archive.jsonl"
        code, out, err = await self.meet("export", "--store", self.url("one"), "--to", str(file))
        assert (code, out, err) == (0, b"", "3 entries were exported.\n")
        assert file.stat().st_mode & 0o777 == 0o600
        code, piped, _ = await self.meet("export", "--store", self.url("one"))
        assert piped == file.read_bytes()
        told = await gatherResults(
            [
                self.later("import", "--store", self.url("two"), str(file)),
                self.later("import", "--store", third, "-", given=piped),
            ]
        )
        assert told == [(0, b"3 entries were imported.\n", "")] * 2
        for other in (self.url("two"), third):
            told = await self.meet("compare", "--store", self.url("one"), other)
            assert told == (0, b"Both hold the same: 3 entries.\n", "")
        _, again, _ = await self.meet("export", "--store", third)
        assert again == piped

    def later(self, *words, **how):
        return Deferred.fromCoroutine(self.meet(*words, **how))

    async def test_what_differs_is_told_and_the_exit_code_is_1(self):
        await self.fill("one", opened(), said(2, "hi"))
        await self.fill("two", opened(), said(3, "you"))
        code, out, err = await self.meet("compare", "--store", self.url("one"), self.url("two"))
        assert (code, out) == (1, b"")
        assert err == (
            "algebra k3q: 1 only here, 1 only there, 0 not the same\nmeet: 1 logs differ; 1 entries are the same.\n"
        )

    async def test_a_damaged_file_is_refused_before_anything_is_recorded(self):
        await self.fill("one", opened(), said(2, "hi"))
        file = self.folder / "archive.jsonl"
        await self.meet("export", "--store", self.url("one"), "--to", str(file))
        file.write_bytes(file.read_bytes().replace(b"hi", b"ho"))
        code, _, err = await self.meet("import", "--store", self.url("two"), str(file))
        assert (code, err) == (
            1,
            "meet: Line 4 of the export cannot be read: the checksum is not that of what stands before it.\n",
        )
        code, _, err = await self.meet("compare", "--store", self.url("one"), self.url("two"))
        assert "2 only here" in err

    async def test_what_is_wrong_is_told_in_a_sentence(self):
        for words, told in (
            (("import",), "Say which file"),
            (("compare",), "Say with which store"),
            (("import", "--store", self.url("one"), str(self.folder / "none")), "cannot be read: No such file"),
            (("export", "--data", str(self.folder / "none")), "There is no Meet in the folder"),
            (("export", "--store", "floppy:"), "There is no store called 'floppy'."),
            (("export", "--store", self.url("one"), "--to", "/no/such/folder/x"), "cannot be written"),
        ):
            code, _, err = await self.meet(*words)
            assert code == 1
            assert told in err
            assert err.count("\n") == 1
