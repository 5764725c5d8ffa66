"""Mutated files of every kind given to their readers: 100,000 graph files, 7000 of netx and NIR.

Half of the files are sealed again after the mutation, so that they are read past their checksum;
a part of those is changed as HDF5, as groups, arrays, links and attributes, and not as bytes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from conversion.fuzz import Campaign, run_campaign
from depth_snn.cli.progress import Progress
from depth_snn.errors import DepthError, MissingDependency
from depth_snn.figures import found_now, publish

COMMAND = "python benchmarks/measure_fuzz.py"
NAMES = (
    "fuzz_files_tried", "fuzz_failures", "fuzz_foreign_files_tried", "fuzz_foreign_failures",
)  # fmt: skip
FOREIGN = {"netx": 5000, "nir": 2000}
"""Files of the formats of others; fewer, since a process of its own reads each."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--files", type=int, default=100_000, help="graph files (100000)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the mutations (0)")
    options = parser.parse_args()
    try:
        own = tried_and_failed({"graph": options.files}, options.seed)
        foreign = tried_and_failed(FOREIGN, options.seed)
    except DepthError as error:
        print(f"measure_fuzz: error: {error}", file=sys.stderr)
        return 1
    figures = {
        name: found_now(value, unit="", command=COMMAND)
        for name, value in zip(NAMES, (*own, *foreign), strict=True)
    }
    publish(figures, options.json)
    return 0


def tried_and_failed(kinds: dict[str, int], seed: int) -> tuple[int, int]:
    """Run a campaign for each kind; one whose package is not installed is left out."""
    tried = failures = 0
    for kind, files in kinds.items():
        progress = Progress(f"{kind} files", files)
        try:
            report = run_campaign(Campaign(kind=kind, files=files, seed=seed), progress.update)
        except MissingDependency as error:
            print(f"{kind}: left out: {error}", file=sys.stderr)
            continue
        progress.finish()
        tried += report.tried
        failures += len(report.failures)
        print(
            f"{kind}: {report.refused} refused, {report.read} valid, {len(report.failures)} "
            f"failures, at most {report.peak_mib} MiB, {report.seconds:.0f} s"
        )
        for failure in report.failures[:20]:
            print(f"  file {failure.number}: {failure.what}")
    return tried, failures


if __name__ == "__main__":
    raise SystemExit(main())
