"""`depth-snn convert`: turn a network into an integer graph file."""

from __future__ import annotations

import argparse
from pathlib import Path

from depth_snn.cli.common import add_policy_options, check_file_target, policy_changes
from depth_snn.errors import ExitCode

NAME = "convert"
HELP = "turn a network into an integer graph file"
EXAMPLE = """examples:
  depth-snn convert --network small --out small.h5
  depth-snn convert --network my.safetensors --calibrate clip.mp4 --out my.h5
  depth-snn convert --network small_vit --out twin.h5
  depth-snn convert --network "timm:vit_tiny_patch16_224?img_size=64" --out vit.h5"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="graph file (HDF5)")
    parser.add_argument(
        "--calibrate", metavar="INPUT",
        help="clip that fixes the integer scales (default: built-in scenes)",
    )  # fmt: skip
    add_policy_options(parser)


def run(args: argparse.Namespace) -> int:
    """Convert, save, load back, and print what came out."""
    from conversion.bounds import verify
    from conversion.graph_file import load_graph, save_graph
    from conversion.shares import share_line
    from depth_snn.cli.chain.setup import load_policy, prepare
    from depth_snn.cli.convert_softmax import has_softmax, refuse_policy, softmax_graph

    check_file_target("--out", args.out)
    if has_softmax(args.network):
        refuse_policy(args)
        made = softmax_graph(args.network, args.calibrate)
    else:
        policy = load_policy(args.policy, args.network, **policy_changes(args))
        made = prepare(args.network, policy, args.calibrate).graph
    save_graph(made, args.out)
    graph = load_graph(args.out)
    bounds = verify(graph)
    print(f"{'node':24} {'kind':16} {'runs on':10} {'shape':>16} {'bits':>5} {'lag':>4}")
    for node in graph.nodes:
        shape = "×".join(str(n) for n in node.output_shape("out"))
        bits, lag = bounds[node.name].bits, graph.lags[node.name]
        print(f"{node.name:24} {node.kind:16} {node.runs_on:10} {shape:>16} {bits:5d} {lag:4d}")
    widest = max(
        (b.bits for n, b in bounds.items() if graph.by_name[n].kind == "SigmaDelta"), default=0
    )
    steps = max(graph.lags.values())
    print(f"{len(graph.nodes)} nodes, widest sum {widest} bits of 32; a frame takes {steps} steps")
    print(share_line(graph))
    print(f"wrote {args.out} ({args.out.stat().st_size / 1024:.0f} KiB)")
    return ExitCode.OK
