"""What recovery buys: the same policy with and without it, on standing and driving streets.

Losses are in points of mIoU against the dense network on the same frames; work is executed MACs,
motion and gates included, over the dense network's. Means over clips, with half their range.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from depth_snn.cli.chain.loop import Chain, run_chain
from depth_snn.cli.chain.record import quality_of
from depth_snn.cli.chain.setup import Setup, load_policy, prepare
from depth_snn.data.frames import open_frames
from depth_snn.errors import DepthError
from depth_snn.figures import Figure, found_now, publish

COMMAND = "python benchmarks/measure_recovery.py"
SCENES = {"standing": "scene:street", "driving": "scene:driving"}
NAMES = tuple(
    f"{scene}_{what}"
    for scene in SCENES
    for what in ("macs_ratio", "macs_ratio_no_recovery", "miou_loss", "miou_loss_no_recovery")
)


def run_clip(setup: Setup, spec: str, seed: int, frames: int) -> tuple[float, float]:
    """Executed over dense MACs after the first frame, and mIoU lost in points."""
    size = {"height": setup.config.height, "width": setup.config.width}
    chain = Chain(setup, keep_inputs=0, simulate=False)
    out = run_chain(chain, open_frames(spec, limit=frames, seed=seed, **size), frames)
    out.integer_map = out.pruned_map  # the integer graph is not run here
    quality = quality_of(out, [])
    work = np.mean([sum(m.values()) for m in out.macs[1:]]) / setup.dense_prices.dense_macs()
    return float(work), 100 * (quality["miou_dense"] - quality["miou_pruned"])


def measure(network: str, seeds: int, frames: int) -> dict[str, Figure]:
    """All figures of this file."""
    setup = prepare(network, load_policy(None, network))
    off = replace(setup, policy=replace(setup.policy, recovery=False))
    found = {}
    for scene, spec in SCENES.items():
        for suffix, chosen in (("", setup), ("_no_recovery", off)):
            rows = np.array([run_clip(chosen, spec, 200 + s, frames) for s in range(seeds)])
            for column, (what, unit) in enumerate((("macs_ratio", ""), ("miou_loss", "points"))):
                found[f"{scene}_{what}{suffix}"] = found_now(
                    float(rows[:, column].mean()),
                    unit=unit,
                    spread=float(np.ptp(rows[:, column]) / 2),
                    command=COMMAND,
                )
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--network", default="small", help="network (default small)")
    parser.add_argument("--seeds", type=int, default=4, help="clips of each scene (default 4)")
    parser.add_argument("--frames", type=int, default=45, help="frames of each clip (default 45)")
    options = parser.parse_args()
    try:
        figures = measure(options.network, options.seeds, options.frames)
    except DepthError as error:
        print(f"measure_recovery: error: {error}", file=sys.stderr)
        return 1
    publish(figures, options.json)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
