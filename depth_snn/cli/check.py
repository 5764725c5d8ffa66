"""`depth-snn check`: judge a run against budget files, propose one, or check a graph's target."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from depth_snn.cli.common import check_file_target
from depth_snn.cli.overlap import beside
from depth_snn.errors import ConfigError, DepthError, EngineError, ExitCode
from depth_snn.figures import write_text

if TYPE_CHECKING:
    from sims.budget import BudgetResult
    from sims.budget_file import Budget
    from sims.evidence import Evidence

NAME = "check"
HELP = "judge a finished run against budget files, or propose a budget from runs"
EXAMPLE = """examples:
  depth-snn check out/demo/run.h5 --budget street
  depth-snn check out/demo/run.h5 --budget mine.toml --budget chip.toml --junit limits.xml
  depth-snn check out/demo/run.h5 --propose mine.toml --margin 15
  depth-snn check out/demo/graph.h5 --target loihi2

exit status: 0 within every limit, 2 a limit exceeded, 1 error
(a limit about something that the run did not observe is an error too)"""

DEFAULT_MARGIN = Fraction(10)
MAX_MARGIN = 10**6
GRAPH_BESIDE = "graph.h5"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    # Not "run": that is where the command's function stands among the arguments.
    parser.add_argument("records", type=Path, nargs="+", metavar="RUN",
                        help="run.h5 of `depth-snn run`, or counts of `depth-snn "
                        "simulate` with their --graph; several only with --propose; with "
                        "--target a graph file")  # fmt: skip
    parser.add_argument("--budget", action="append", default=[], metavar="FILE",
                        help="budget file or shipped name; may be given several times")  # fmt: skip
    parser.add_argument("--graph", type=Path, metavar="FILE",
                        help="graph of the run, for limits of latency and for counts of "
                        "simulate (default: graph.h5 beside RUN)")  # fmt: skip
    parser.add_argument("--placement", type=Path, metavar="FILE",
                        help="where the network lies, for limits of time and cores (default: the "
                        "fewest cores that hold it)")  # fmt: skip
    parser.add_argument("--cost-table", metavar="NAME",
                        help="prices for budgets that name none, a shipped name or a TOML file "
                        "(default loihi1)")  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the limits as JSON")
    parser.add_argument("--junit", type=Path, metavar="FILE",
                        help="also write JUnit XML, a case for each limit and layer")  # fmt: skip
    parser.add_argument("--quiet", action="store_true", help="print exceeded budgets only")
    group = parser.add_argument_group("target")
    group.add_argument("--target", metavar="NAME|FILE",
                       help="check every limit of a chip on a graph file, see `depth-snn place "
                       "--targets`")  # fmt: skip
    group.add_argument("--mapping", choices=("spatial", "serial"), default="spatial",
                       help="how it would be placed there (default spatial)")  # fmt: skip
    group = parser.add_argument_group("propose")
    group.add_argument("--propose", type=Path, metavar="FILE",
                       help="write a budget that RUN keeps, instead of judging")  # fmt: skip
    group.add_argument("--margin", type=percent, metavar="PERCENT",
                       help="how much worse a later run may be (default 10)")  # fmt: skip
    group.add_argument("--force", action="store_true", help="replace FILE of --propose")


def percent(text: str) -> Fraction:
    """A percentage of 0 or more, exactly as written, for argparse."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal(-1)
    if not (value.is_finite() and 0 <= value <= MAX_MARGIN):
        raise argparse.ArgumentTypeError(f"expected a percentage from 0 up, got {text!r}")
    return Fraction(value)


def also_read(args: argparse.Namespace) -> list[Path]:
    """What belongs to the runs."""
    return [path for record in args.records for path in beside(record)]


def run(args: argparse.Namespace) -> int:
    """Judge, propose or check a target; returns the exit code."""
    if args.target:
        from depth_snn.cli.check_target import check_target

        try:
            return check_target(args)
        except DepthError:
            if args.json and args.json.is_file():
                args.json.unlink()  # of an earlier check
            raise
    _check_options(args)
    if args.propose:
        return _propose(args)
    try:
        return _judge(args)
    except EngineError:
        raise  # judged, and written, with what is wrong
    except DepthError as error:
        from sims.junit import junit_text
        from sims.verdict import not_judged, write_verdict

        # Results of an earlier run must not stand for this one.
        if args.json:
            args.json.parent.mkdir(parents=True, exist_ok=True)
            write_verdict(args.json, not_judged(str(args.records[0]), str(error)))
        if args.junit:
            write_text(args.junit, junit_text((), str(args.records[0]), str(error)))
        raise


def _check_options(args: argparse.Namespace) -> None:
    proposing = args.propose is not None
    if proposing and (args.budget or args.json or args.junit):
        raise ConfigError("--propose writes a budget and judges by none; leave out --budget, "
                          "--json and --junit")  # fmt: skip
    if not proposing and (args.margin is not None or args.force):
        raise ConfigError("--margin and --force belong to --propose FILE")
    if not proposing and not args.budget:
        raise ConfigError("give --budget FILE to judge by, or --propose FILE to make one")
    if not proposing and len(args.records) > 1:
        raise ConfigError(f"{len(args.records)} runs given; one run is judged at a time")
    if (args.graph or args.placement) and len(args.records) > 1:
        raise ConfigError("--graph and --placement belong to one run; give one RUN")
    targets = {"--json": args.json, "--junit": args.junit, "--propose": args.propose}
    for option, path in targets.items():
        check_file_target(option, path)


def _judge(args: argparse.Namespace) -> int:
    from sims.budget import evaluate
    from sims.budget_file import load_budget
    from sims.budget_table import budget_text, outcome_line
    from sims.junit import junit_text
    from sims.verdict import broken_witnesses, write_verdict

    twice = next((name for name in args.budget if args.budget.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"--budget {twice}: is given twice; leave one out")
    budgets = [load_budget(name) for name in args.budget]
    source = args.records[0]
    seen = _evidence(source, args, budgets)
    results = [
        evaluate(seen.record, budget, seen.energy, seen.graph, seen.placement) for budget in budgets
    ]
    broken = broken_witnesses(seen.record.witnesses)
    fault = f"the run is not valid, its witnesses differ: {', '.join(broken)}" if broken else ""
    for result in results:
        if not args.quiet:
            print(budget_text(result))
        elif not result.passed:
            print(outcome_line(result))
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        write_verdict(args.json, _verdict(seen, results, broken))
    if args.junit:
        write_text(args.junit, junit_text(results, str(source), fault))
    if broken:
        raise EngineError(f"{source}: {fault}")
    return _exit_code(results)


def _verdict(
    seen: Evidence, results: Sequence[BudgetResult], broken: Sequence[str]
) -> dict[str, Any]:
    from sims.counted_run import CountedRun
    from sims.verdict import build_judgement, build_verdict

    if isinstance(seen.record, CountedRun):
        return build_judgement(seen.record, results, broken)
    return build_verdict(seen.record, seen.energy, results, broken=broken)


def _exit_code(results: Sequence[BudgetResult]) -> int:
    return int(ExitCode.OK if all(r.passed for r in results) else ExitCode.EXCEEDED)


def _evidence(source: Path, args: argparse.Namespace, budgets: Sequence[Budget]) -> Evidence:
    """Read a run, and its graph and placement where they are named or a limit asks for them."""
    from conversion.graph_file import load_graph
    from conversion.placement_file import load_placement
    from sims.counted_run import is_counts_file, load_counted_run
    from sims.evidence import Evidence, price_run
    from sims.observed_time import GRAPH_QUANTITIES
    from sims.record_file import load_record

    quantities = {limit.rule.quantity for budget in budgets for limit in budget.limits}
    wanted = args.placement or not budgets or quantities & set(GRAPH_QUANTITIES)
    beside = source.with_name(GRAPH_BESIDE)
    path = args.graph or (beside if wanted and beside.is_file() else None)
    counted = is_counts_file(source)
    if counted and args.graph is None:
        raise ConfigError(f"{source}: counts of a simulation; name their graph with --graph")
    record = None if counted else load_record(source)
    graph = load_graph(path) if path else None
    placement = load_placement(args.placement) if args.placement else None
    named = (budget.model.costs for budget in budgets if budget.model.costs)
    costs = next(named, args.cost_table or "")
    run = load_counted_run(source, graph) if record is None and graph is not None else record
    assert run is not None
    return Evidence(run, price_run(run, costs), graph, placement)


def _propose(args: argparse.Namespace) -> int:
    from sims.budget_file import ModelChoice
    from sims.budget_proposal import proposal_text, propose_budget
    from sims.verdict import broken_witnesses

    target: Path = args.propose
    if target.exists() and not args.force:
        raise ConfigError(f"--propose {target}: exists already; add --force to replace it")
    runs = [_evidence(source, args, ()) for source in args.records]
    for source, seen in zip(args.records, runs, strict=True):
        broken = broken_witnesses(seen.record.witnesses)
        if broken:
            raise EngineError(f"{source}: not a valid run, its witnesses differ: {broken[0]}")
    margin = DEFAULT_MARGIN if args.margin is None else args.margin
    budget = propose_budget(runs, margin, ModelChoice(costs=args.cost_table or ""))
    names = [str(source) for source in args.records]
    write_text(target, proposal_text(budget, runs, margin, names))
    print(f"wrote {target}: {len(budget.limits)} limits from {len(runs)} run(s), margin "
          f"{float(margin):g} %")  # fmt: skip
    return int(ExitCode.OK)
