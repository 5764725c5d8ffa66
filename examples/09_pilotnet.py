"""PilotNet, a steering network exported by lava-dl, runs here with its own golden spikes.

    python examples/09_pilotnet.py

The network and the traces of its layers come inside lava-dl. It is read from netx's HDF5, verified,
and run for 24 frames on the fast simulator. Without lava-dl this exits with code 77, "skipped".
"""

from __future__ import annotations

import numpy as np

from conversion.bounds import verify
from conversion.netx import pilotnet
from depth_snn.errors import MissingDependency
from sims.fast import simulate

SKIPPED = 77


def main() -> int:
    try:
        graph = pilotnet.network()
    except MissingDependency:
        print("nothing was compared: PilotNet comes inside lava-dl, which is not installed")
        return SKIPPED
    verify(graph)
    frames = np.repeat(pilotnet.picture()[None], pilotnet.STEPS, axis=0)
    run = simulate(graph, {"input": frames})
    for layer in pilotnet.LAYERS:
        lag = graph.lags[f"{layer}.lif"]
        golden = pilotnet.golden(layer)["out"][lag:]
        spikes = run.values[f"{layer}.lif.out"][: len(golden)]
        wrong = int((spikes != golden).sum())
        print(
            f"{layer}: {golden.size} spikes or silences, {int(golden.sum())} spikes, {wrong} differ"
        )
        assert golden.any() and wrong == 0
    work = sum(int(counts.synaptic_operations.sum()) for counts in run.counts.values())
    print(f"{work} synaptic operations in {pilotnet.STEPS} frames")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
