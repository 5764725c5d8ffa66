"""The tiny network, gates and encoder blocks, in Lava against the reference, at every step.

Stock Lava processes stand wherever they compute a node exactly.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from depth_snn.cli.chain.engines import record_inputs
from depth_snn.cli.chain.setup import prepare
from depth_snn.cli.chain.witness import compare, stack_inputs
from depth_snn.config import PolicyConfig
from depth_snn.data.frames import open_frames
from depth_snn.errors import DepthError
from depth_snn.figures import Figure, found_now, write_measurement
from loihi import simulate_on_lava
from sims import reference

COMMAND = "python benchmarks/measure_lava.py"
NAMES = ("lava_block_mismatches", "lava_block_values")


def measure(frames: int, deadline_s: float) -> dict[str, Figure]:
    """All figures of this file."""
    setup = prepare("tiny", PolicyConfig())
    size = {"height": setup.config.height, "width": setup.config.width}
    images = [f.rgb for f in open_frames("scene:street", limit=frames, **size)]
    inputs = stack_inputs(record_inputs(setup, images))
    lava = simulate_on_lava(setup.graph, inputs, deadline_s=deadline_s, stock=True)
    want = reference.simulate(setup.graph, inputs).by_step
    found = compare("Lava against reference", dict(lava.by_step), dict(want), frames)
    if found["first"]:
        print(found["first"])
    values = (found["mismatches"], found["values"])
    return {
        name: found_now(value, unit="", command=COMMAND)
        for name, value in zip(NAMES, values, strict=True)
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--frames", type=int, default=4, help="frames (default 4)")
    parser.add_argument("--deadline", type=float, default=300, help="seconds for Lava")
    options = parser.parse_args()
    try:
        figures = measure(options.frames, options.deadline)
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
