"""With every threshold at zero the pruned stream is the dense network; with real ones it is less.

Both are the same weights. What differs is which tokens are computed and which are reused.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from depth_snn.config import PolicyConfig
from depth_snn.data.frames import open_frames
from depth_snn.models.weights import find_network
from depth_snn.pruning.pipeline import Pipeline
from depth_snn.pruning.prices import prices_of
from depth_snn.recovery.judge_file import make_judge

FRAMES = 10
TOLERANCE = 1e-5
"""Sums of the same numbers in another order; logits are of the size of 10."""


def run(policy: PolicyConfig) -> tuple[float, float]:
    """Largest difference from the dense network, and the share of tokens computed."""
    model = find_network("tiny")
    config = model.config
    prices = prices_of(config, scored=policy.cuts_tokens)
    pipeline = Pipeline(model, policy, prices, make_judge(policy.judge, config))
    differences, computed = [], []
    for frame in open_frames(
        "scene:driving", height=config.height, width=config.width, limit=FRAMES
    ):
        step = pipeline.step(frame.rgb)
        picture = torch.from_numpy(frame.rgb)[None].permute(0, 3, 1, 2).float()
        with torch.inference_mode():
            dense = model(picture, "linear")[0]
        differences.append(float(np.abs(step.logits - dense.numpy()).max()))
        computed.append(step.decision.restored.open.mean())
    return float(np.max(differences)), float(np.mean(computed))


def main() -> None:
    zero = PolicyConfig(tau_px=0, tau_stale=0, token_rate=(0.0,), recovery=False)
    exact, everything = run(zero)
    print(f"thresholds 0:       {everything:.0%} of tokens computed, differs by {exact:.1e}")
    loose, some = run(replace(PolicyConfig(), tau_px=2.0, tau_stale=10.0))
    print(f"thresholds 2 px/10: {some:.0%} of tokens computed, differs by {loose:.1e}")
    assert everything == 1 and exact <= TOLERANCE
    assert some < 1 and loose > exact


if __name__ == "__main__":
    main()
