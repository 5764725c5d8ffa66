"""Whole networks with their gates in Lava against the reference simulator, at every step.

The tiny network runs on stock Lava processes wherever they compute a node exactly, the street
network, for one frame, on our own.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from depth_snn.cli.chain.engines import record_inputs
from depth_snn.cli.chain.setup import load_policy, prepare
from depth_snn.cli.chain.witness import compare, stack_inputs
from depth_snn.data.frames import open_frames
from depth_snn.errors import DepthError
from depth_snn.figures import Figure, found_now, write_measurement
from loihi import simulate_on_lava
from sims import reference

COMMAND = "python benchmarks/measure_lava.py"
NETWORKS = {"tiny": "lava_block", "street": "lava_street"}
NAMES = tuple(f"{n}_{what}" for n in NETWORKS.values() for what in ("mismatches", "values"))


def measure(network: str, frames: int, deadline_s: float) -> dict[str, Figure]:
    """Figures of one network."""
    setup = prepare(network, load_policy(None, network))
    size = {"height": setup.config.height, "width": setup.config.width}
    images = [f.rgb for f in open_frames("scene:street", limit=frames, **size)]
    inputs = stack_inputs(record_inputs(setup, images))
    stock = network == "tiny"
    lava = simulate_on_lava(setup.graph, inputs, deadline_s=deadline_s, stock=stock)
    want = reference.simulate(setup.graph, inputs).by_step
    found = compare("Lava against reference", dict(lava.by_step), dict(want), frames)
    if found["first"]:
        print(found["first"])
    return {
        f"{NETWORKS[network]}_{what}": found_now(found[what], unit="", command=COMMAND)
        for what in ("mismatches", "values")
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--frames", type=int, default=4, help="frames of tiny (default 4)")
    parser.add_argument("--deadline", type=float, default=300, help="seconds for Lava")
    options = parser.parse_args()
    try:
        figures = measure("tiny", options.frames, options.deadline)
        figures |= measure("street", 1, options.deadline)
    except DepthError as error:
        print(f"measure_lava: error: {error}", file=sys.stderr)
        return 1
    for name, figure in figures.items():
        print(f"{name}: {figure.text()}")
    if options.json:
        write_measurement(options.json, figures)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
