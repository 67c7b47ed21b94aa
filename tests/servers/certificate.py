"""A certificate for 127.0.0.1 and localhost that nobody but a test trusts."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

from tests.servers.program import program


class Certificate(NamedTuple):
    """Two files; ``certificate`` is its own authority."""

    certificate: Path
    key: Path


def make_certificate(folder: Path) -> Certificate:
    """Make one in ``folder``, good for a day."""
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    words = [program("openssl", "openssl"), "req", "-x509", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    words += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    words += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run([*words, "-keyout", str(made.key), "-out", str(made.certificate)], check=True, capture_output=True)
    return made
