"""Mutated files of every kind given to their readers: 100,000 graph files, and what failed.

Half of the files are sealed again after the mutation, so that they are read past their checksum;
a part of those is changed as HDF5, as groups, arrays, links and attributes, and not as bytes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from conversion.fuzz import READERS, Campaign, run_campaign
from depth_snn.cli.progress import Progress
from depth_snn.errors import DepthError
from depth_snn.figures import found_now, publish

COMMAND = "python benchmarks/measure_fuzz.py"
NAMES = ("fuzz_files_tried", "fuzz_failures")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--files", type=int, default=100_000, help="files of each kind (100000)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the mutations (0)")
    options = parser.parse_args()
    tried = failures = 0
    try:
        for kind in sorted(READERS):
            progress = Progress(f"{kind} files", options.files)
            campaign = Campaign(kind=kind, files=options.files, seed=options.seed)
            report = run_campaign(campaign, progress.update)
            progress.finish()
            tried += report.tried
            failures += len(report.failures)
            print(
                f"{kind}: {report.refused} refused, {report.read} valid, {len(report.failures)} "
                f"failures, at most {report.peak_mib} MiB, {report.seconds:.0f} s"
            )
            for failure in report.failures[:20]:
                print(f"  file {failure.number}: {failure.what}")
    except DepthError as error:
        print(f"measure_fuzz: error: {error}", file=sys.stderr)
        return 1
    found = (tried, failures)
    figures = {
        name: found_now(value, unit="", command=COMMAND)
        for name, value in zip(NAMES, found, strict=True)
    }
    publish(figures, options.json)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
