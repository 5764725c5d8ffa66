"""`depth-snn simulate`: run a graph file on one engine."""

from __future__ import annotations

import argparse
import hashlib
import json
import math
from pathlib import Path
from typing import Any

from depth_snn.cli.boards import add_board_options, board_of, plan_lines
from depth_snn.cli.common import check_file_target, seconds
from depth_snn.errors import ExitCode

NAME = "simulate"
HELP = "run a graph file on the reference simulator, the fast one, or Lava"
EXAMPLE = """examples:
  depth-snn simulate out/demo/graph.h5 out/demo/inputs.h5 --engine fast --out fast.h5
  depth-snn simulate out/demo/graph.h5 out/demo/inputs.h5 --engine reference --compare fast.h5

`depth-snn run` writes graph.h5 and inputs.h5. Inputs of another graph are made in Python, whole
numbers of one array for each Input, first axis frames:
  from sims.inputs_file import save_arrays
  save_arrays({"input": frames}, "in.h5")
Exit status: 1 when --compare finds a difference."""

MAX_VALUE_BYTES = 8 * 2**30
"""Memory that the values of all nodes may take."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("graph", type=Path, help="graph file")
    parser.add_argument("inputs", type=Path, help="inputs file")
    parser.add_argument(
        "--engine", choices=("fast", "reference", "lava", "loihi2"), default="fast",
        help="what runs the graph (default fast; loihi2 needs a board)",
    )  # fmt: skip
    parser.add_argument("--stock", action="store_true",
                        help="with lava: stock Lava processes wherever they suffice")  # fmt: skip
    parser.add_argument(
        "--blocks", choices=("apart", "leaf", "sub"), default="apart",
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
    parser.add_argument("--out", type=Path, metavar="FILE", help="write every node's values (HDF5)")
    parser.add_argument(
        "--compare", type=Path, metavar="FILE", help="values of another engine to equal"
    )
    add_board_options(parser)


def run(args: argparse.Namespace) -> int:
    """Simulate, print counts, write and compare values."""
    board = None if args.plan else board_of(args)  # before anything heavy is imported
    from conversion.bounds import verify
    from conversion.graph_file import load_graph
    from sims.inputs_file import load_arrays, save_arrays

    check_file_target("--out", args.out)
    graph = load_graph(args.graph)
    verify(graph)
    if args.plan:
        return _print_plan(graph)
    inputs = load_arrays(args.inputs)
    other = load_arrays(args.compare) if args.compare else None
    _check_memory(graph, inputs)
    result = _simulate(args, graph, inputs, board)
    # In the graph's order, so that two engines print the same.
    _print_counts({n.name: result.counts[n.name] for n in graph.nodes if n.name in result.counts})
    values = dict(result.values)
    digest = hashlib.sha256(b"".join(k.encode() + values[k].tobytes() for k in sorted(values)))
    print(f"{result.frames} frames, {len(values)} ports, digest {digest.hexdigest()[:16]}")
    if args.out:
        save_arrays(values, args.out)
        print(f"wrote {args.out}")
    if other is None:
        return ExitCode.OK
    hides = args.stock or args.split or board is not None
    return _compare(values, other, hides=hides)


def _check_memory(graph: Any, inputs: Any) -> None:
    """Refuse a run whose values would not fit, before anything is computed."""
    from depth_snn.errors import EngineError

    steps = len(next(iter(inputs.values()), ())) + max(graph.lags.values())
    shown = sum(math.prod(n.output_shape(p)) for n in graph.nodes for p in n.outputs)
    if 8 * steps * shown > MAX_VALUE_BYTES:
        one = 8 * (1 + max(graph.lags.values())) * shown > MAX_VALUE_BYTES
        advice = (
            "not even one frame fits; convert a smaller network" if one else "give fewer frames"
        )
        raise EngineError(
            f"every node's values over {steps} steps take {8 * steps * shown / 2**30:.1f} GiB, "
            f"more than the limit of {MAX_VALUE_BYTES / 2**30:.0f}; {advice}"
        )


def _print_counts(counts: Any) -> None:
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


def _simulate(args: argparse.Namespace, graph: Any, inputs: Any, board: Any) -> Any:
    from depth_snn.cli.chain.engines import lava_deadline
    from depth_snn.cli.chain.witness import run_lava, run_loihi2, run_reference
    from sims.fast import simulate

    if args.engine == "fast":
        return simulate(graph, inputs)
    if args.engine == "reference":
        return run_reference(graph, inputs)
    frames = len(next(iter(inputs.values()), ()))
    deadline = args.deadline or lava_deadline(frames + max(graph.lags.values()), board)
    if board is not None:
        result, chip = run_loihi2(graph, inputs, board, deadline)
        print(json.dumps(chip["measured"]))
        return result
    return run_lava(graph, inputs, deadline, args.stock, blocks=args.blocks, split=args.split)[0]


def _compare(values: Any, other: Any, *, hides: bool) -> int:
    """Compare every port; ``hides``: some of the engine's processes do not show all of theirs."""
    from depth_snn.cli.chain.witness import compare
    from depth_snn.errors import EngineError

    common = set(values) & set(other)
    if not common:
        raise EngineError("nothing to compare: the two files have no port in common")
    shapes = [k for k in common if values[k].shape != other[k].shape]
    if shapes:
        raise EngineError(
            f"port {shapes[0]!r}: shapes {values[shapes[0]].shape} and {other[shapes[0]].shape}"
        )
    hidden = sorted(set(other) - set(values)) if hides else []
    if hidden:
        print(f"not shown by this engine and not compared: {', '.join(hidden)}")
        other = {key: other[key] for key in common}
    found = compare("this against the other", values, other, 0)
    print(f"{found['mismatches']} mismatches in {found['values']} values of {found['ports']} ports")
    if found["first"]:
        print(found["first"])
    return ExitCode.ERROR if found["mismatches"] else ExitCode.OK
