"""`depth-snn convert`: turn a network into an integer graph file."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from depth_snn.cli.common import (
    add_policy_options,
    check_file_target,
    policy_changes,
    positive,
    seconds,
)
from depth_snn.cli.thresholds import add_thresholds_option, read_thresholds, told_of
from depth_snn.errors import ConfigError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from conversion.bounds import Bound
    from conversion.graph import Graph
    from conversion.quant_config import QuantConfig
    from depth_snn.cli.chain.setup import Setup

NAME = "convert"
HELP = "turn a network into an integer graph file"
EXAMPLE = """examples:
  depth-snn convert --network small --out small.h5
  depth-snn convert --network my.safetensors --calibrate clip.mp4 --out my.h5
  depth-snn convert --network small --thresholds 4 --out quiet.h5
  depth-snn convert --network small_vit --out twin.h5
  depth-snn convert --network "timm:vit_tiny_patch16_224?img_size=64" --out vit.h5
  depth-snn convert --network tiny --errors --clips 2 --out tiny.h5    what each pass costs"""

TUNE_ERROR, TUNE_FRAMES = 1.0, 12
"""Defaults of ``--tune-error`` and ``--tune-frames``."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="graph file (HDF5)")
    parser.add_argument(
        "--calibrate", metavar="INPUT",
        help="clip that fixes the integer scales (default: built-in scenes)",
    )  # fmt: skip
    add_thresholds_option(parser)
    parser.add_argument(
        "--tune", type=Path, metavar="FILE",
        help="find thresholds on built-in scenes, write them here, and use them",
    )  # fmt: skip
    parser.add_argument(
        "--tune-error", type=seconds, metavar="PERCENT",
        help="pixels that may change their class by --tune (default 1)",
    )  # fmt: skip
    parser.add_argument(
        "--tune-frames", type=positive, metavar="N",
        help="frames of each scene that --tune plays again and again (default 12)",
    )  # fmt: skip
    parser.add_argument(
        "--errors", action="store_true", help="also the error after each pass, in LSB and in mIoU"
    )
    parser.add_argument(
        "--clips", type=positive, metavar="N",
        help="groups of twelve scene frames that errors are measured on (default 1)",
    )  # fmt: skip
    add_policy_options(
        parser,
        "shipped weights (small, street, camvid, tiny, small_vit), timm:NAME of a vision "
        "transformer, or a file",
    )


def run(args: argparse.Namespace) -> int:
    """Convert, save, load back, and print what came out."""
    from conversion.bounds import verify
    from conversion.convert import PASSES
    from conversion.graph_file import load_graph, save_graph
    from conversion.shares import share_line
    from depth_snn.cli.progress import Progress

    check_file_target("--out", args.out)
    _check_options(args)
    made: dict[str, Graph] = {}
    progress, start = Progress("passes", len(PASSES)), time.perf_counter()

    def watch(name: str, graph: Graph) -> None:
        made[name] = graph
        progress.update(len(made), name)

    setup = _converted(args, watch)
    spent = time.perf_counter() - start
    progress.finish()
    save_graph(_tuned(setup, args) if args.tune and setup else made[PASSES[-1]], args.out)
    graph = load_graph(args.out)
    _print_nodes(graph, verify(graph))
    print(share_line(graph))
    print(f"converted in {spent:.1f} s, weights and calibration frames included")
    print(f"wrote {args.out} ({args.out.stat().st_size / 1024:.0f} KiB)")
    if args.errors:
        _print_errors(made, args.clips or 1)
    return ExitCode.OK


def _converted(args: argparse.Namespace, watch: Callable[[str, Graph], None]) -> Setup | None:
    """Run every pass, telling ``watch``; None for a network with softmax, which has no gates."""
    from conversion.quant_config import QuantConfig

    quant = QuantConfig(threshold=read_thresholds(args.thresholds))
    with told_of(args.thresholds):
        return _graph_or_setup(args, watch, quant)


def _graph_or_setup(
    args: argparse.Namespace, watch: Callable[[str, Graph], None], quant: QuantConfig
) -> Setup | None:
    from depth_snn.cli.chain.setup import load_policy, prepare
    from depth_snn.cli.convert_softmax import has_softmax, refuse_policy, softmax_graph

    if has_softmax(args.network):
        refuse_policy(args)
        softmax_graph(args.network, args.calibrate, quant, watch)
        return None
    policy = load_policy(args.policy, args.network, **policy_changes(args))
    if args.errors:
        _check_classes(args.network)
    return prepare(args.network, policy, args.calibrate, quant, watch)


def _print_nodes(graph: Graph, bounds: Mapping[str, Bound]) -> None:
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


def _check_options(args: argparse.Namespace) -> None:
    for option, value, needed in (
        ("--tune-error", args.tune_error, "tune"), ("--tune-frames", args.tune_frames, "tune"),
        ("--clips", args.clips, "errors"),
    ):  # fmt: skip
        if value is not None and not getattr(args, needed):
            raise ConfigError(f"{option}: does nothing without --{needed}; give both or neither")
    check_file_target("--tune", args.tune)
    if args.tune and args.thresholds:
        raise ConfigError("--tune finds thresholds, --thresholds gives them; choose one of both")
    if args.tune_frames is not None and args.tune_frames < 2:
        raise ConfigError(
            f"--tune-frames {args.tune_frames}: the first frame is not measured; give 2 or more"
        )


def _tuned(setup: Setup, args: argparse.Namespace) -> Graph:
    """The graph under the thresholds that are found, which are written too."""
    from conversion.passes.set_thresholds import set_thresholds
    from depth_snn.cli.chain.tuning import tune, tuning_clips
    from depth_snn.cli.thresholds import write_thresholds

    clips = tuning_clips(setup, args.tune_frames or TUNE_FRAMES)
    found = tune(setup.graph, clips, args.tune_error or TUNE_ERROR)
    print(f"{'synaptic operations':>20} {'pixels changed':>16}")
    for setting in found:
        print(f"{100 * setting.measured.work:18.1f} % {setting.measured.error:14.2f} %")
    last = found[-1]
    words = (
        f"Thresholds of {setup.graph.name}, found by `depth-snn convert --tune`: "
        f"{100 * last.measured.work:.1f} % of the synaptic\noperations that threshold 0 takes, "
        f"and {last.measured.error:.2f} % of the pixels in another class."
    )
    write_thresholds(args.tune, last.thresholds, words)
    print(f"wrote {args.tune}")
    return set_thresholds(setup.graph, last.thresholds)


def _check_classes(network: str) -> None:
    """Refuse ``--errors`` for a network of other classes than the scenes', before any work."""
    from depth_snn.data.classes import CLASS_NAMES
    from depth_snn.models.weights import find_network

    found = find_network(network).config.classes
    if found != len(CLASS_NAMES):
        raise ConfigError(
            f"--errors: {network} has {found} classes, but mIoU is measured on built-in scenes, "
            f"which have {len(CLASS_NAMES)}; benchmarks/measure_conversion.py measures CamVid's"
        )


def _print_errors(made: dict[str, Graph], clips: int) -> None:
    from depth_snn.cli.chain.pass_table import PassTable
    from depth_snn.config import NetworkConfig

    table = PassTable(NetworkConfig.from_dict(made["build"].meta["network"]), made)
    for line in table.lines(clips):
        print(line, flush=True)
