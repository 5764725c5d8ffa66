"""`depth-snn simulate`: run a graph file on one engine."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from depth_snn.cli.boards import add_board_options, board_of, plan_lines
from depth_snn.cli.common import check_file_target, check_folder_target, positive, seconds
from depth_snn.errors import ConfigError, ExitCode

NAME = "simulate"
HELP = "run a graph file on the reference simulator, the fast one, or Lava"
EXAMPLE = """examples:
  depth-snn simulate out/demo/graph.h5 out/demo/inputs.h5 --engine fast --out fast.h5
  depth-snn simulate out/demo/graph.h5 out/demo/inputs.h5 --engine reference --compare fast.h5
  depth-snn simulate net.h5 long.h5 --ports "head.*,gate.lif.*" --out v.h5 --counts counts.h5
  depth-snn simulate net.h5 a.h5 b.h5 c.h5 --threads 2 --out values    several clips, a folder

`depth-snn run` writes graph.h5 and inputs.h5. Inputs of another graph are made in Python, whole
numbers of one array for each Input, first axis frames:
  from sims.inputs_file import save_arrays
  save_arrays({"input": frames}, "in.h5")
Folders named by --out and --counts are made if they are not there. What is written is read with
sims.inputs_file.load_arrays, or any HDF5 reader.
The fast engine reads and writes a long run a few frames at a time. A run that is stopped leaves no
file and cannot be resumed, since every frame builds on those before it: start it again.
Exit status: 1 when --compare finds a difference."""

OF_ENGINE = {
    "memory": ("--memory", ("fast",)),
    "threads": ("--threads", ("fast",)),
    "counts": ("--counts", ("fast", "reference")),
    "stock": ("--stock", ("lava",)),
    "blocks": ("--blocks", ("lava",)),
    "split": ("--split", ("lava",)),
    "deadline": ("--deadline", ("lava", "loihi2")),
}
"""Options that only some engines take."""
NOT_WITH_SPLIT = {"stock": "--stock", "blocks": "--blocks"}
NOT_WITH_PLAN = {"out": "--out", "counts": "--counts", "compare": "--compare", "ports": "--ports"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("graph", type=Path, help="graph file")
    parser.add_argument("inputs", type=Path, nargs="+", help="inputs file, one for each clip")
    parser.add_argument(
        "--engine", choices=("fast", "reference", "lava", "loihi2"), default="fast",
        help="what runs the graph (default fast; loihi2 needs a board)",
    )  # fmt: skip
    parser.add_argument(
        "--overflow", choices=("strict", "chip"), default="strict",
        help="what a value outside its register does: strict refuses it (default), chip wraps it "
        "as Lava does",
    )  # fmt: skip
    parser.add_argument(
        "--ports", metavar="PATTERN,...",
        help='values to keep, by node.port: "head.*,*.membrane"; "*" is all (default: what nobody '
        "reads, such as Outputs, and the LIFs and restore gates)",
    )  # fmt: skip
    for option, help_text in (
        ("--out", "write these values (HDF5); of several clips a folder"),
        ("--counts", "write counts by node and frame (HDF5); of several clips a folder"),
        ("--compare", "values of another engine to equal"),
    ):
        parser.add_argument(option, type=Path, metavar="FILE", help=help_text)
    _add_engine_options(parser)
    add_board_options(parser)


def _add_engine_options(parser: argparse.ArgumentParser) -> None:
    """What one engine takes and others refuse."""
    parser.add_argument(
        "--memory", type=seconds, metavar="GIB",
        help="with fast: the most it may take (default: 80 %% of what is free)",
    )  # fmt: skip
    parser.add_argument(
        "--threads", type=positive, metavar="N",
        help="with fast: clips at a time, a thread each (default: as many as cores); for one clip "
        "threads of its products and large populations (default 1); no result depends on it",
    )  # fmt: skip
    parser.add_argument("--stock", action="store_true",
                        help="with lava: stock Lava processes wherever they suffice")  # fmt: skip
    parser.add_argument(
        "--blocks", choices=("apart", "leaf", "sub"),
        help="with lava: a process for each node (default), or attentions and MLPs as one process "
        "each, by a fast leaf model or by a model made of processes",
    )  # fmt: skip
    parser.add_argument(
        "--split", action="store_true",
        help="with lava: the network that loihi2 builds, without its adapters, on the CPU",
    )  # fmt: skip
    parser.add_argument("--plan", action="store_true",
                        help="only print what loihi2 would put on neurocores, and why not "
                        "the rest; needs no board")  # fmt: skip
    parser.add_argument(
        "--deadline", type=seconds, metavar="S", help="with lava, loihi2: give up after S seconds"
    )


def also_written(args: argparse.Namespace) -> list[tuple[str, Path]]:
    """Of several clips, the file of each in the folders named."""
    folders = {"--out": args.out, "--counts": args.counts}
    clips = args.inputs if len(args.inputs) > 1 else []
    return [(o, folder / c.name) for o, folder in folders.items() if folder for c in clips]


def run(args: argparse.Namespace) -> int:
    """Simulate, print counts, write and compare values."""
    _check_options(args)
    board = None if args.plan else board_of(args)  # before anything heavy is imported
    from conversion.bounds import verify
    from conversion.graph_file import load_graph
    from depth_snn.cli.simulate_clip import run_clip
    from depth_snn.cli.simulate_clips import run_clips

    graph = load_graph(args.graph)
    if args.overflow == "strict":
        verify(graph)
    if args.plan:
        return _print_plan(graph)
    if len(args.inputs) > 1:
        return run_clips(args, graph)
    return run_clip(args, graph, board)


def _check_options(args: argparse.Namespace) -> None:
    """Refuse what could not be done, before anything is read."""
    for name, (option, engines) in OF_ENGINE.items():
        if getattr(args, name) and args.engine not in engines:
            raise ConfigError(
                f"{option}: the {args.engine} engine does not take it; leave it out, or give "
                f"--engine {engines[0]}"
            )
    _check_chip_options(args)
    several = len(args.inputs) > 1
    if several and (args.engine != "fast" or args.compare):
        what = "--compare takes" if args.compare else f"--engine {args.engine} runs"
        raise ConfigError(f"{what} one clip at a time; give one inputs file")
    check = check_folder_target if several else check_file_target
    for option, path in (("--out", args.out), ("--counts", args.counts)):
        if path is not None:
            check(option, path)


def _check_chip_options(args: argparse.Namespace) -> None:
    """Refuse what a network divided between neurocores and host does not do."""
    for given, what, options in (
        (args.split, "--split", NOT_WITH_SPLIT), (args.plan, "--plan", NOT_WITH_PLAN)
    ):  # fmt: skip
        for name, option in options.items():
            if given and getattr(args, name):
                raise ConfigError(f"{option}: {what} does not take it; leave one of them out")
    if args.overflow == "chip" and (args.split or args.plan or args.engine == "loihi2"):
        what = "--split" if args.split else "--plan" if args.plan else "--engine loihi2"
        raise ConfigError(
            f"--overflow chip: {what} puts on neurocores what cannot overflow, and runs strictly; "
            "leave it out"
        )


def print_counts(counts: Any) -> None:
    """A line of sums for each node."""
    if not counts:
        print("Lava counts no events; use --engine fast or reference for counts")
        return
    widths = (8, 10, 14, 12, 12)
    head = ("spikes", "messages", "synops", "updates", "idle")
    print(f"{'node':24} " + " ".join(f"{h:>{w}}" for h, w in zip(head, widths, strict=True)))
    for name, c in counts.items():
        rows = (c.spikes, c.messages, c.synaptic_operations, c.updates_active, c.updates_idle)
        sums = (f"{int(r.sum()):>{w}}" for r, w in zip(rows, widths, strict=True))
        print(f"{name:24} " + " ".join(sums))


def _print_plan(graph: Any) -> int:
    """What `--engine loihi2` would put where; needs neither Lava nor a board."""
    from loihi.chip_plan import make_plan

    keys = [f"{node.name}.out" for node in graph.of_kind("Output")]
    for line in plan_lines(make_plan(graph, keys)):
        print(line)
    return ExitCode.OK


def done(found: dict[str, Any]) -> int:
    """Print what a comparison found; the exit code."""
    print(f"{found['mismatches']} mismatches in {found['values']} values of {found['ports']} ports")
    if found["first"]:
        print(found["first"])
    return ExitCode.ERROR if found["mismatches"] else ExitCode.OK
