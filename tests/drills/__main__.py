"""``python -m tests.drills``: breaks a Meet on purpose, and says whether anything was lost."""

from __future__ import annotations

import argparse
import random
import sys
import time
import traceback

from tests.drills.drills import DRILLS, run


def main() -> int:
    """Run what the command line asks for; 1 if anything that was accepted was lost, doubled or out of order."""
    parser = argparse.ArgumentParser(prog="python -m tests.drills", description=__doc__)
    parser.add_argument("--list", action="store_true", help="say which drills there are")
    parser.add_argument("--only", default="", metavar="A,B", help="these drills, by their letters")
    parser.add_argument("--times", type=int, default=1, metavar="N", help="each so often, with other moments")
    parser.add_argument("--seed", type=int, help="what the moments are chosen by [default: chance]")
    parser.add_argument("--short", action="store_true", help="as the tests run them: shorter troubles")
    wishes = parser.parse_args()
    letters = [letter.strip() for letter in wishes.only.split(",") if letter.strip()]
    unknown = set(letters) - {drill.letter for drill in DRILLS}
    if unknown:
        parser.error(f"there is no drill {', '.join(sorted(unknown))}")
    drills = [drill for drill in DRILLS if not letters or drill.letter in letters]
    if wishes.list:
        for drill in drills:
            _tell(f"{drill.letter:3} {drill.title}")
        return 0
    first = random.SystemRandom().randrange(1_000_000) if wishes.seed is None else wishes.seed
    summary: list[str] = []
    failed = False
    for drill in drills:
        for seed in range(first, first + wishes.times):
            _tell(f"\n== {drill.letter}  {drill.title}")
            began = time.monotonic()

            def tell(what: str, began: float = began) -> None:
                _tell(f"   {time.monotonic() - began:5.1f} s  {what}")

            try:
                outcome = run(drill, seed, short=wishes.short, tell=tell)
            except Exception:
                traceback.print_exc()
                summary.append(f"{drill.letter:3} seed {seed}: could not be run to its end")
                failed = True
                continue
            _tell("\n".join(outcome.lines()))
            rows = outcome.verdict.rows
            counts = {what: sum(len(getattr(row, what)) for row in rows) for what in ("lost", "twice", "disordered")}
            summary.append(
                f"{drill.letter:3} seed {seed}: {'kept' if outcome.passed else 'BROKEN'}, "
                f"accepted {outcome.verdict.accepted}, stored {rows[0].heard}, lost {counts['lost']}, "
                f"twice {counts['twice']}, out of order {counts['disordered']}, {outcome.seconds:.0f} s"
            )
            failed = failed or not outcome.passed
    _tell("\n== Summary", *summary)
    return int(failed)


def _tell(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
