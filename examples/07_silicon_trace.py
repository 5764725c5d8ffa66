"""Our integer neuron reproduces a trace recorded on a real Loihi 2: all 1000 steps, 4 spikes.

    python examples/07_silicon_trace.py [TRACE.csv]

The trace has three columns: input, potential, spike. It is not part of the project; without a path
it is looked for in `../shared/data` beside the project. Without a trace this exits with code 77,
the usual code for "skipped": nothing was compared.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from depth_snn.neurons.lif_integer import LIFParams, lif_step, lif_zeros

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data" / "loihi2_lif_trace.csv"
WEIGHT = 10
PARAMS = LIFParams(dv=163, vth=25, reset="zero")
SKIPPED = 77


def main() -> int:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else BESIDE
    if not path.is_file():
        print("nothing was compared: the recorded trace is not at hand; give its path")
        return SKIPPED
    arriving, _, recorded = np.loadtxt(path, delimiter=",").astype(np.int64).T
    # On the chip an input reaches the neuron one step later.
    drive = WEIGHT * np.concatenate([[0], arriving[:-1]])
    state, spikes = lif_zeros(1), []
    for value in drive:
        spike, _, state = lif_step(np.array([value]), state, PARAMS)
        spikes.append(int(spike[0]))
    agree = int((np.array(spikes) == recorded).sum())
    print(f"{agree} of {len(recorded)} steps agree with the chip, {int(recorded.sum())} spikes")
    assert recorded.any() and agree == len(recorded)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
