"""`depth-snn run`: a clip goes in, a verdict comes out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from depth_snn.cli.boards import add_board_options, board_of
from depth_snn.cli.common import (
    add_figures_option,
    add_policy_options,
    check_file_target,
    check_folder_target,
    count,
    policy_changes,
    positive,
    seconds,
)
from depth_snn.cli.thresholds import add_thresholds_option, read_thresholds, told_of
from depth_snn.errors import ConfigError, EngineError, ExitCode, InputError

if TYPE_CHECKING:
    from depth_snn.cli.chain.loop import Collected
    from depth_snn.cli.chain.setup import Setup
    from sims.record import RunRecord

NAME = "run"
HELP = "a clip goes in, a verdict, a report and pictures come out"
EXAMPLE = """examples:
  depth-snn run scene:street --out out/demo              a built-in street with a sudden pedestrian
  depth-snn run clip.mp4 --out out/clip --budget street  a video, judged against a shipped budget
  depth-snn run frames/ --out out/f --motion patch --frames 100

exit status: 0 within the budget (or none given), 2 a limit exceeded, 1 error"""

OUTCOME = (
    "verdict.json", "report.html", "overlay.png", "tokens.png", "gates.png", "energy.png",
    "compute.png", "energy_tables.png", "ledger.csv", "run.h5", "graph.h5", "inputs.h5",
)  # fmt: skip
"""Files that say how a run went; those of an earlier run go before results are replaced."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "input", help="a video file, a folder of images, or scene:NAME (scene:street)"
    )
    parser.add_argument(
        "--out", required=True, type=Path, metavar="DIR", help="folder for the results"
    )
    parser.add_argument(
        "--frames", type=positive, default=None, metavar="N", help="stop after N frames"
    )
    parser.add_argument(
        "--seed", type=count, default=0, metavar="N", help="seed of a built-in scene (default 0)"
    )
    parser.add_argument(
        "--budget", metavar="FILE", help="budget file (TOML) or a shipped one's name"
    )
    parser.add_argument("--cost-table", default="loihi1", metavar="NAME",
                        help="prices of the spiking network, a shipped name or a TOML file "
                        "(default loihi1)")  # fmt: skip
    parser.add_argument("--engine", choices=("fast", "reference", "lava", "loihi2"), default="fast",
                        help="what runs the integer graph (default fast)")  # fmt: skip
    parser.add_argument(
        "--deadline", type=seconds, metavar="S",
        help="with --engine lava or loihi2: give its run up after S seconds",
    )  # fmt: skip
    parser.add_argument(
        "--witness-frames", type=count, default=3, metavar="N",
        help="frames that the reference simulator checks (default 3, so that tokens not computed "
        "and restored ones are among them; 0 for none)",
    )  # fmt: skip
    parser.add_argument("--lava-frames", type=count, default=0, metavar="N",
                        help="frames of scene:driving, whatever the input, on which Lava checks "
                        "the tiny network (default 0; its gates fire from 8 on)")  # fmt: skip
    parser.add_argument("--keep-inputs", type=count, default=2, metavar="N",
                        help="frames of graph inputs written to inputs.h5 (default 2)")  # fmt: skip
    parser.add_argument("--ledger", action="store_true",
                        help="print MACs by category and layer, as in ledger.csv")  # fmt: skip
    add_policy_options(parser, policy="policy file, a set of policies (TOML) that follows the "
                       "scene, or a shipped set's name")  # fmt: skip
    parser.add_argument(
        "--evolve", type=positive, metavar="N",
        help="with a policy set: in a scene that is none of its domains, search for a policy in "
        "the background by N evaluations (default: the set's fallback stays)",
    )  # fmt: skip
    add_thresholds_option(parser)
    add_board_options(parser)
    add_figures_option(parser)


def also_written(args: argparse.Namespace) -> list[tuple[str, Path]]:
    """The files of the folder."""
    return [("--out", args.out / name) for name in OUTCOME]


def run(args: argparse.Namespace) -> int:
    """Run the chain; returns the exit code."""
    board = board_of(args)  # before anything heavy is imported
    from conversion.quant_config import QuantConfig
    from depth_snn.cli.chain.early import check_budget, check_offline
    from depth_snn.cli.chain.loop import MAX_FRAMES, Chain, run_chain
    from depth_snn.cli.chain.policies import base_of, load_policies, make_adapter
    from depth_snn.cli.chain.setup import prepare
    from depth_snn.data.frames import open_frames
    from sims.budget_file import load_budget
    from sims.cost_table import load_table

    if args.frames is not None and args.frames > MAX_FRAMES:
        raise ConfigError(f"--frames {args.frames}: one run holds at most {MAX_FRAMES}")
    if args.deadline and args.engine not in ("lava", "loihi2"):
        raise ConfigError(
            f"--deadline: the {args.engine} engine does not take it; leave it out, or give "
            "--engine lava"
        )
    check_folder_target("--out", args.out)
    check_file_target("--json", args.json)
    budget = load_budget(args.budget) if args.budget is not None else None
    load_table(args.cost_table)  # a wrong one must not be found after the run
    quant = QuantConfig(threshold=read_thresholds(args.thresholds))
    policies = load_policies(args.policy, args.network, **policy_changes(args))
    with told_of(args.thresholds):
        setup = prepare(args.network, base_of(policies), quant=quant)
    adapter = make_adapter(policies, setup, args.evolve, args.seed)
    if board is not None:
        from loihi.on_chip import require_plan

        require_plan(setup.graph)
    source = open_frames(
        args.input, height=setup.config.height, width=setup.config.width,
        limit=args.frames, seed=args.seed,
    )  # fmt: skip
    offline = args.engine != "fast"
    keep = sys.maxsize if offline else max(args.witness_frames, args.keep_inputs)
    chain = Chain(setup, keep_inputs=keep, simulate=True, adapter=adapter)
    assert chain.fast is not None
    if budget is not None:
        check_budget(budget, chain.fast.counts, args.input)
    check_offline(args.engine, source, args.frames)
    try:
        collected = run_chain(chain, source, args.frames)
    finally:
        if adapter is not None:
            adapter.close()
    if not collected.rgb:
        raise InputError(f"{args.input}: no frames; give a clip with at least one")
    if collected.cut_off:
        print(f"depth-snn: note: {_cut_off(len(collected.rgb))}", file=sys.stderr)
    record = _finish(args, setup, source, collected, dict(chain.fast.counts), board)
    memory = sum(chain.pipeline.memory_bytes().values())
    return _judge(args, record, setup.graph, budget, collected.cut_off, memory)


def _cut_off(frames: int) -> str:
    return f"the clip is longer than the {frames} frames one run holds; the rest was left out"


def _finish(
    args: argparse.Namespace,
    setup: Setup,
    source: Any,
    out: Collected,
    counts: dict[str, Any],
    board: Any,
) -> RunRecord:
    """Witnesses, files to simulate again, and the record."""
    from conversion.graph_file import save_graph
    from depth_snn.cli.chain.engines import run_other_engine, run_witnesses
    from depth_snn.cli.chain.ledger import ledger_text, make_ledger, write_ledger
    from depth_snn.cli.chain.record import make_record
    from depth_snn.cli.chain.witness import stack_inputs
    from sims.inputs_file import save_arrays

    if args.engine != "fast":
        counts = dict(run_other_engine(args.engine, setup, out, counts, args.deadline, board))
    witnesses = run_witnesses(setup, out, args.witness_frames, args.lava_frames)
    args.out.mkdir(parents=True, exist_ok=True)
    # From here on files are replaced; an older outcome must not stand beside them if this fails.
    for name in OUTCOME:
        (args.out / name).unlink(missing_ok=True)
    save_graph(setup.graph, args.out / "graph.h5")
    if args.keep_inputs:
        save_arrays(stack_inputs(out.inputs[: args.keep_inputs]), args.out / "inputs.h5")
    ledger = make_ledger(setup, out)
    write_ledger(args.out / "ledger.csv", ledger)
    if args.ledger:
        print(ledger_text(ledger))
    return make_record(setup, source, out, counts, args.engine, witnesses)


def _judge(
    args: argparse.Namespace,
    record: RunRecord,
    graph: Any,
    budget: Any,
    cut_off: bool,
    memory_bytes: int,
) -> int:
    """Energy, budget, verdict, report; prints the short answer."""
    from depth_snn.cli.chain.summary import print_summary, run_figures
    from depth_snn.figures import write_measurement
    from sims.budget import evaluate
    from sims.evidence import price_run
    from sims.record_file import save_record
    from sims.report.write import write_report
    from sims.verdict import broken_witnesses, build_verdict, write_verdict

    # A budget may name the prices, and the report must show those it was judged by.
    named = "" if budget is None else budget.model.costs
    energy = price_run(record, named or args.cost_table)
    save_record(record, args.out / "run.h5")
    result = evaluate(record, budget, energy, graph) if budget is not None else None
    broken = broken_witnesses(record.witnesses)
    write_report(record, energy, result, args.out, broken=broken)
    verdict = build_verdict(record, energy, () if result is None else (result,), broken=broken)
    write_verdict(args.out / "verdict.json", verdict)
    print_summary(record, verdict, result, memory_bytes)
    if cut_off:
        print(f"note       {_cut_off(record.frames)}")
    print(f"report: {args.out / 'report.html'}")
    if broken:
        raise EngineError(f"witnesses disagree: {', '.join(broken)}; the run is not valid")
    if args.json:
        write_measurement(args.json, run_figures(record, verdict, "depth-snn run " + args.input))
    return ExitCode.OK if result is None or result.passed else ExitCode.EXCEEDED
