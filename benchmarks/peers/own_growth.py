"""Our engine on a random recurrent network in a process of its own, so that its memory is known."""

from __future__ import annotations

import resource
import time

import numpy as np
from serve import serve

from benchmarks.random_network import make_random
from sims.fast import FastSimulator


def grow(neurons: int, fan_out: int, steps: int, mean_drive: int, runs: int) -> dict[str, float]:
    """Build, run once to warm up, then time some runs of ``steps`` steps that follow each other.

    Returns:
        Median seconds of a run, its spikes, and the largest memory the process ever held, in GiB.
    """
    network = make_random(neurons, fan_out, mean_drive)
    simulator = FastSimulator(network.graph(), (), threads=1)
    frames = {"drive": np.tile(network.drive, (steps, 1))}
    simulator.run(frames)
    seconds = []
    for _ in range(runs):
        begin = time.perf_counter()
        simulator.run(frames)
        seconds.append(time.perf_counter() - begin)
    spikes = np.asarray(simulator.counts["lif"].spikes)[steps:].sum() / runs
    return {
        "seconds": float(np.median(seconds)),
        "spikes": float(spikes),
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


if __name__ == "__main__":
    serve({"grow": grow})
