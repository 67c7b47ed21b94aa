"""``python -m meet``: the same as ``meet``."""

from __future__ import annotations

from meet.command import main

if __name__ == "__main__":
    main()
