"""Fine-tuning with pruning in the loop against the shipped weights, at equal work.

`--weights` is what `depth-snn train small_pruned --out FILE` wrote; without it that training runs
first, minutes. Both networks are played on the same clips, standing and driving, under the policy's
pruning with recovery and under plain pruning by pixel differences without, their thresholds scaled;
the fine-tuned one's mIoU is read off its curve at the work the shipped one spends at factor 1.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from depth_snn.cli.chain.setup import load_policy
from depth_snn.cli.depth.protocol import FIRST_SEED, GROUPS, families
from depth_snn.cli.depth.score import seed_scores
from depth_snn.config import PolicyConfig
from depth_snn.errors import ConfigError, DepthError, FigureError
from depth_snn.figures import Figure, found_now, publish
from depth_snn.models.weights import find_network
from depth_snn.pruning.play import Method, Player
from depth_snn.search.clips import Clip, scene_clip

COMMAND = "python benchmarks/measure_finetune.py --weights FILE"
RECIPE, NETWORK = "small_pruned", "small"
STEPS = (0.6, 1.0, 1.6)
"""Factors of the thresholds along a curve; 1 is where the two networks are compared."""
KINDS = {"judged": "shipped policy", "plain": "pixel differences, no recovery"}
"""Families of policies by the word in a figure's name."""
NAMES = (
    "finetune_dense_gain",
    *(f"finetune_{kind}_{what}" for kind in KINDS for what in ("gain", "work")),
)  # fmt: skip
Curve = list[tuple[float, float]]


def trained(folder: Path) -> Path:
    """Weights trained now.

    Raises:
        FigureError: The training failed.
    """
    out = folder / f"{RECIPE}.safetensors"
    words = [sys.executable, "-m", "depth_snn.cli", "train", RECIPE, "--out", str(out)]
    if subprocess.run(words, check=False).returncode:
        raise FigureError(f"depth-snn train {RECIPE} failed")
    return out


def clips_of(player: Player, seeds: int, frames: int) -> list[Clip]:
    """Streets with a standing and with a driving camera."""
    scenes = (*GROUPS["static"], *GROUPS["ego"])
    every = range(FIRST_SEED, FIRST_SEED + seeds)
    return [scene_clip(scene, k, frames, player.model.config) for k in every for scene in scenes]


def score(
    player: Player, clips: Sequence[Clip], policy: PolicyConfig | None
) -> tuple[float, float]:
    """Executed ÷ dense MACs, and mIoU in percent over all clips."""
    rule = "spikes" if policy is not None and policy.recovery else "none"
    played = [player.play(clip.frames, Method("one", policy, rule)) for clip in clips]
    found = seed_scores(played, played, [() for _ in clips])
    return found.work, found.miou


def gain_at_equal_work(shipped: Curve, finetuned: Curve) -> tuple[float, float]:
    """Points of mIoU gained by fine-tuning at the work of the shipped network at factor 1.

    Args:
        shipped: Executed ÷ dense MACs and mIoU in percent at every factor of `STEPS`.
        finetuned: The same of the fine-tuned network; read between its points by straight lines.

    Returns:
        The gain, and the work it is taken at.

    Raises:
        FigureError: The fine-tuned network's curve does not reach that work.
    """
    work, miou = shipped[STEPS.index(1.0)]
    known = sorted(finetuned)
    if not known[0][0] <= work <= known[-1][0]:
        raise FigureError(
            f"the shipped network spends {100 * work:.1f} % of dense, the fine-tuned one from "
            f"{100 * known[0][0]:.1f} to {100 * known[-1][0]:.1f} %: not comparable at equal work"
        )
    return float(np.interp(work, *zip(*known, strict=True))) - miou, work


def measure(weights: Path, seeds: int, frames: int) -> dict[str, Figure]:
    """Figures by name."""
    players = [Player(find_network(str(name))) for name in (NETWORK, weights)]
    if players[0].model.config != replace(players[1].model.config, name=NETWORK):
        raise FigureError(
            f"{weights}: its shape or regions are not those of {NETWORK}; train it anew with "
            f"`depth-snn train {RECIPE} --out FILE`"
        )
    clips, policy = clips_of(players[0], seeds, frames), load_policy(None, NETWORK)
    dense = [score(player, clips, None)[1] for player in players]
    found = {"finetune_dense_gain": (dense[1] - dense[0], "points")}
    for kind, family in KINDS.items():
        curves = [[score(player, clips, p) for p in families(policy, STEPS)[family]]
                  for player in players]  # fmt: skip
        gain, work = gain_at_equal_work(*curves)
        found[f"finetune_{kind}_gain"] = (gain, "points")
        found[f"finetune_{kind}_work"] = (100 * work, "%")
    return {name: found_now(v, unit=u, command=COMMAND) for name, (v, u) in found.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--weights", type=Path, help="fine-tuned weights; without, train them now")
    parser.add_argument("--seeds", type=int, default=4, help="streets of each camera (default 4)")
    parser.add_argument("--frames", type=int, default=40, help="frames of each clip (default 40)")
    options = parser.parse_args()
    try:
        if options.seeds < 1 or options.frames < 2:
            raise ConfigError(
                f"--seeds {options.seeds} --frames {options.frames}: expected 1 street or more of "
                "2 frames or more"
            )
        with tempfile.TemporaryDirectory() as folder:
            weights = options.weights or trained(Path(folder))
            figures = measure(weights, options.seeds, options.frames)
    except DepthError as error:
        print(f"measure_finetune: error: {error}", file=sys.stderr)
        return 1
    publish(figures, options.json)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
