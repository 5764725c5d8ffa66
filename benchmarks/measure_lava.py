"""Whole networks with their gates in Lava against the reference simulator, at every step.

The tiny network runs on stock Lava processes wherever they compute a node exactly, the small one
on our own. The camera drives, so that gates spike, the cap admits regions and tokens stay
closed; these are counted in what Lava itself recorded, and a run without any of one says nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from conversion.gates import GATE, RESTORE
from conversion.graph import Graph
from depth_snn.cli.chain.engines import record_inputs
from depth_snn.cli.chain.setup import load_policy, prepare
from depth_snn.cli.chain.witness import compare, stack_inputs
from depth_snn.data.frames import open_frames
from depth_snn.errors import DepthError, EngineError
from depth_snn.figures import Figure, found_now, publish
from loihi import simulate_on_lava
from sims import reference

COMMAND = "python benchmarks/measure_lava.py"
NETWORKS = ("tiny", "small")
"""Shipped networks; the figures are called after them."""
COUNTED = ("mismatches", "frames", "values", "gate_spikes")
NAMES = tuple(f"lava_{network}_{what}" for network in NETWORKS for what in COUNTED)
SCENE = "scene:driving"


def exercise(
    graph: Graph, by_step: Mapping[str, npt.NDArray[np.int64]], frames: int
) -> dict[str, int]:
    """How often the gates did something in these frames.

    Args:
        graph: The network.
        by_step: What Lava recorded, (steps, *shape) by ``node.port``.
        frames: Frames it was given; steps before and after them carry none.

    Returns:
        Gate spikes, regions admitted, and tokens closed in a stage, each summed over the frames.

    Raises:
        EngineError: if any of them is 0: equality then shows nothing about the gates.
    """

    def seen(node: str, port: str) -> npt.NDArray[np.int64]:
        return by_step[f"{node}.{port}"][graph.lags[node] :][:frames]

    counts = {
        "gate spikes": int(seen(GATE, "out").sum()),
        "admitted regions": int(seen(RESTORE, "admitted").sum()),
        "closed tokens": int((seen(RESTORE, "out") == 0).sum()),
    }
    for what, count in counts.items():
        if count == 0:
            raise EngineError(
                f"network {graph.name!r}: no {what} in {frames} frames of {SCENE}, so the gates "
                "were not exercised; give more --frames"
            )
    return counts


def measure(network: str, frames: int, deadline_s: float) -> dict[str, Figure]:
    """Figures of one network."""
    setup = prepare(network, load_policy(None, network))
    size = {"height": setup.config.height, "width": setup.config.width}
    images = [f.rgb for f in open_frames(SCENE, limit=frames, seed=0, **size)]
    inputs = stack_inputs(record_inputs(setup, images))
    stock = network == "tiny"
    lava = simulate_on_lava(setup.graph, inputs, deadline_s=deadline_s, stock=stock)
    counts = exercise(setup.graph, lava.by_step, frames)
    shown = ", ".join(f"{count} {what}" for what, count in counts.items())
    print(f"{network}: {frames} frames of {SCENE}, {lava.seconds:.0f} s in Lava; {shown}")
    want = reference.simulate(setup.graph, inputs).by_step
    found = compare("Lava against reference", dict(lava.by_step), dict(want), frames)
    if found["first"]:
        print(found["first"])
    found["gate_spikes"] = counts["gate spikes"]
    command = COMMAND if network == "tiny" else f"{COMMAND} --only small"
    return {
        f"lava_{network}_{what}": found_now(found[what], unit="", command=command)
        for what in COUNTED
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--only", choices=NETWORKS, help="one network; small takes many minutes")
    parser.add_argument("--frames", type=int, default=24, help="frames of tiny (default 24)")
    parser.add_argument("--small-frames", type=int, default=3, help="frames of small (default 3)")
    parser.add_argument("--deadline", type=float, default=600, help="seconds for each Lava run")
    options = parser.parse_args()
    try:
        frames = {"tiny": options.frames, "small": options.small_frames}
        figures: dict[str, Figure] = {}
        for network in NETWORKS if options.only is None else (options.only,):
            figures |= measure(network, frames[network], options.deadline)
    except DepthError as error:
        print(f"measure_lava: error: {error}", file=sys.stderr)
        return 1
    publish(figures, options.json)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
