"""`depth-snn import`: turn a network of another tool into an integer graph file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from depth_snn.cli.common import check_file_target, positive, seconds
from depth_snn.cli.exchange import READERS, function_of
from depth_snn.errors import ConfigError, ExitCode

NAME = "import"
HELP = "turn a network of another tool into an integer graph file"
EXAMPLE = """examples:
  depth-snn import network.net --from netx --out network.h5
  depth-snn import network.net --from netx --reset-every 17 --out network.h5
  depth-snn import model.nir --from nir --convention snntorch --out network.h5"""

OPTIONS: dict[str, tuple[str, ...]] = {
    "netx": ("as_netx", "layers", "reset_every"),
    "nir": ("convention", "dt", "reset", "input_range", "input_unit", "exact"),
}
"""Options of each format; those of another are refused."""


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
        "--layers", type=positive, metavar="N", help="with netx: only the first N layers"
    )
    parser.add_argument(
        "--reset-every", type=int, default=0, metavar="K",
        help="with netx: frames between two resets of all potentials (default: never)",
    )  # fmt: skip
    _add_nir(parser)


def _add_nir(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--convention", choices=("snntorch", "norse", "nir"),
        help="with nir: who wrote the file, so what its numbers mean for a step",
    )  # fmt: skip
    parser.add_argument("--dt", type=seconds, metavar="S", help="with nir: seconds of a step")
    parser.add_argument(
        "--reset", choices=("zero", "subtract", "subtract_late"),
        help="with nir: what a spike does to the potential (default: as the library's own)",
    )  # fmt: skip
    parser.add_argument(
        "--input-range", type=int, nargs=2, metavar=("LO", "HI"),
        help="with nir: integers presented to an input (default: 0 1)",
    )  # fmt: skip
    parser.add_argument(
        "--input-unit",
        type=seconds,
        metavar="X",
        help="with nir: value of the integer 1 (default 1)",
    )
    parser.add_argument(
        "--exact", action="store_true", help="with nir: refuse whatever would have to be rounded"
    )


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
    kept = graph.meta.get("nir", {})
    for line in (*kept.get("notes", ()), *kept.get("limits", ())):
        print(f"note: {line}")
    print(f"{len(graph.nodes)} nodes; a frame takes {max(graph.lags.values())} steps")
    print(f"wrote {args.out} ({args.out.stat().st_size / 1024:.0f} KiB)")
    return ExitCode.OK


def _options(args: argparse.Namespace) -> dict[str, Any]:
    for name, keys in OPTIONS.items():
        wrong = next((key for key in keys if getattr(args, key)), None)
        if name != args.format and wrong:
            raise ConfigError(
                f"--{wrong.replace('_', '-')} is for --from {name} only; leave it out"
            )
    return {key: getattr(args, key) for key in OPTIONS[args.format]}
