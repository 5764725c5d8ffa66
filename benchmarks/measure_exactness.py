"""How far the pruned stream is from the dense network when every threshold is zero."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from depth_snn.config import PolicyConfig
from depth_snn.data.frames import open_frames
from depth_snn.figures import Figure, found_now, write_measurement
from depth_snn.models.weights import find_network
from depth_snn.pruning.decide import Decider
from depth_snn.pruning.prices import prices_of
from depth_snn.pruning.stream import PrunedStream, new_state

COMMAND = "python benchmarks/measure_exactness.py"
NAMES = ("dense_equals_pruned_max_abs",)
ZERO = PolicyConfig(tau_px=0, tau_stale=0, token_rate=(0.0,), recovery=False)


def largest_difference(network: str, scene: str, frames: int) -> float:
    """Largest absolute difference of the logits over a scene."""
    model = find_network(network)
    config = model.config
    decider = Decider(config, ZERO, prices_of(config, scored=False))
    stream, state, differences = PrunedStream(model, scored=False), new_state(config), []
    for frame in open_frames(scene, height=config.height, width=config.width, limit=frames):
        decision = decider.decide(frame.rgb, None)
        assert decision.restored.open.all(), "zero thresholds compute every token"
        pruned = stream.step(decision.windows, decision.restored.open, state)
        with torch.inference_mode():
            dense = model(torch.from_numpy(decision.windows)[None].float(), "linear")[0]
        differences.append(float((pruned - dense).abs().max()))
    return float(np.max(differences))  # unlike max(), it does not lose a NaN


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--network", default="street", help="network (default street)")
    parser.add_argument("--frames", type=int, default=20, help="frames (default 20)")
    options = parser.parse_args()
    worst = largest_difference(options.network, "scene:driving", options.frames)
    figures: dict[str, Figure] = {NAMES[0]: found_now(worst, unit="", command=COMMAND)}
    print(f"{NAMES[0]}: {figures[NAMES[0]].text()} over {options.frames} frames")
    if options.json:
        write_measurement(options.json, figures)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
