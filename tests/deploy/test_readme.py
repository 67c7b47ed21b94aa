"""The page about ``deploy/`` names what is there, and the example file is one that Meet takes."""

from __future__ import annotations

import re

from meet.configuration import configure
from tests.deploy.ground import DEPLOY, ROOT


def test_every_file_is_named() -> None:
    page = (DEPLOY / "README.md").read_text()
    for path in DEPLOY.rglob("*"):
        if path.is_file() and path.name != "README.md":
            name = str(path.relative_to(DEPLOY))
            assert f"`{name}`" in page or f"`{path.name}`" in page, name


def test_every_link_of_the_pages_leads_somewhere() -> None:
    for page in (DEPLOY / "README.md", ROOT / "docs" / "operations.md", ROOT / "docs" / "manual.md"):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} has a link to {target}"


def test_the_example_is_taken() -> None:
    configuration = configure({}, file=(DEPLOY / "meet.toml").read_text())
    assert configuration.public_url == "https://meet.example.org"
    assert configuration.trust == ("127.0.0.1/32",)
    assert configuration.limits.rooms_per_address == 200
