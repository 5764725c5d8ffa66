"""`depth-snn import`: turn a network of another tool into an integer graph file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from depth_snn.cli.common import check_file_target
from depth_snn.cli.exchange import READERS, function_of
from depth_snn.errors import ConfigError, ExitCode

NAME = "import"
HELP = "turn a network of another tool into an integer graph file"
EXAMPLE = """examples:
  depth-snn import network.net --from netx --out network.h5
  depth-snn import network.net --from netx --reset-every 17 --out network.h5"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("file", type=Path, help="network of the other tool")
    parser.add_argument(
        "--from", dest="format", choices=sorted(READERS), required=True, help="its format"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="graph file (HDF5)")
    parser.add_argument(
        "--as-netx", action="store_true",
        help="with netx: do what lava-dl's netx does where it is wrong, to reproduce its outputs",
    )  # fmt: skip
    parser.add_argument(
        "--layers", type=int, metavar="N", help="with netx: only the first N layers"
    )
    parser.add_argument(
        "--reset-every", type=int, default=0, metavar="K",
        help="with netx: frames between two resets of all potentials (default: never)",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Read, verify, save, and print what came in."""
    from conversion.bounds import verify
    from conversion.graph_file import load_graph, save_graph

    check_file_target("--out", args.out)
    graph = function_of(READERS, args.format)(args.file, **_options(args))
    bounds = verify(graph)
    save_graph(graph, args.out)
    graph = load_graph(args.out)
    print(f"{'node':24} {'kind':12} {'runs on':10} {'shape':>12} {'bits':>5} {'lag':>4}")
    for node in graph.nodes:
        shape = "×".join(str(n) for n in node.output_shape("out"))
        bits, lag = bounds[node.name].bits, graph.lags[node.name]
        print(f"{node.name:24} {node.kind:12} {node.runs_on:10} {shape:>12} {bits:5d} {lag:4d}")
    print(f"{len(graph.nodes)} nodes; a frame takes {max(graph.lags.values())} steps")
    print(f"wrote {args.out} ({args.out.stat().st_size / 1024:.0f} KiB)")
    return ExitCode.OK


def _options(args: argparse.Namespace) -> dict[str, Any]:
    given = {"as_netx": args.as_netx, "layers": args.layers, "reset_every": args.reset_every}
    if args.format != "netx":
        wrong = next((key for key, value in given.items() if value), None)
        if wrong:
            raise ConfigError(f"--{wrong.replace('_', '-')} is for --from netx only; leave it out")
        return {}
    if args.layers is not None and args.layers < 1:
        raise ConfigError(f"--layers {args.layers}: give 1 or more")
    return given
