"""Seven ways a Lava run can go wrong or right, brought about on purpose, and what each leaves.

Lava's own `run()` waits forever in most of them. Here each must end by itself with one clear line,
no process alive and no shared memory left; the table shows how many there were to remove.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from depth_snn.errors import DepthError
from depth_snn.figures import found_now, publish
from loihi.failures import CASES, Outcome, run_case

COMMAND = "python benchmarks/measure_lava_failures.py"
NAMES = ("lava_failure_cases_handled",)
MESSAGE_WIDTH = 90


def table(outcomes: Sequence[Outcome]) -> list[str]:
    """The outcomes as lines of text: peaks and what is left of processes and shared memory."""
    lines = [f"{'case':24} {'s':>6} {'processes':>10} {'shared memory':>14}  {'handled':8} said"]
    for out in outcomes:
        processes = f"{out.processes} → {out.processes_left}"
        memory = f"{out.segments} → {out.segments_left}"
        said = (out.message or "nothing: it succeeded")[:MESSAGE_WIDTH]
        handled = "yes" if out.handled else "NO"
        lines.append(
            f"{out.case.name:24} {out.seconds:6.1f} {processes:>10} {memory:>14}  "
            f"{handled:8} {said}"
        )
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    try:
        outcomes = [run_case(case) for case in CASES]
    except DepthError as error:
        print(f"measure_lava_failures: error: {error}", file=sys.stderr)
        return 1
    print("\n".join(table(outcomes)))
    handled = sum(outcome.handled for outcome in outcomes)
    figures = {NAMES[0]: found_now(handled, unit="", command=COMMAND)}
    publish(figures, options.json)
    return 0 if handled == len(CASES) else 1


if __name__ == "__main__":
    raise SystemExit(main())
