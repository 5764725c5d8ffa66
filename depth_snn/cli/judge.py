"""`depth-snn judge`: train the judge that drives the recovery gates of a network."""

from __future__ import annotations

import argparse
from pathlib import Path

from depth_snn.cli.common import check_file_target, count, positive
from depth_snn.errors import ConfigError, ExitCode

NAME = "judge"
HELP = "train what drives the recovery gates, against the true error of pruned output"
EXAMPLE = """examples:
  depth-snn judge small --out judge.safetensors          a few minutes
  depth-snn judge my_network.safetensors --out my_judge.safetensors --clips 60

The network's streams are pruned on scenes that no network has seen; a judge of three layers learns
how far every token's shown result is from the dense one, and the neuron behind it when that is
worth a restore. A policy names the judge: judge = "judge.safetensors", [gate] drive = "change"."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("network", metavar="NETWORK", help="shipped name, or a weights file")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="(.safetensors)")
    parser.add_argument("--clips", type=positive, default=200, metavar="N", help="default 200")
    parser.add_argument("--steps", type=positive, default=4000, metavar="N", help="default 4000")
    parser.add_argument("--seed", type=count, default=0, metavar="N", help="of the training")


def run(args: argparse.Namespace) -> int:
    """Train, write, and say how good the judge is on clips it has not seen."""
    from depth_snn.cli.progress import Progress
    from depth_snn.models.weights import find_network
    from depth_snn.recovery.judge_file import save_judge
    from depth_snn.training.judge import JudgeRecipe, make_judge_weights

    if args.out.suffix != ".safetensors":
        raise ConfigError(f"--out {args.out}: expected a name ending in .safetensors")
    check_file_target("--out", args.out)
    model = find_network(args.network)
    progress = Progress("clips", args.clips)
    recipe = JudgeRecipe(clips=args.clips, steps=args.steps, seed=args.seed)
    weights, found = make_judge_weights(model, recipe, progress.update)
    progress.finish()
    save_judge(weights, {"network": model.config.name, **found}, args.out)
    print(f"wrote {args.out}")
    print(f"correlation with the true error on unseen clips: {found['correlation']:.3f}")
    print(f"of that error in the worst fifth of the tokens:  {100 * found['caught']:.1f} %")
    print(f"  by pixel differences {100 * found['caught_by_pixels']:.1f} %,"
          f" if it were known {100 * found['caught_at_best']:.1f} %")  # fmt: skip
    print(
        f"trained neuron: beta {found['beta']:.3f}, threshold {found['threshold']:.3f},"
        f" weight of a grey level {found['pixel_weight']:.4f}"
    )
    return ExitCode.OK
