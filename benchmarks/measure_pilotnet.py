"""PilotNet against the golden traces that come with it: spikes, currents and potentials per layer.

The fast simulator runs the corrected import by frame: every layer from the step on at which frame 0
reaches it. The reference simulator runs the import that does as netx does, and is compared at every
one of the 24 steps, those before frame 0 among them; ``--quick`` leaves it out.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from conversion.graph import Graph
from conversion.netx import pilotnet
from depth_snn.errors import MissingDependency
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
    parser.add_argument("--quick", action="store_true", help="the fast simulator only")
    options = parser.parse_args()
    try:
        wrong, total = measure(options.quick)
    except MissingDependency as error:
        print(f"measure_pilotnet: error: {error}", file=sys.stderr)
        return 1
    print(f"{wrong} of {total} values differ")
    figures = {
        NAMES[0]: found_now(wrong, unit="", command=COMMAND),
        NAMES[1]: found_now(total, unit="", command=COMMAND),
    }
    publish(figures, options.json)
    return 0


def measure(quick: bool) -> tuple[int, int]:
    """Mismatches and values compared, of one simulator or both."""
    inputs = {"input": np.repeat(pilotnet.picture()[None], pilotnet.STEPS, axis=0)}
    graph, start = pilotnet.network(), time.perf_counter()
    values = fast.simulate(graph, inputs).values
    print(f"fast simulator, {pilotnet.STEPS} frames in {time.perf_counter() - start:.1f} s")
    wrong, total = compare(graph, values, by_step=False)
    if quick:
        return wrong, total
    graph, start = pilotnet.network(as_netx=True), time.perf_counter()
    by_step = reference.simulate(graph, inputs).by_step
    print(f"reference simulator, as netx, {time.perf_counter() - start:.0f} s")
    more, further = compare(graph, by_step, by_step=True)
    return wrong + more, total + further


if __name__ == "__main__":
    raise SystemExit(main())
