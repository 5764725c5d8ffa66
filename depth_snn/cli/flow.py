"""`depth-snn flow`: train RAFT-small on scenes, and compare the motion sources."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from depth_snn.cli.common import check_file_target, count, positive
from depth_snn.errors import ConfigError, ExitCode

NAME = "flow"
HELP = "train RAFT-small on built-in scenes, and measure the motion sources"
EXAMPLE = """examples:
  depth-snn flow                                   endpoint error of the built-in sources
  depth-snn flow --train --steps 2000 --out raft.safetensors
  depth-snn flow --raft raft.safetensors           and of trained RAFT
  depth-snn run clip.mp4 --motion raft:raft.safetensors"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--train", action="store_true", help="train RAFT-small, then measure it")
    parser.add_argument("--steps", type=positive, default=2000, metavar="N", help="default 2000")
    parser.add_argument("--batch", type=positive, default=2, metavar="N", help="pairs a step")
    parser.add_argument("--seed", type=count, default=0, metavar="N", help="of the training")
    parser.add_argument("--out", type=Path, metavar="FILE", help="weights (.safetensors)")
    parser.add_argument("--raft", type=Path, metavar="FILE", help="trained weights to measure")
    parser.add_argument("--pairs", type=positive, default=48, metavar="N", help="pairs to measure")
    parser.add_argument("--network", default="small", metavar="NAME", help="size of the frames")


def run(args: argparse.Namespace) -> int:
    """Train if asked to, then print a row for every source."""
    from depth_snn.models.weights import find_network
    from depth_snn.motion.base import MotionSource
    from depth_snn.motion.sources import make_source
    from depth_snn.training.flow import flow_errors

    if args.train:
        if args.out is None or args.out.suffix != ".safetensors":
            raise ConfigError("flow --train needs --out FILE.safetensors")
        check_file_target("--out", args.out)
        _train(args)
    config = find_network(args.network).config
    names = ["dis", "patch"]
    trained = args.out if args.train else args.raft
    if trained is not None:
        names.append(f"raft:{trained}")
    sources: dict[str, MotionSource] = {name: make_source(name, config) for name in names}
    print(f"endpoint error on unseen streets, {args.pairs} pairs, pixels")
    for assets in ("known", "heldout"):
        found = flow_errors(sources, config, pairs=args.pairs, assets=assets)
        print(f"{assets:8} " + ", ".join(f"{name} {value:.2f}" for name, value in found.items()))
    return ExitCode.OK


def _train(args: argparse.Namespace) -> None:
    from safetensors.torch import save_file

    from depth_snn.cli.progress import Progress
    from depth_snn.training.flow import train_raft

    progress = Progress("steps", args.steps)
    model = train_raft(
        steps=args.steps, batch=args.batch, seed=args.seed,
        on_step=lambda step, loss: progress.update(step, f"loss {loss:.2f}"),
    )  # fmt: skip
    progress.finish()
    temporary = args.out.with_name(f".{args.out.name}.{os.getpid()}.tmp")
    try:
        save_file(
            {k: v.contiguous() for k, v in model.state_dict().items()}, temporary,
            metadata={"trained_on": "scenes", "steps": str(args.steps)},
        )  # fmt: skip
        os.replace(temporary, args.out)
    finally:
        temporary.unlink(missing_ok=True)
    print(f"wrote {args.out}")
