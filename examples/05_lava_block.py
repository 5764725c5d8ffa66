"""The tiny network's gates and encoder blocks run in Lava, equal to the reference at every step.

Lava's own Dense does the products wherever it can. Without Lava this says what to install and
exits with code 77, the usual code for "skipped": nothing was compared.
"""

from __future__ import annotations

import numpy as np

from depth_snn.cli.chain.engines import record_inputs
from depth_snn.cli.chain.setup import prepare
from depth_snn.cli.chain.witness import stack_inputs
from depth_snn.config import PolicyConfig
from depth_snn.data.frames import open_frames
from loihi import lava_available, simulate_on_lava
from sims import reference
from sims.result import first_difference

FRAMES = 8
SKIPPED = 77


def main() -> int:
    present, answer = lava_available()
    if not present:
        print(f"nothing was run: {answer}")
        return SKIPPED
    setup = prepare("tiny", PolicyConfig())
    size = {"height": setup.config.height, "width": setup.config.width}
    frames = [f.rgb for f in open_frames("scene:driving", limit=FRAMES, seed=2, **size)]
    inputs = stack_inputs(record_inputs(setup, frames))
    lava = simulate_on_lava(setup.graph, inputs, deadline_s=110, stock=True)
    print(f"Lava {lava.lava_version}: {len(lava.by_step)} ports in {lava.seconds:.1f} s")
    want = reference.simulate(setup.graph, inputs).by_step
    difference = first_difference(want, lava.by_step)
    assert difference is None, str(difference)
    names = {key.rsplit(".", 1)[0] for key in lava.by_step}
    assert {"gate.lif", "gate.restore", "block1.out", "block2.out"} <= names
    spikes = int(lava.by_step["gate.lif.out"].sum())
    opened = lava.by_step["gate.restore.out"][setup.graph.lags["gate.restore"] :][:FRAMES]
    restored = int(np.sum(opened > inputs["sched"]))
    assert spikes > 0 and restored > 0, "the driving camera makes gates spike and open tokens"
    print(f"{spikes} gate spikes opened {restored} gates that the schedule had closed")
    steps = len(lava.by_step["head.out.out"])
    values = sum(array.size for array in lava.by_step.values())
    print(f"{values} integers over {steps} steps, gates and two encoder blocks: not one differs")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
