"""`depth-snn place`: does a graph fit a target, on how many cores, and how long are the ways."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from depth_snn.cli.common import check_file_target, count
from depth_snn.cli.overlap import beside
from depth_snn.errors import ConfigError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conversion.graph import Graph
    from loihi.placing.place import Placed
    from loihi.target import Target

NAME = "place"
HELP = "place a graph file on the cores of a Loihi, under every limit of it"
EXAMPLE = """examples:
  depth-snn place small.h5 --target hala_point --out placement.json
  depth-snn place small.h5 --target mine.toml --mapping serial
  depth-snn place small.h5 --target hala_point --traffic out/street/run.h5
  depth-snn place --targets

The graph is checked against the target first, as `depth-snn check --target` does. Everything
printed is modelled (docs/placement.md)."""
DEFAULT_TARGET = "loihi2"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("graph", type=Path, nargs="?", help="graph file")
    parser.add_argument("--target", default=DEFAULT_TARGET, metavar="NAME|FILE",
                        help="shipped name or TOML file (default loihi2)")  # fmt: skip
    parser.add_argument("--targets", action="store_true",
                        help="list the shipped targets, every limit with its source")  # fmt: skip
    parser.add_argument("--mapping", choices=("spatial", "serial"), default="spatial",
                        help="a neuron for every token and channel (default), or one for every "
                        "channel that serves the tokens in turn")  # fmt: skip
    parser.add_argument("--seed", type=count, default=0, help="of the search for places")
    parser.add_argument("--traffic", type=Path, metavar="RUN",
                        help="messages of a run: run.h5, or counts of simulate --counts "
                        "(default: one from each neuron)")  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the placement (JSON)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what is printed as JSON")


def also_read(args: argparse.Namespace) -> list[Path]:
    """What belongs to the run of --traffic."""
    return beside(args.traffic) if args.traffic else []


def run(args: argparse.Namespace) -> int:
    """List targets, or check and place."""
    if args.targets:
        _list_targets()
        return int(ExitCode.OK)
    if args.graph is None:
        raise ConfigError("give a graph file to place, or --targets")
    check_file_target("--out", args.out)
    check_file_target("--json", args.json)
    return _place(args)


def _place(args: argparse.Namespace) -> int:
    from conversion.graph_file import load_graph
    from conversion.placement_file import save_placement
    from loihi.placing.place import place
    from loihi.preflight import preflight
    from loihi.target import load_target

    graph, target = load_graph(args.graph), load_target(args.target)
    preflight(graph, target, mapping=args.mapping).refuse()
    messages = messages_of(args.traffic, graph) if args.traffic else {}
    start = time.perf_counter()
    placed = place(graph, target, mapping=args.mapping, seed=args.seed, messages=messages)
    spent = time.perf_counter() - start
    facts = _facts(graph, target, placed, messages, args)
    _print(facts)
    print(f"placed in {spent:.1f} s")
    if args.out:
        print(f"wrote {save_placement(placed.placement, args.out)}")
    if args.json:
        import json

        from depth_snn.figures import write_text

        write_text(args.json, json.dumps(facts, indent=1) + "\n")
    return int(ExitCode.OK)


def messages_of(path: Path, graph: Graph) -> dict[str, float]:
    """Messages and spikes per frame by node, of a run of either kind.

    Raises:
        ConfigError: The run is of another graph.
    """
    from sims.counted_run import is_counts_file, load_counted_run
    from sims.record_file import load_record

    run = load_counted_run(path, graph) if is_counts_file(path) else load_record(path)
    found = {
        name: float(node.events_sent[run.steady].mean())
        for name, node in run.counts.items()
        if node.runs_on == "neurocore" and node.neurons
    }
    strangers = sorted(set(found) - set(graph.by_name))
    if strangers:
        raise ConfigError(f"{path}: counts node {strangers[0]!r}, which the graph does not have")
    return found


def _facts(
    graph: Graph, target: Target, placed: Placed, messages: Mapping[str, float], args: Any
) -> dict[str, Any]:
    from loihi.placing.place import MAPPINGS, place, place_first_fit
    from loihi.placing.summary import BASELINE, row_of

    rows = [row_of(graph, placed, "placed")]
    tries = [(BASELINE, lambda: place_first_fit(
        graph, target, mapping=args.mapping, messages=messages))]  # fmt: skip
    other = next(m for m in MAPPINGS if m != args.mapping)
    tries.append(("placed", lambda: place(
        graph, target, mapping=other, seed=args.seed, messages=messages)))  # fmt: skip
    for how, attempt in tries:
        mapping = other if how == "placed" else args.mapping
        rows.append(_row_or_reason(graph, attempt, how, mapping))
    return {
        "graph": graph.name, "target": target.name, "mapping": args.mapping, "seed": args.seed,
        "traffic": str(args.traffic) if args.traffic else "one message from each neuron",
        "rows": rows,
    }  # fmt: skip


def _row_or_reason(graph: Graph, attempt: Any, how: str, mapping: str) -> dict[str, Any]:
    from depth_snn.errors import GraphError
    from loihi.placing.summary import row_of

    try:
        return row_of(graph, attempt(), how)
    except GraphError as error:
        return {"how": how, "mapping": mapping, "refused": str(error)}


def _print(facts: Mapping[str, Any]) -> None:
    from loihi.placing.summary import text_of

    print(f"{facts['graph']} on {facts['target']}, modelled; traffic: {facts['traffic']}")
    print(text_of(facts["rows"]))


def _list_targets() -> None:
    from loihi.target import load_target, shipped_targets

    for name in shipped_targets():
        target = load_target(name)
        print(f"{name}: {target.title}, {target.cores} cores")
        for limit in target.limits.values():
            value = "unknown" if limit.value is None else f"{limit.value} {limit.unit}"
            usual = " (usual, not a bound)" if limit.usual else ""
            print(f"  {limit.name:28} {value:>18}  {limit.source}{usual}")
