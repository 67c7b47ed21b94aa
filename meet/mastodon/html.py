"""What a post says, out of the HTML that Mastodon gives.

Instances allow few elements (https://docs.joinmastodon.org/spec/activitypub/#sanitization), but
other servers' HTML comes through too; whatever it is, text comes out.  A link is told in full by
its address, a mention or hashtag by its text.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

_BLOCKS = frozenset({"p", "div", "ul", "ol", "blockquote", "pre", "h1", "h2", "h3", "h4", "h5", "h6"})
_VOID = frozenset(
    {"br", "img", "hr", "wbr", "input", "meta", "link", "area", "base", "col", "embed", "source", "track"}
)
_UNSAID = frozenset({"script", "style", "template", "title"})
_DEEPEST = 200


def text(html: str) -> str:
    """The text of ``html``: paragraphs are an empty line apart."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    lines = [re.sub(r"[ \t\r\f\v]+", " ", line).strip() for line in "".join(reader.said).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


class _Reader(HTMLParser):
    """Collects what is said; ``_open`` has each open element, and whether what is in it is left out."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.said: list[str] = []
        self._open: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        if tag == "br" and not self._left_out:
            self.said.append("\n")
        if tag in _VOID or len(self._open) >= _DEEPEST:
            return
        given = {name: value or "" for name, value in attrs}
        classes = given.get("class", "").split()
        left_out = self._left_out or tag in _UNSAID or "quote-inline" in classes
        if not left_out:
            if tag in _BLOCKS:
                self.said.append("\n\n")
            if tag == "li":
                self.said.append("\n• ")
            address = given.get("href", "")
            named = "mention" in classes or "hashtag" in classes
            if tag == "a" and not named and re.fullmatch(r"https?://\S+", address):
                self.said.append(address)
                left_out = True
        self._open.append((tag, left_out))

    def handle_endtag(self, tag: str) -> None:
        """An element ends; those within it that did not, end too."""
        if tag not in (name for name, _ in self._open):
            return
        while self._open:
            name, _ = self._open.pop()
            if name in _BLOCKS and not self._left_out:
                self.said.append("\n\n")
            if name == tag:
                return

    def handle_data(self, data: str) -> None:
        """Text."""
        if not self._left_out:
            in_pre = any(name == "pre" for name, _ in self._open)
            self.said.append(data if in_pre else data.replace("\n", " "))

    @property
    def _left_out(self) -> bool:
        return bool(self._open) and self._open[-1][1]
