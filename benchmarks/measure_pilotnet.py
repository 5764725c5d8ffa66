"""PilotNet against the golden traces that come with it: spikes, currents and potentials per layer.

The fast simulator runs the corrected import by frame, every layer from the step at which frame 0
reaches it. With ``--steps`` the reference simulator also runs the import that does as netx does, and
is compared at every one of the 24 steps (about two minutes).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from conversion.graph import Graph
from conversion.netx import pilotnet
from depth_snn.figures import found_now, publish
from sims import fast, reference

COMMAND = "python benchmarks/measure_pilotnet.py"
NAMES = ("pilotnet_lif_mismatches", "pilotnet_lif_values")

IntArray = npt.NDArray[np.int64]


def compare(graph: Graph, values: Mapping[str, IntArray], by_step: bool) -> tuple[int, int]:
    """Mismatches and number of values compared, printed by layer."""
    wrong, total = 0, 0
    for layer in pilotnet.LAYERS:
        lag = graph.lags[f"{layer}.lif"]
        found = pilotnet.traces(graph, values, layer)
        for key, want in pilotnet.golden(layer).items():
            # A connection shows at step t what the population reads at step t: no shift.
            theirs = want if by_step else want[lag:]
            ours = found[key][: len(theirs)]
            differ = int((ours != theirs).sum())
            print(f"{layer:8} {key:4} {theirs.size:9d} values  {differ} differ")
            wrong, total = wrong + differ, total + theirs.size
    return wrong, total


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument(
        "--steps", action="store_true", help="also the reference simulator, at every step"
    )
    options = parser.parse_args()
    inputs = {"input": np.repeat(pilotnet.picture()[None], pilotnet.STEPS, axis=0)}
    graph, start = pilotnet.network(), time.perf_counter()
    values = fast.simulate(graph, inputs).values
    print(f"fast simulator: {pilotnet.STEPS} frames in {time.perf_counter() - start:.1f} s")
    wrong, total = compare(graph, values, by_step=False)
    print(f"{wrong} of {total} values differ")
    if options.steps:
        graph = pilotnet.network(as_netx=True)
        by_step = reference.simulate(graph, inputs).by_step
        more, further = compare(graph, by_step, by_step=True)
        print(f"reference simulator, as netx, at every step: {more} of {further} values differ")
        wrong, total = wrong + more, total + further
    figures = {
        NAMES[0]: found_now(wrong, unit="", command=COMMAND),
        NAMES[1]: found_now(total, unit="", command=COMMAND),
    }
    publish(figures, options.json)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
