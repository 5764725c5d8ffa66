"""`depth-snn conform`: one set of cases on every engine, compared exactly."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from depth_snn.cli.common import check_file_target, seconds
from depth_snn.errors import ExitCode

NAME = "conform"
HELP = "one set of cases on every engine, compared integer by integer"
EXAMPLE = """examples:
  depth-snn conform                                    everything, Lava included: minutes
  depth-snn conform --engine fast --cases 'edge/*'     one family on one engine: seconds
  depth-snn conform --engine lava,lava-stock --cases 'small/* 0' 'edge/threshold*'
  depth-snn conform --engine mypackage.engine:run      your own engine (docs/conformance.md)
  depth-snn conform --list                             the names of the cases

Engines: reference (by recorded and hand-worked answers), fast, lava, lava-stock, lava-leaf,
lava-sub, or module:function. All are compared with the reference simulator.
Exit status: 1 when an integer differs outside the ledger, or the ledger excepts what agrees."""

SHOWN = 40
TRACE_VARIABLE = "DEPTH_TRACE"
"""Environment variable that names the trace."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--engine", metavar="NAMES",
                        help="which, by commas (default reference,fast,lava)")  # fmt: skip
    parser.add_argument("--cases", nargs="+", metavar="GLOB",
                        help="only cases of these names")  # fmt: skip
    parser.add_argument("--list", action="store_true", help="print the cases' names and number")
    parser.add_argument(
        "--trace", type=Path, metavar="FILE", default=os.environ.get(TRACE_VARIABLE),
        help="recorded trace of a Loihi 2 neuron, CSV of input, potential and spike "
        f"(default {TRACE_VARIABLE})",
    )  # fmt: skip
    parser.add_argument("--ledger", type=Path, metavar="FILE",
                        help="exceptions (TOML) instead of the project's own")  # fmt: skip
    parser.add_argument("--deadline", type=seconds, default=180.0, metavar="S",
                        help="seconds that one Lava run may take (default 180)")  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every verdict")
    parser.add_argument("--verbose", action="store_true", help="print a line for every verdict")


def run(args: argparse.Namespace) -> int:
    """Run the set, print what differs, what is excepted and what was not run."""
    from conversion.cases.registry import select
    from depth_snn.cli.conformance.cases import all_cases

    check_file_target("--json", args.json)
    cases: Sequence[Any] = all_cases(args.trace)
    if args.cases:
        cases = select(cases, args.cases)
    if args.list:
        print("\n".join(case.name for case in cases))
        print(f"{len(cases)} cases")
        return ExitCode.OK
    report = _run(args, cases)
    _print(report, verbose=args.verbose)
    if args.json is not None:
        from depth_snn.figures import write_text

        write_text(args.json, json.dumps(report.as_json(), indent=1, ensure_ascii=False) + "\n")
        print(f"wrote {args.json}")
    return ExitCode.OK if report.good else ExitCode.ERROR


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _run(args: argparse.Namespace, cases: Sequence[Any]) -> Any:
    from depth_snn.cli.conformance.engines import default_engines, engine_by_name, missing
    from depth_snn.cli.progress import Progress
    from sims.conformance import Ledger, load_ledger, run_set
    from sims.conformance.ledger import LEDGER_FILE

    names = _words(args.engine) if args.engine else default_engines()
    engines = [engine_by_name(name, args.deadline) for name in dict.fromkeys(names)]
    absent = {e.name: why for e in engines if (why := missing(e.name))}
    for name, why in absent.items():
        print(f"not run: engine {name}: {why}")
    engines = [engine for engine in engines if engine.name not in absent]
    ledger: Ledger = load_ledger(args.ledger or LEDGER_FILE)
    judged = sum(1 for c in cases for e in engines if e.name != "reference" or c.known)
    progress = Progress("verdicts", judged)
    seen: list[Any] = []

    def tell(verdict: Any) -> None:
        seen.append(verdict)
        progress.update(len(seen), verdict.case)

    report = run_set(cases, engines, ledger, whole=not args.cases, on_verdict=tell)
    progress.finish()
    return report


def _print(report: Any, *, verbose: bool) -> None:
    if verbose:
        print("\n".join(map(str, report.verdicts)))
    else:
        for words in (("differs", "stale"), ("excepted",), ("not run",)):
            found = report.of(*words)
            print("".join(f"{verdict}\n" for verdict in found[:SHOWN]), end="")
            if len(found) > SHOWN:
                print(f"and {len(found) - SHOWN} more: {' or '.join(words)}")
    print("\n".join(report.summary()))
