"""`depth-snn check`: judge a finished run against a budget file."""

from __future__ import annotations

import argparse
from pathlib import Path

from depth_snn.cli.common import check_file_target
from depth_snn.errors import EngineError, ExitCode

NAME = "check"
HELP = "judge a finished run against a budget file"
EXAMPLE = """examples:
  depth-snn check out/demo/run.h5 --budget street
  depth-snn check out/demo/run.h5 --budget my_budget.toml --json limits.json

exit status: 0 within every limit, 2 a limit exceeded, 1 error
(a limit about something that the run did not observe is an error too)"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    # Not "run": that is where the command's function stands among the arguments.
    parser.add_argument("record", type=Path, metavar="RUN", help="run.h5 of `depth-snn run`")
    parser.add_argument(
        "--budget", required=True, metavar="FILE", help="budget file or shipped name"
    )
    parser.add_argument("--cost-table", default="loihi1", metavar="NAME",
                        help="prices of the spiking network, a shipped name or a TOML file "
                        "(default loihi1)")  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the limits as JSON")


def run(args: argparse.Namespace) -> int:
    """Judge; returns the exit code."""
    from sims.budget import evaluate
    from sims.budget_file import load_budget
    from sims.budget_table import budget_text
    from sims.cost_table import load_table
    from sims.energy import estimate_energy
    from sims.record_file import load_record
    from sims.verdict import broken_witnesses, build_verdict, write_verdict

    check_file_target("--json", args.json)
    budget = load_budget(args.budget)
    record = load_record(args.record)
    energy = estimate_energy(record, load_table(args.cost_table))
    result = evaluate(record, budget, energy)
    broken = broken_witnesses(record.witnesses)
    print(budget_text(result))
    if args.json:
        write_verdict(args.json, build_verdict(record, energy, result, broken=broken))
    if broken:
        names = ", ".join(broken)
        raise EngineError(f"{args.record}: the run is not valid, its witnesses differ: {names}")
    return ExitCode.OK if result.passed else ExitCode.EXCEEDED
