"""Fetching the peers into one folder, and building the programs in C.

Nothing is installed into the machine and nothing needs root: packages of Debian are
downloaded and unpacked.  The law: what cannot be had is said and does not stop the rest.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import unquote

from bench.places import HERE, REPOSITORY
from meet.version import VERSION

PATIENCE = 600
"""Seconds that one command may take."""

DEBIAN = ("nginx", "libnginx-mod-nchan", "inspircd", "ngircd")
DEBIAN_LIST = "debian.txt"
"""Names the unpacked packages."""

NPM = ("ws@^8", "bufferutil@^4", "socket.io@^4")
PYPI = ("websockets>=16,<18", "picows>=1.8", "uvloop>=0.21", "autobahn>=26.6,<27", "twisted>=26.4,<27")


def install(folder: Path, say: Callable[[str], None]) -> list[str]:
    """Fetch and build all into ``folder``; return one sentence for each thing that could not be had."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = []
    steps: Sequence[tuple[str, Callable[[Path], None]]] = (
        ("the load generator and the yardstick, by make", build),
        ("nginx with nchan, InspIRCd and ngIRCd, from Debian", fetch_debian),
        ("ws and socket.io, from npm", fetch_npm),
        ("websockets, picows and Autobahn, from PyPI", fetch_pypi),
    )
    for number, (what, step) in enumerate(steps, 1):
        say(f"[{number}/{len(steps)}] {what}")
        try:
            step(folder)
        except (OSError, subprocess.SubprocessError) as error:
            words = error.stderr.strip() if isinstance(error, subprocess.CalledProcessError) else str(error)
            missing.append(f"Not installed: {what}: {(words or str(error)).splitlines()[-1]}")
            say(missing[-1])
    return missing


def build(folder: Path) -> None:
    """Compile ``native/``."""
    _run("make", "-B", f"OUT={folder.resolve()}", cwd=HERE / "native")


def fetch_debian(folder: Path) -> None:
    """Download the packages, and those they need which the machine lacks, and unpack them."""
    packages, into = folder / "packages", folder / "debian"
    shutil.rmtree(into, ignore_errors=True)
    packages.mkdir(exist_ok=True)
    wanted = _run("apt-get", "install", "--print-uris", "-qq", "--no-install-recommends", "--reinstall", *DEBIAN)
    files = [line.split()[1] for line in wanted.splitlines() if line.startswith("'")]
    names = {file.split("_")[0] for file in files}
    _run("apt-get", "download", "-qq", *sorted(names), cwd=packages)
    for package in packages.glob("*.deb"):
        _run("dpkg", "-x", str(package), str(into))
    shutil.rmtree(packages)
    ours = sorted(file.split("_")[:2] for file in files if file.split("_")[0] in DEBIAN)
    (folder / DEBIAN_LIST).write_text(", ".join(f"{name} {unquote(version)}" for name, version in ours) + "\n")


def fetch_npm(folder: Path) -> None:
    """Install the packages of npm, and Node.js from Debian if the machine has none."""
    if shutil.which("npm") is None:
        raise FileNotFoundError("npm is not installed; apt-get install npm")
    _run("npm", "install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", str(folder), *NPM)


def fetch_pypi(folder: Path) -> None:
    """Install the packages of PyPI into a virtual environment of their own."""
    venv.create(folder / "python", with_pip=True, clear=True)
    _run(str(folder / "python" / "bin" / "python"), "-m", "pip", "install", "--quiet", *PYPI)


def versions(folder: Path) -> dict[str, str]:
    """What is installed, by where it comes from: names and versions."""
    listed = folder / DEBIAN_LIST
    return {
        "Meet": " ".join((VERSION, *_told("git", "-C", str(REPOSITORY), "rev-parse", "--short", "HEAD"))),
        "Python": sys.version.split()[0],
        "from PyPI": _among(PYPI, _told(str(folder / "python/bin/python"), "-m", "pip", "freeze")),
        "Node.js": " ".join(_told("node", "--version")),
        "from npm": _among(NPM, _told("npm", "ls", "--prefix", str(folder), "--depth=0", "--parseable", "--long")),
        "from Debian": listed.read_text().strip() if listed.exists() else "",
    }


def _among(wanted: Sequence[str], lines: Sequence[str]) -> str:
    """Those of ``lines`` that are packages we asked for, each as name and version."""
    names = {re.split("[@<>=]", package)[0] for package in wanted}
    found = [re.split("@|==", line.rpartition(":")[2]) for line in lines]
    return ", ".join(f"{pair[0]} {pair[1]}" for pair in found if len(pair) == 2 and pair[0].lower() in names)


def _told(*command: str) -> list[str]:
    """The lines that a command prints; none if it cannot be run."""
    try:
        return _run(*command).splitlines()
    except (OSError, subprocess.SubprocessError):
        return []


def _run(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=PATIENCE, check=True)
    return done.stdout
