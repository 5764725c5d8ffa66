"""Speed of the fast simulator on the small network, and its agreement with the reference.

The camera drives, so every pixel changes in every frame; after a first frame that is all open, a
random 15 % of the tokens are open per stage, or none, and the gates get no drive.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from conversion.gates import DRIVE, FIXED, SCHED
from conversion.graph import Graph
from depth_snn.cli.chain.loop import LOGITS, PIXELS
from depth_snn.cli.chain.setup import Setup, load_policy, prepare
from depth_snn.cli.chain.witness import Inputs
from depth_snn.data.frames import open_frames
from depth_snn.figures import Figure, found_now, publish
from sims import reference
from sims.fast import FastSimulator, simulate
from sims.result import SimResult

COMMAND = "python benchmarks/measure_simulators.py"
NAMES = (
    "fast_simulator_frame_ms", "fast_simulator_closed_frame_ms",
    "fast_simulator_speedup_vs_reference", "fast_simulator_mismatches",
)  # fmt: skip
SCENE = "scene:driving"
OPEN_SHARE = 0.15


def inputs_of(setup: Setup, frames: int, share: float) -> Inputs:
    """Inputs of the graph; ``share`` of the tokens are open after frame 0."""
    config, rng = setup.config, np.random.default_rng(1)
    size = {"height": config.height, "width": config.width}
    images = [frame.rgb for frame in open_frames(SCENE, limit=frames, **size)]
    sched = (rng.random((frames, config.stages, config.tokens)) < share).astype(np.int64)
    sched[0] = 1
    return {
        PIXELS: np.stack(images).reshape(frames, -1, 3).astype(np.int64),
        SCHED: sched,
        DRIVE: np.zeros((frames, config.regions), np.int64),
        FIXED: np.full((frames, 1), setup.prices.fixed_macs(), np.int64),
    }


def frame_times_ms(graph: Graph, inputs: Inputs) -> list[float]:
    """Wall time of each frame, input checks included, one value probed."""
    simulator, times = FastSimulator(graph, [LOGITS]), []
    for f in range(len(inputs[SCHED])):
        start = time.perf_counter()
        simulator.step({name: array[f] for name, array in inputs.items()})
        times.append((time.perf_counter() - start) * 1e3)
    return times


def mismatches(left: SimResult, right: SimResult) -> int:
    """Number of integers in which two runs differ, over every port of both."""
    return sum(int(np.count_nonzero(left.values[k] != right.values[k])) for k in left.values)


def measure(network: str, frames: int, reference_frames: int) -> dict[str, Figure]:
    """All figures of this file."""
    setup = prepare(network, load_policy(None, network))
    graph, inputs = setup.graph, inputs_of(setup, frames, OPEN_SHARE)
    frame_times_ms(graph, {name: array[:2] for name, array in inputs.items()})  # compiles
    times = frame_times_ms(graph, inputs)[1:]
    closed = frame_times_ms(graph, inputs_of(setup, frames, 0.0))[1:]
    short = {name: array[:reference_frames] for name, array in inputs.items()}
    start = time.perf_counter()
    oracle = reference.simulate(graph, short).result
    middle = time.perf_counter()
    fast = simulate(graph, short)
    ratio = (middle - start) / (time.perf_counter() - middle)
    spread = (float(np.quantile(times, 0.9)) - float(np.quantile(times, 0.1))) / 2
    return {
        "fast_simulator_frame_ms": found_now(
            float(np.median(times)), unit="ms", spread=spread, command=COMMAND
        ),
        "fast_simulator_closed_frame_ms": found_now(
            float(np.median(closed)), unit="ms", command=COMMAND
        ),
        "fast_simulator_speedup_vs_reference": found_now(ratio, unit="×", command=COMMAND),
        "fast_simulator_mismatches": found_now(mismatches(oracle, fast), unit="", command=COMMAND),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--network", default="small", help="network (default small)")
    parser.add_argument("--frames", type=int, default=40, help="frames to time (default 40)")
    parser.add_argument(
        "--reference-frames", type=int, default=2, help="frames to compare (default 2)"
    )
    options = parser.parse_args()
    figures = measure(options.network, options.frames, options.reference_frames)
    publish(figures, options.json)


if __name__ == "__main__":
    main()
