"""Frames per second of the fast simulator on a clip of the small network, under its own policy.

The shipped policy decides what is computed of scene:driving, so tokens are open as in
`depth-snn run`; only the integer graph is timed, input checks and the keeping of values included.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from conversion.graph_file import load_graph, save_graph
from depth_snn.cli.simulate_ports import telling_ports
from depth_snn.figures import Figure, FigureError, found_now, publish
from sims.fast import stream
from sims.inputs_file import load_arrays, save_arrays

COMMAND = "python benchmarks/measure_simulate.py"
NAMES = ("small_frames_per_s", "small_simulate_peak_mib")
SCENE = "scene:driving"
RUNS = 3


def write_clip(network: str, frames: int, folder: Path) -> None:
    """Graph and inputs of a clip, as `depth-snn run` would make them."""
    # Here, so that the timed process holds no torch.
    from depth_snn.cli.chain.engines import record_inputs
    from depth_snn.cli.chain.setup import load_policy, prepare
    from depth_snn.cli.chain.witness import stack_inputs
    from depth_snn.data.frames import open_frames

    setup = prepare(network, load_policy(None, network))
    size = {"height": setup.config.height, "width": setup.config.width}
    pictures = [frame.rgb for frame in open_frames(SCENE, limit=frames, **size)]
    save_graph(setup.graph, folder / "graph.h5")
    save_arrays(stack_inputs(record_inputs(setup, pictures)), folder / "inputs.h5")


def timed(folder: Path) -> tuple[list[float], float]:
    """Frames per second of each run, and the most memory this process ever took, MiB."""
    graph, inputs = load_graph(folder / "graph.h5"), load_arrays(folder / "inputs.h5")
    ports = list(telling_ports(graph, ()))
    frames = len(next(iter(inputs.values())))
    rows = [{name: array[f] for name, array in inputs.items()} for f in range(frames)]
    stream(graph, rows[:2], lambda *_: None, probes=ports)  # compiles
    speeds = []
    for _ in range(RUNS):
        start = time.perf_counter()
        stream(graph, rows, lambda *_: None, probes=ports)
        speeds.append(frames / (time.perf_counter() - start))
    return speeds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(network: str, frames: int) -> dict[str, Figure]:
    """All figures of this file; the runs have a process of their own, for their memory's sake."""
    with tempfile.TemporaryDirectory() as name:
        write_clip(network, frames, Path(name))
        words = [sys.executable, __file__, "--timed", name]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise FigureError(f"the timed run failed: {done.stderr.strip().splitlines()[-1]}")
    *speeds, peak_mib = map(float, done.stdout.split())
    spread = (max(speeds) - min(speeds)) / 2
    return {
        "small_frames_per_s": found_now(
            statistics.median(speeds), unit="1/s", spread=spread, command=COMMAND
        ),
        "small_simulate_peak_mib": found_now(peak_mib, unit="MiB", command=COMMAND),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--network", default="small", help="network (default small)")
    parser.add_argument("--frames", type=int, default=100, help="frames of the clip (default 100)")
    parser.add_argument("--timed", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.timed:
        speeds, peak_mib = timed(options.timed)
        print(*speeds, peak_mib)
        return
    figures = measure(options.network, options.frames)
    publish(figures, options.json)


if __name__ == "__main__":
    main()
