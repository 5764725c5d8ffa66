"""The whole conformance set on the reference simulator, the fast one and Lava.

An engine that is not installed here is left out with a line that says so; so are cases whose
recorded answers are not at hand. ``--quick`` leaves Lava out, which takes most of the time.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from depth_snn.cli.conformance.cases import all_cases
from depth_snn.cli.conformance.engines import engine_by_name, missing
from depth_snn.cli.progress import Progress
from depth_snn.figures import found_now, publish
from sims.conformance import Report, Verdict, load_ledger, run_set

COMMAND = "python benchmarks/measure_conformance.py"
NAMES = (
    "conformance_cases", "conformance_comparisons", "conformance_values", "conformance_mismatches",
    "conformance_lava_comparisons", "conformance_excepted",
)  # fmt: skip
BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data" / "loihi2_lif_trace.csv"
ENGINES = ("reference", "fast", "lava")


def measure(trace: Path, deadline_s: float, *, quick: bool) -> Report:
    """Run the set; what differs or was not run is printed."""
    names = ENGINES[:2] if quick else ENGINES
    absent = {name: why for name in names if (why := missing(name))}
    for name, why in absent.items():
        print(f"not run: engine {name}: {why}", file=sys.stderr)
    engines = [engine_by_name(name, deadline_s) for name in names if name not in absent]
    cases = all_cases(trace)
    judged = sum(1 for c in cases for e in engines if e.name != "reference" or c.known)
    progress, done = Progress("verdicts", judged), list[Verdict]()

    def tell(verdict: Verdict) -> None:
        done.append(verdict)
        progress.update(len(done), verdict.case)

    report = run_set(cases, engines, load_ledger(), whole=not (quick or absent), on_verdict=tell)
    progress.finish()
    print("\n".join(map(str, report.of("differs", "stale", "not run"))))
    print("\n".join(report.summary()))
    return report


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--quick", action="store_true", help="without Lava")
    parser.add_argument("--deadline", type=float, default=600, help="seconds for each Lava run")
    parser.add_argument(
        "--trace", type=Path, default=BESIDE,
        help="the chip's trace as CSV (default: beside the project)",
    )  # fmt: skip
    options = parser.parse_args()
    report = measure(options.trace, options.deadline, quick=options.quick)
    on_lava = sum(v.engine == "lava" for v in report.compared)
    values = (
        report.cases, report.comparisons, report.values, report.mismatches, on_lava,
        len(report.of("excepted")),
    )  # fmt: skip
    figures = {
        name: found_now(value, unit="", command=COMMAND)
        for name, value in zip(NAMES, values, strict=True)
    }
    publish(figures, options.json)
    return 0 if report.good else 1


if __name__ == "__main__":
    raise SystemExit(main())
