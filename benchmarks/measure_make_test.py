"""Wall time of `make test` on a machine that is already set up; it must pass."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from depth_snn.figures import found_now, publish

COMMAND = "python benchmarks/measure_make_test.py"
NAMES = ("make_test_seconds",)
ROOT = Path(__file__).resolve().parents[1]


def make(*words: str) -> int:
    """Exit code of make."""
    return subprocess.run(
        ["make", "--no-print-directory", *words], cwd=ROOT, check=False
    ).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--args", default="", help="ARGS of `make test` (for a first, partial run)")
    options = parser.parse_args()
    if make("setup") != 0:
        print("measure_make_test: error: `make setup` failed", file=sys.stderr)
        return 1
    start = time.perf_counter()
    code = make("test", *([f"ARGS={options.args}"] if options.args else []))
    seconds = time.perf_counter() - start
    if code != 0:
        print(f"measure_make_test: error: `make test` failed (exit {code})", file=sys.stderr)
        return 1
    # A figure of a part of the tests must not pass for one of all of them.
    command = f"{COMMAND} --args '{options.args}'" if options.args else COMMAND
    figures = {NAMES[0]: found_now(round(seconds, 1), unit="s", command=command)}
    publish(figures, options.json)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
