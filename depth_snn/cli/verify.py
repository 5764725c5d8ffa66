"""`depth-snn verify`: does this machine give the integers that a bundle expects?"""

from __future__ import annotations

import argparse
import json
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from depth_snn.cli.boards import add_board_options, board_of
from depth_snn.cli.common import check_file_target, seconds
from depth_snn.errors import ExitCode
from sims.bundle.manifest import ALLOWED, MANIFEST, RESULTS

if TYPE_CHECKING:
    from depth_snn.cli.bundled_run import Ran
    from sims.bundle.compare import PortReport
    from sims.bundle.opened import Opened

NAME = "verify"
HELP = "run a bundle on this machine and compare every integer with what it expects"
EXAMPLE = """examples:
  depth-snn verify demo.zip                                 on Lava's CPU backend
  depth-snn verify folder --engine loihi2 --partition oheogulch
  depth-snn verify demo.zip --engine fast --out results.json

Exit status: 0 all values equal, 2 some differ, 1 an error. `depth-snn bundle` writes bundles."""

RESULTS_FORMAT = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("bundle", type=Path, help="folder or zip file of a bundle")
    parser.add_argument("--engine", choices=("lava", "loihi2", "fast", "reference"), default="lava",
                        help="what runs it (default lava)")  # fmt: skip
    parser.add_argument("--stock", action="store_true",
                        help="with lava: stock Lava processes wherever they suffice")  # fmt: skip
    parser.add_argument("--deadline", type=seconds, metavar="S",
                        help="with lava or loihi2: give up after S seconds")  # fmt: skip
    parser.add_argument(
        "--out", type=Path, metavar="FILE",
        help=f"where to write the answer (default {RESULTS} in the folder, or beside the zip)",
    )  # fmt: skip
    add_board_options(parser)


def also_read(args: argparse.Namespace) -> list[Path]:
    """The files of a folder that is a bundle."""
    return [args.bundle / name for name in (*ALLOWED, MANIFEST)]


def run(args: argparse.Namespace) -> int:
    """Check, run, compare, write the answer."""
    from depth_snn.cli.bundled_run import run_bundle
    from sims.bundle.compare import compare
    from sims.bundle.opened import open_bundle

    board = board_of(args)
    folder = args.bundle.is_dir()
    target = args.out or (
        args.bundle / RESULTS if folder else args.bundle.with_suffix(f".{RESULTS}")
    )
    check_file_target("--out", target)
    opened = open_bundle(args.bundle)
    print(f"bundle {opened.digest[:16]}: graph {opened.manifest.graph}, "
          f"{opened.manifest.frames} frames, files whole")  # fmt: skip
    target.unlink(missing_ok=True)  # an older answer must not stand if this run fails
    ran = run_bundle(opened, args, board)
    rows = tuple(row for row in opened.manifest.ports if row.key not in ran.hidden)
    reports = compare(rows, opened.expected, ran.values, ran.first)
    _write(target, _answer(opened, args.engine, ran, reports))
    for report in reports:
        if report.first is not None:
            print(_line(report))
    wrong = sum(report.mismatches for report in reports)
    values = sum(report.values for report in reports)
    print(f"{wrong} of {values} integers of {len(reports)} ports differ on {args.engine}")
    print(f"wrote {target}; send it back")
    return ExitCode.EXCEEDED if wrong else ExitCode.OK


def _line(report: PortReport) -> str:
    assert report.first is not None
    at = report.first
    where = ", ".join(map(str, at.index))
    words = (
        f"{report.key}: {report.mismatches} of {report.values} differ; first at step {at.step}, "
        f"[{where}]: expected {at.left}, got {at.right}"
    )
    if report.shift is None:
        return words
    way = "late" if report.shift > 0 else "early"
    return f"{words}; all values agree {abs(report.shift)} steps {way}"


def _answer(
    opened: Opened, engine: str, ran: Ran, reports: tuple[PortReport, ...]
) -> dict[str, Any]:
    from depth_snn import __version__
    from depth_snn.machine import current_commit, machine_class

    made = opened.manifest
    return {
        "format": "depth-snn-bundle-results",
        "format_version": RESULTS_FORMAT,
        "bundle": opened.digest,
        "graph": made.graph,
        "packed_by": {"version": made.version, "commit": made.commit},
        "checked_by": {"version": __version__, "commit": current_commit()},
        "engine": engine,
        "versions": ran.versions,
        "machine": machine_class(),
        "date": datetime.now(timezone.utc).date().isoformat(),
        "equal": not any(report.mismatches for report in reports),
        "seconds": ran.seconds,
        "ports": [
            {
                "port": report.key,
                "values": report.values,
                "mismatches": report.mismatches,
                "first": None if report.first is None else str(report.first),
                "shift_steps": report.shift,
            }
            for report in reports
        ],
        "not_visible": list(ran.hidden),
        "chip": ran.chip,
    }


def _write(path: Path, answer: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        draft.write_text(json.dumps(answer, indent=1) + "\n", encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
