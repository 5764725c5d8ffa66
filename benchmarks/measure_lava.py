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
from loihi.block_plan import find_blocks
from loihi.request import Blocks
from sims import reference

COMMAND = "python benchmarks/measure_lava.py"
NETWORKS = ("tiny", "small")
"""Shipped networks; the figures are called after them."""
COUNTED = ("mismatches", "frames", "values", "gate_spikes")
MODELS: tuple[Blocks, ...] = ("leaf", "sub")
"""The two models of a block, each of which runs the tiny network."""
NAMES = (
    *(f"lava_{network}_{what}" for network in NETWORKS for what in COUNTED),
    "lava_blocks_mismatches",
    "lava_blocks_values",
)
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
    figures = {}
    if network == "tiny":
        figures = measure_blocks(setup.graph, inputs, want, deadline_s)
    found["gate_spikes"] = counts["gate spikes"]
    command = COMMAND if network == "tiny" else f"{COMMAND} --only small"
    return figures | {
        f"lava_{network}_{what}": found_now(found[what], unit="", command=command)
        for what in COUNTED
    }


def measure_blocks(
    graph: Graph,
    inputs: Mapping[str, npt.NDArray[np.int64]],
    want: Mapping[str, npt.NDArray[np.int64]],
    deadline_s: float,
) -> dict[str, Figure]:
    """The same frames with each attention and MLP as one process, by either of its models."""
    mismatches = values = 0
    for blocks in MODELS:
        lava = simulate_on_lava(graph, inputs, deadline_s=deadline_s, blocks=blocks)
        found = compare(f"blocks by {blocks}", dict(lava.by_step), dict(want), 0)
        mismatches += found["mismatches"]
        values += found["values"]
        count = len(find_blocks(graph))
        print(f"{count} blocks by their {blocks} model: {lava.seconds:.1f} s in Lava")
        if found["first"]:
            print(found["first"])
    return {
        "lava_blocks_mismatches": found_now(mismatches, unit="", command=COMMAND),
        "lava_blocks_values": found_now(values, unit="", command=COMMAND),
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
