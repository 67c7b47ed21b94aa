"""A supervisor is told, where there is one."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from meet.supervisor import READY, STOPPING, tell


class Supervisor(SynchronousTestCase):
    def heard(self, address: str, bound: str) -> bytes:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
            supervisor.bind(bound)
            supervisor.settimeout(10)
            tell({"NOTIFY_SOCKET": address}, READY)
            tell({"NOTIFY_SOCKET": address}, STOPPING)
            return supervisor.recv(100) + b" " + supervisor.recv(100)

    def test_it_hears_by_a_path_or_by_an_abstract_name(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = str(Path(folder.name) / "notify")
        assert self.heard(path, path) == b"READY=1 STOPPING=1"
        name = f"meet-test-{os.getpid()}"
        assert self.heard(f"@{name}", f"\0{name}") == b"READY=1 STOPPING=1"

    def test_without_one_or_with_one_that_is_gone_nothing_happens(self) -> None:
        for environment in (
            {},
            {"NOTIFY_SOCKET": ""},
            {"NOTIFY_SOCKET": "/there/is/none"},
            {"NOTIFY_SOCKET": "vsock:1"},
        ):
            tell(environment, READY)
