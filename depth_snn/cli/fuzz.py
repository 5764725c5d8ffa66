"""`depth-snn fuzz`: mutated files against the readers."""

from __future__ import annotations

import argparse
from pathlib import Path

from depth_snn.cli.common import check_folder_target, count, positive, seconds
from depth_snn.errors import ExitCode

NAME = "fuzz"
HELP = "give mutated files to the readers: no crash, no hang, bounded memory"
EXAMPLE = """examples:
  depth-snn fuzz --files 2000                           a quick look
  depth-snn fuzz --files 100000 --seed 7                what the documents state, in minutes
  depth-snn fuzz --kind netx                            the formats of others: netx, nir
  depth-snn fuzz --files 1 --first 4711 --keep bad/     one file of a campaign again

Every second file gets a right checksum, so that it is read past it.
Exit status: 1 when a file ended in anything but a graph or one clear line."""

SHOWN = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--files", type=positive, default=2000, metavar="N",
                        help="mutated files to try (default 2000)")  # fmt: skip
    parser.add_argument("--kind", default="graph", metavar="KIND",
                        help="which reader: graph, netx or nir (default graph)")  # fmt: skip
    parser.add_argument("--seed", type=count, default=0, metavar="S",
                        help="the same seed gives the same files (default 0)")  # fmt: skip
    parser.add_argument("--first", type=count, default=0, metavar="I",
                        help="number of the first file (default 0)")  # fmt: skip
    parser.add_argument("--deadline", type=seconds, default=10.0, metavar="S",
                        help="seconds that one file may take (default 10)")  # fmt: skip
    parser.add_argument("--memory", type=positive, default=512, metavar="MIB",
                        help="memory that reading one file may take (default 512)")  # fmt: skip
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="write failing files there")


def run(args: argparse.Namespace) -> int:
    """Run the campaign, print what it found."""
    from conversion.fuzz import Campaign, run_campaign
    from conversion.fuzz.campaign import keep_file
    from depth_snn.cli.progress import Progress

    if args.keep is not None:
        check_folder_target("--keep", args.keep)
    campaign = Campaign(
        kind=args.kind, files=args.files, seed=args.seed, first=args.first,
        deadline_s=args.deadline, memory_mib=args.memory,
    )  # fmt: skip
    progress = Progress("files", args.files)
    report = run_campaign(campaign, progress.update)
    progress.finish()
    print(
        f"{report.tried} mutated {args.kind} files: {report.refused} refused in one line, "
        f"{report.read} still valid, {len(report.failures)} failures; at most {report.peak_mib} MiB"
    )
    for failure in report.failures[:SHOWN]:
        print(f"file {failure.number}: {failure.what}")
        if args.keep is not None:
            print(f"  kept as {keep_file(campaign, failure, args.keep)}")
    if len(report.failures) > SHOWN:
        print(f"and {len(report.failures) - SHOWN} more")
    return ExitCode.ERROR if report.failures else ExitCode.OK
