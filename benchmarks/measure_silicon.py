"""The recorded Loihi 2 trace against our integer neuron, in all three places where it stands.

The runtime's step, the reference simulator and the fast one run the same drive; a step at which any
of them disagrees with the chip about the spike counts as a mismatch.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from conversion.graph import Edge, Graph
from conversion.nodes import LIF, Input
from depth_snn.figures import found_now, publish
from depth_snn.neurons.lif_integer import LIFParams, lif_step, lif_zeros
from sims import fast, reference

COMMAND = "python benchmarks/measure_silicon.py"
NAMES = ("silicon_trace_spike_mismatches",)
BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data" / "loihi2_lif_trace.csv"
WEIGHT, DV, VTH = 10, 163, 25

IntArray = npt.NDArray[np.int64]


def spikes_of_bodies(drive: IntArray) -> dict[str, IntArray]:
    """Spikes (T,) of the neuron in every implementation."""
    params, state, spikes = LIFParams(dv=DV, vth=VTH, reset="zero"), lif_zeros(1), []
    for value in drive:
        spike, _, state = lif_step(np.array([value]), state, params)
        spikes.append(int(spike[0]))
    peak = int(np.abs(drive).max())
    nodes = (
        Input(name="drive", shape=(1,), lo=-peak, hi=peak),
        LIF(name="lif", count=1, du=4095, dv=DV, vth=VTH, reset="zero"),
    )
    edges = (Edge(source="drive", target="lif"),)
    graph = Graph(name="trace", dialect="quantised", nodes=nodes, edges=edges)
    inputs = {"drive": drive[:, None]}
    return {
        "runtime": np.array(spikes),
        "reference": reference.simulate(graph, inputs).result.values["lif.out"].ravel(),
        "fast": fast.simulate(graph, inputs).values["lif.out"].ravel(),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument(
        "--trace", type=Path, default=BESIDE,
        help="input, potential, spike as CSV (default: beside the project)",
    )  # fmt: skip
    options = parser.parse_args()
    if not options.trace.is_file():
        print(f"measure_silicon: error: no trace at {options.trace}; give --trace", file=sys.stderr)
        return 1
    arriving, _, recorded = np.loadtxt(options.trace, delimiter=",").astype(np.int64).T
    # On the chip an input reaches the neuron one step later.
    bodies = spikes_of_bodies(WEIGHT * np.concatenate([[0], arriving[:-1]]))
    wrong = np.any([spikes != recorded for spikes in bodies.values()], axis=0)
    figures = {NAMES[0]: found_now(int(wrong.sum()), unit="", command=COMMAND)}
    print(f"{int(wrong.sum())} of {len(recorded)} steps differ, {int(recorded.sum())} spikes")
    publish(figures, options.json)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
