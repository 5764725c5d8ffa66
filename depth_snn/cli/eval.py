"""`depth-snn eval`: accuracy and compute over labelled clips."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from depth_snn.cli.common import (
    add_policy_options,
    count,
    policy_changes,
    positive,
)
from depth_snn.errors import ConfigError, EngineError, ExitCode, InputError

if TYPE_CHECKING:
    from depth_snn.cli.chain.setup import Setup

NAME = "eval"
HELP = "measure accuracy and compute of networks on labelled frames"
EXAMPLE = """examples:
  depth-snn eval --network small --scenes street,driving --seeds 3
  depth-snn eval --network small --scenes street --tau-px 0 --token-rate 0    dense
  depth-snn eval --protocol depth --seeds 5 --data CamVid --curves --out out/depth
  depth-snn eval --protocol accuracy --network small_vit,small                unseen frames
  depth-snn eval --protocol accuracy --network small --int8 --int8-frames 96
  depth-snn eval --protocol accuracy --network camvid --data CamVid"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "--protocol", choices=("stream", "accuracy", "depth"), default="stream",
        help="stream: clips through the chain (default); accuracy: dense, on unseen frames; "
        "depth: dense, irreversible and recovering streams side by side",
    )  # fmt: skip
    group = parser.add_argument_group("protocol accuracy")
    group.add_argument(
        "--clips", type=positive, metavar="N",
        help="groups of twelve frames of known and of held-out assets (default 64)",
    )  # fmt: skip
    group.add_argument(
        "--int8", action="store_true", help="also the integer graph, on the fast simulator"
    )
    group.add_argument(
        "--int8-frames", type=positive, metavar="N", help="only on the first N frames of each"
    )
    group.add_argument("--data", type=Path, metavar="DIR", help="CamVid; also of protocol depth")
    group.add_argument("--cache", type=Path, metavar="DIR", help="keep painted frames here")
    parser.add_argument(
        "--scenes", metavar="LIST",
        help="protocol stream: built-in scenes, separated by commas (default street,driving)",
    )  # fmt: skip
    parser.add_argument("--seeds", type=positive, metavar="N", help="clips of each (default 3)")
    parser.add_argument(
        "--first-seed",
        type=count,
        metavar="N",
        help="protocol stream: seed of the first clip (default 100)",
    )
    parser.add_argument(
        "--frames", type=positive, metavar="N", help="frames of each clip (default 40)"
    )
    deep = parser.add_argument_group("protocol depth")
    deep.add_argument("--out", type=Path, metavar="DIR", help="draw pictures into this folder")
    deep.add_argument("--curves", action="store_true", help="also loss against work")
    deep.add_argument("--json", type=Path, metavar="FILE", help="also write the figures measured")
    add_policy_options(parser)


HEADER = ("MACs %", "dense", "pruned", "integer", "pedestrian", "vehicle", "speed-up")
SCORES = (
    "miou_dense",
    "miou_pruned",
    "miou_integer",
    "iou_pedestrian_pruned",
    "iou_vehicle_pruned",
)

DEFAULTS: dict[str, tuple[tuple[str, ...], Any]] = {
    "clips": (("accuracy",), 64),
    "int8": (("accuracy",), False),
    "int8_frames": (("accuracy",), None),
    "cache": (("accuracy",), None),
    "data": (("accuracy", "depth"), None),
    "scenes": (("stream",), "street,driving"),
    "first_seed": (("stream",), 100),
    "seeds": (("stream", "depth"), 3),
    "frames": (("stream", "depth"), 40),
    "out": (("depth",), None),
    "curves": (("depth",), False),
    "json": (("depth",), None),
}
"""By option, the protocols that obey it, and its default there."""


def run(args: argparse.Namespace) -> int:
    """Run every clip through the chain and print one row for each scene."""
    _check_options(args)
    if args.protocol == "accuracy":
        from depth_snn.cli.accuracy import run_accuracy

        return run_accuracy(args)
    if args.protocol == "depth":
        from depth_snn.cli.depth.command import run_depth

        return run_depth(args)
    from depth_snn.cli.chain.setup import load_policy, prepare
    from depth_snn.data.frames import open_frames

    names = [name.strip() for name in args.scenes.split(",") if name.strip()]
    if not names:
        raise InputError("--scenes names no scene; expected for example street,driving")
    policy = load_policy(args.policy, args.network, **policy_changes(args))
    for name in names:  # before minutes are spent on the ones in front of it
        open_frames(f"scene:{name}", height=32, width=64, limit=1)
    setup = prepare(args.network, policy)
    print(f"{'scene':18} {'clips':>6} " + " ".join(f"{h:>10}" for h in HEADER))
    for name in names:
        seeds = range(args.first_seed, args.first_seed + args.seeds)
        rows = [_clip(setup, f"scene:{name}", seed, args.frames) for seed in seeds]
        print(
            f"{name:18} {len(rows):6d} "
            + " ".join(f"{_mean(c):>10}" for c in zip(*rows, strict=True))
        )
    print("MACs, mIoU and IoU in %, the last two of the pruned network with recovery;")
    print("speed-up is the time of dense SDPA over that of the pruned network, end to end")
    return ExitCode.OK


def _check_options(args: argparse.Namespace) -> None:
    """Refuse options that the protocol would ignore, and fill in the rest."""
    for name, (protocols, default) in DEFAULTS.items():
        given = getattr(args, name)
        if args.protocol in protocols:
            setattr(args, name, default if given is None else given)
        elif given not in (None, False):
            raise ConfigError(
                f"--{name.replace('_', '-')}: is of protocol {' and '.join(protocols)}, and "
                f"{args.protocol} ignores it; leave it out"
            )


def _clip(setup: Setup, scene: str, seed: int, frames: int) -> list[float | None]:
    """Work, scores and speed-up of one clip; None for what its frames do not show.

    Raises:
        EngineError: The integer graph's gates decided otherwise than the runtime's.
    """
    from depth_snn.cli.chain.loop import Chain, run_chain
    from depth_snn.cli.chain.record import quality_of, timing_of
    from depth_snn.data.frames import open_frames

    size = {"height": setup.config.height, "width": setup.config.width}
    source = open_frames(scene, limit=frames, seed=seed, **size)
    out = run_chain(Chain(setup, keep_inputs=0), source, frames)
    if out.gate_mismatches:
        raise EngineError(
            f"{scene} of seed {seed}: the gates of the graph differ from those of the runtime "
            f"in {out.gate_mismatches} values, so its scores say nothing"
        )
    quality, timing = quality_of(out, []), timing_of(out)
    later = out.macs[1:] or out.macs
    work = sum(sum(m.values()) for m in later) / len(later) / setup.dense_prices.dense_macs()
    scores = [100 * quality[k] if k in quality else None for k in SCORES]
    return [100 * work, *scores, timing["dense_sdpa"] / timing["pruned_end_to_end"]]


def _mean(column: Sequence[float | None]) -> str:
    known = [value for value in column if value is not None]
    return f"{sum(known) / len(known):.2f}" if known else "none"
