"""The source that docs/following.md shows, as the file that its reader would write."""

from __future__ import annotations

import re
from pathlib import Path

GUIDE = Path(__file__).parent.parent / "docs" / "following.md"


def example() -> str:
    """The text of the example."""
    (text,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    return str(text)
