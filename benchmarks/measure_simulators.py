"""Speed of the fast simulator on a street-sized network, and its agreement with the reference.

The network has 512 tokens, width 128, 4 layers, MLP 256 and patches of 768 values, with random
weights; after a first frame that is all open, a random 15 % of the tokens are open per stage.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from conversion.graph import Graph
from depth_snn.figures import Figure, found_now, write_measurement
from sims import reference
from sims.fast import FastSimulator, simulate
from sims.result import SimResult
from tests.conformance.building import Inputs
from tests.conformance.networks import block_case

COMMAND = "python benchmarks/measure_simulators.py"
NAMES = (
    "fast_simulator_frame_ms", "fast_simulator_closed_frame_ms",
    "fast_simulator_speedup_vs_reference", "fast_simulator_mismatches",
)  # fmt: skip
PROBE = "head.out.out"
OPEN_SHARE = 0.15


def street(frames: int, share: float) -> tuple[Graph, Inputs]:
    """The network and its inputs; ``share`` of the tokens are open after frame 0."""
    graph, inputs = block_case(
        0, frames=frames, grid=(16, 32), side=4, layers=4, patch=768, heads=4, head_dim=32,
        hidden=256, classes=128,
    )  # fmt: skip
    rng = np.random.default_rng(1)
    inputs["sched"] = (rng.random(inputs["sched"].shape) < share).astype(np.int64)
    inputs["sched"][0] = 1
    inputs["drive"][:] = 0
    return graph, inputs


def frame_times_ms(graph: Graph, inputs: Inputs) -> list[float]:
    """Wall time of each frame, input checks included, one value probed."""
    simulator, times = FastSimulator(graph, [PROBE]), []
    for f in range(len(inputs["sched"])):
        start = time.perf_counter()
        simulator.step({name: array[f] for name, array in inputs.items()})
        times.append((time.perf_counter() - start) * 1e3)
    return times


def mismatches(left: SimResult, right: SimResult) -> int:
    """Number of integers in which two runs differ, over every port of both."""
    return sum(int(np.count_nonzero(left.values[k] != right.values[k])) for k in left.values)


def measure(frames: int, reference_frames: int) -> dict[str, Figure]:
    """All figures of this file."""
    graph, inputs = street(frames, OPEN_SHARE)
    frame_times_ms(graph, {name: array[:2] for name, array in inputs.items()})  # compiles
    times = frame_times_ms(graph, inputs)[1:]
    closed = frame_times_ms(*street(frames, 0.0))[1:]
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
    parser.add_argument("--frames", type=int, default=40, help="frames to time (default 40)")
    parser.add_argument(
        "--reference-frames", type=int, default=2, help="frames to compare (default 2)"
    )
    options = parser.parse_args()
    figures = measure(options.frames, options.reference_frames)
    for name, figure in figures.items():
        print(f"{name}: {figure.text()}")
    if options.json:
        write_measurement(options.json, figures)


if __name__ == "__main__":
    main()
