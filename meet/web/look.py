"""How pages look: the templates, and the files that they load.

The files are read once, when the server starts; scripts and styles without what only their
readers need.  Their addresses begin with a mark of all of them together: what a script imports
by a relative address has the mark too.  Under it a file never changes and may be kept for a
year; under any other it is asked for again with its ETag.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from meet.web import lean

_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
    "ico": "image/vnd.microsoft.icon",
    "webmanifest": "application/manifest+json",
    "txt": "text/plain; charset=utf-8",
}

_LEAN = {"css": lean.style, "js": lean.script}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is served; ``packed`` is the same by gzip, ``tag`` names its content."""

    data: bytes
    packed: bytes
    type: str
    tag: str


class Look:
    """The templates and static files of this package."""

    def __init__(self, at: str = "") -> None:
        """``at`` is the path under which the pages stand, without a slash at its end."""
        self._at = at
        self._assets = dict(_read())
        self.mark = _tag("".join(name + asset.tag for name, asset in sorted(self._assets.items())).encode())
        self._environment = Environment(
            loader=PackageLoader("meet.web", "templates"),
            autoescape=True,
            trim_blocks=True,
            undefined=StrictUndefined,
        )
        self._environment.globals["asset"] = self.address
        self._environment.globals["at"] = at

    def asset(self, name: str) -> Asset | None:
        """The file called ``name``, if there is one."""
        return self._assets.get(name)

    def address(self, name: str) -> str:
        """Where a page finds the file ``name``."""
        return f"{self._at}/static/{self.mark}/{name}"

    def page(self, template: str, **context: Any) -> bytes:
        """The page that ``template`` makes of ``context``, in UTF-8."""
        return self._environment.get_template(template).render(**context).encode("utf-8", "replace")


def _tag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _read() -> list[tuple[str, Asset]]:
    folder = files("meet.web") / "static"
    found = []
    for file in folder.iterdir():
        ending = file.name.rpartition(".")[2]
        kind = _TYPES.get(ending)
        if kind is not None:
            data = _LEAN.get(ending, bytes)(file.read_bytes())
            found.append((file.name, Asset(data, gzip.compress(data, mtime=0), kind, _tag(data))))
    return found
