"""`depth-snn train`: train the segmentation network on built-in scenes."""

from __future__ import annotations

import argparse
from pathlib import Path

from depth_snn.cli.common import check_file_target, count, positive
from depth_snn.errors import ConfigError, ExitCode

NAME = "train"
HELP = "train the segmentation network on built-in scenes"
EXAMPLE = """examples:
  depth-snn train --network street --out street.safetensors    as the shipped weights were made
  depth-snn train --network tiny --steps 300 --clips 20 --out t.safetensors

Interrupt it and run it again: it goes on from FILE.checkpoint and ends with the same weights."""

SAVE_EVERY = 100
"""Steps between checkpoints."""
HELD_OUT_SEED = 1_000_000
RECIPES = {"street": (2500, 300, 8), "tiny": (1500, 40, 16)}
"""Steps, clips of twelve frames, and batch of each shipped network."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "--network", choices=sorted(RECIPES), default="street", help="shape to train"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="weights (.safetensors)"
    )
    parser.add_argument("--steps", type=positive, metavar="N", help="optimiser steps")
    parser.add_argument(
        "--clips", type=positive, metavar="N", help="groups of twelve frames to paint"
    )
    parser.add_argument("--batch", type=positive, metavar="N", help="frames per step")
    parser.add_argument(
        "--seed", type=count, default=0, metavar="N", help="seed of weights, scenes and batches"
    )
    parser.add_argument(
        "--unseen", type=positive, default=16, metavar="N",
        help="groups of twelve frames to measure accuracy on (default 16)",
    )  # fmt: skip
    parser.add_argument("--workers", type=positive, metavar="N", help="processes that paint")


def run(args: argparse.Namespace) -> int:
    """Paint, train, measure on held-out assets, save."""
    if args.out.suffix != ".safetensors":
        raise ConfigError(f"--out {args.out}: expected a name that ends in .safetensors")
    check_file_target("--out", args.out)
    import torch

    from depth_snn.cli.progress import Progress
    from depth_snn.config import NETWORKS
    from depth_snn.data.classes import CLASS_NAMES
    from depth_snn.models.weights import save_model
    from depth_snn.training.dataset import paint
    from depth_snn.training.trainer import TrainConfig, evaluate, train

    config = NETWORKS[args.network]
    steps, clips, batch = RECIPES[args.network]
    recipe = TrainConfig(
        steps=args.steps or steps, batch=args.batch or batch, seed=args.seed,
    )  # fmt: skip
    painting = Progress("clips painted", args.clips or clips)
    data = paint(
        config, args.clips or clips, first_seed=args.seed * 10_000, workers=args.workers,
        progress=lambda done, _: painting.update(done),
    )  # fmt: skip
    painting.finish()
    training = Progress("steps", recipe.steps)
    checkpoint = args.out.with_name(args.out.name + ".checkpoint")
    model = train(
        config, data, recipe, checkpoint=checkpoint, save_every=SAVE_EVERY,
        progress=lambda step, loss: training.update(step, f"loss {loss:.3f}"),
    )  # fmt: skip
    training.finish()
    facts = {"recipe": str(recipe), "clips": str(args.clips or clips), "torch": torch.__version__}
    for assets in ("known", "heldout"):
        unseen = paint(
            config, args.unseen, first_seed=HELD_OUT_SEED, assets=assets, workers=args.workers
        )
        score, per_class = evaluate(model, unseen)
        facts[f"miou_{assets}"] = f"{score:.4f}"
        print(f"mIoU on unseen scenes of {assets} assets: {100 * score:.2f} %")
        classes = zip(CLASS_NAMES, per_class, strict=True)
        print("  " + ", ".join(f"{name} {100 * value:.1f}" for name, value in classes))
    save_model(model, args.out, facts)
    checkpoint.unlink(missing_ok=True)
    print(f"wrote {args.out}")
    return ExitCode.OK
