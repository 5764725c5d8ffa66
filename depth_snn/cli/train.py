"""`depth-snn train`: train a segmentation network by a recipe."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from depth_snn.cli.common import check_file_target, check_folder_target, count, positive
from depth_snn.errors import ConfigError, ExitCode

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from depth_snn.models.build import Network
    from depth_snn.training.clips import Clips
    from depth_snn.training.dataset import LabelledFrames
    from depth_snn.training.loop import Trainer
    from depth_snn.training.recipe import Recipe

NAME = "train"
HELP = "train a segmentation network by a recipe (a TOML file)"
EXAMPLE = """examples:
  depth-snn train tiny --out tiny.safetensors              a shipped recipe, minutes
  depth-snn train small_vit --out vit.safetensors --log runs/vit
  depth-snn train small --out small.safetensors --teacher vit.safetensors
  depth-snn train camvid --out camvid.safetensors --data CamVid
  depth-snn train small_pruned --out small_pruned.safetensors
  depth-snn train my.toml --steps 200 --out try.safetensors
  depth-snn train small_vit --start timm_vit_tiny.safetensors --out vit.safetensors

Interrupt it and run it again: it goes on from FILE.checkpoint and ends with the same weights.
Recipes that come with the project are listed by `depth-snn train --list`."""

SAVE_EVERY = 100
"""Steps between checkpoints."""
LOG_EVERY = 10
"""Steps between entries of the metrics log."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("recipe", nargs="?", metavar="RECIPE", help="name or .toml file")
    parser.add_argument("--list", action="store_true", help="list the shipped recipes and stop")
    parser.add_argument("--out", type=Path, metavar="FILE", help="weights (.safetensors)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="the data set a recipe names")
    parser.add_argument(
        "--start", metavar="NAME",
        help="weights to start from instead: shipped, a file of yours, or timm's as .safetensors",
    )  # fmt: skip
    parser.add_argument("--teacher", metavar="NAME", help="weights to learn from instead")
    parser.add_argument("--steps", type=positive, metavar="N", help="optimiser steps instead")
    parser.add_argument("--clips", type=positive, metavar="N", help="clips to paint instead")
    parser.add_argument("--batch", type=positive, metavar="N", help="frames per step instead")
    parser.add_argument("--seed", type=count, metavar="N", help="seed of the training instead")
    parser.add_argument(
        "--unseen", type=positive, default=64, metavar="N",
        help="groups of twelve frames to measure accuracy on (default 64)",
    )  # fmt: skip
    parser.add_argument("--device", default="auto", metavar="NAME", help="auto, cpu, cuda, cuda:1")
    parser.add_argument("--log", type=Path, metavar="DIR", help="metrics log for TensorBoard")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="keep painted frames here")
    parser.add_argument("--workers", type=positive, metavar="N", help="processes that paint")


def run(args: argparse.Namespace) -> int:
    """Paint or read, train, measure on unseen frames, save."""
    from depth_snn.training.recipe import load_recipe, shipped_recipes

    if args.list:
        for name in shipped_recipes():
            print(f"{name:20} {_summary(load_recipe(name))}")
        return ExitCode.OK
    if args.recipe is None or args.out is None:
        raise ConfigError("train needs a recipe and --out FILE; `--list` shows the recipes")
    if args.out.suffix != ".safetensors":
        raise ConfigError(f"--out {args.out}: expected a name that ends in .safetensors")
    check_file_target("--out", args.out)
    for option in ("log", "cache"):
        if getattr(args, option) is not None:
            check_folder_target(f"--{option}", getattr(args, option))
    recipe = _changed(load_recipe(args.recipe), args)
    model, minutes = _train(recipe, args)
    _save(model, recipe, args, minutes)
    return ExitCode.OK


def _summary(recipe: Recipe) -> str:
    net, train = recipe.network, recipe.train
    words = f"{net.kind}, {net.width}×{net.height}, {net.layers} layers of {net.dim}"
    words += f"; {train.steps} steps of {train.batch} {recipe.data.source}"
    if train.start:
        words += f", from {train.start}"
    if train.teacher:
        words += f", taught by {train.teacher}"
    if recipe.pruned:
        words += f", on pruned clips of {recipe.pruned.frames} frames"
    return words + (", through rounding" if train.quantise else "")


def _changed(recipe: Recipe, args: argparse.Namespace) -> Recipe:
    from depth_snn.training.recipe import Recipe

    plain = recipe.to_dict()
    for key in ("start", "teacher", "steps", "batch", "seed"):
        if getattr(args, key) is not None:
            plain["train"][key] = getattr(args, key)
    if args.clips is not None:
        plain["data"]["clips"] = args.clips
    return Recipe.from_dict(plain, str(args.recipe))


def _train(recipe: Recipe, args: argparse.Namespace) -> tuple[Network, float]:
    from depth_snn.cli.progress import Progress
    from depth_snn.models.weights import find_weights, load_network
    from depth_snn.training.device import choose_device, keep_memory
    from depth_snn.training.log import MetricsLog
    from depth_snn.training.loop import Callbacks

    device = choose_device(args.device)
    keep_memory()
    named = recipe.train.teacher
    teacher = load_network(find_weights(named)) if named else None
    start = _first_weights(recipe.train.start)
    with MetricsLog(args.log) as log:
        trainer = _trainer(recipe, args, start, teacher, device)
        if trainer.transferred:
            print(trainer.transferred)
        training = Progress("steps", recipe.train.steps)

        def on_step(step: int, losses: dict[str, float]) -> None:
            text = ", ".join(f"{name} {value:.3f}" for name, value in losses.items())
            training.update(step, text)
            if step % LOG_EVERY == 0:
                log.scalars({f"loss/{k}": v for k, v in losses.items()}, step)

        checkpoint = args.out.with_name(args.out.name + ".checkpoint")
        model = trainer.run(Callbacks(on_step, checkpoint, SAVE_EVERY))
        training.finish()
    return model, trainer.minutes


def _trainer(
    recipe: Recipe,
    args: argparse.Namespace,
    start: Network | dict[str, Tensor] | None,
    teacher: Network | None,
    device: torch.device,
) -> Trainer:
    from depth_snn.training.loop import Trainer
    from depth_snn.training.pruned import PrunedTrainer

    if recipe.pruned is None:
        frames = _training_frames(recipe, args)
        return Trainer(recipe, frames, start=start, teacher=teacher, device=device)
    clips = _training_clips(recipe, recipe.pruned.frames, args)
    return PrunedTrainer(recipe, clips, start=start, teacher=teacher, device=device)


def _first_weights(spec: str) -> Network | dict[str, Tensor] | None:
    """A network of this project, or whatever tensors another safetensors file holds by name."""
    from depth_snn.models.transfer import read_tensors
    from depth_snn.models.weights import find_weights, is_ours, load_network

    if not spec:
        return None
    path = find_weights(spec)
    return load_network(path) if is_ours(path) or not path.is_file() else read_tensors(path)


def _training_frames(recipe: Recipe, args: argparse.Namespace) -> LabelledFrames:
    from depth_snn.cli.progress import Progress
    from depth_snn.training.dataset import paint
    from depth_snn.training.folders import read_camvid

    if recipe.data.source == "camvid":
        return read_camvid(recipe.network, args.data, "train")
    painting = Progress("clips painted", recipe.data.clips)
    data = paint(
        recipe.network, recipe.data.clips, first_seed=recipe.data.seed * 10_000,
        workers=args.workers, cache=args.cache, progress=lambda done, _: painting.update(done),
    )  # fmt: skip
    painting.finish(f"{len(data)} frames")
    return data


def _training_clips(recipe: Recipe, frames: int, args: argparse.Namespace) -> Clips:
    from depth_snn.cli.progress import Progress
    from depth_snn.training.clips import paint_clips

    painting = Progress("clips painted", recipe.data.clips)
    clips = paint_clips(
        recipe.network, recipe.data.clips, frames, first_seed=recipe.data.seed * 10_000,
        workers=args.workers, cache=args.cache, progress=lambda done, _: painting.update(done),
    )  # fmt: skip
    painting.finish(f"{recipe.data.clips} of {frames} frames")
    return clips


def _named(recipe: Recipe) -> Recipe:
    """The recipe with networks called by name: where their files lay is nobody's business."""
    train = recipe.train
    return replace(
        recipe, train=replace(train, start=Path(train.start).stem, teacher=Path(train.teacher).stem)
    )


def _save(model: Network, recipe: Recipe, args: argparse.Namespace, minutes: float) -> None:
    """Round to what is stored, measure that, store it."""
    import torch

    from depth_snn.data.metrics import miou
    from depth_snn.models.weights import round_to_half, save_model
    from depth_snn.training.scores import score_text, unseen_scores

    round_to_half(model)
    facts = {
        "recipe": json.dumps(_named(recipe).to_dict()), "torch": torch.__version__,
        "minutes": f"{minutes:.1f}",
    }  # fmt: skip
    if recipe.data.source == "camvid":
        facts["licence"] = "trained on CamVid: non-commercial research use"
    scores = unseen_scores(
        model, clips=args.unseen, folder=args.data, workers=args.workers, cache=args.cache
    )
    for name, matrix in scores.items():
        facts[f"miou_{name}"] = f"{miou(matrix):.4f}"
        print(f"{name}: {score_text(matrix, model.config)}")
    save_model(model, args.out, facts, half=True)
    args.out.with_name(args.out.name + ".checkpoint").unlink(missing_ok=True)
    print(f"wrote {args.out} after {minutes:.1f} min of training")
