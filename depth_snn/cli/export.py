"""`depth-snn export`: turn an integer graph file into a network of another tool."""

from __future__ import annotations

import argparse
from pathlib import Path

from depth_snn.cli.common import check_file_target
from depth_snn.cli.exchange import WRITERS, function_of
from depth_snn.errors import ExitCode

NAME = "export"
HELP = "turn an integer graph file into a network of another tool"
EXAMPLE = """examples:
  depth-snn export network.h5 --to netx --out network.net
  depth-snn export network.h5 --to nir --out network.nir"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("graph", type=Path, help="graph file")
    parser.add_argument(
        "--to", dest="format", choices=sorted(WRITERS), required=True, help="format to write"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="file to write")


def run(args: argparse.Namespace) -> int:
    """Load, write, and say what the other tool will do differently."""
    from conversion.graph_file import load_graph

    check_file_target("--out", args.out)
    graph = load_graph(args.graph)
    for line in function_of(WRITERS, args.format)(graph, args.out) or ():
        print(f"note: {line}")
    print(f"wrote {args.out} ({args.out.stat().st_size / 1024:.0f} KiB)")
    return ExitCode.OK
