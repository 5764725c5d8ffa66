"""A trained network becomes a file of integers, and two simulators agree on every one of them.

The reference simulator is plain Python integers; the fast one shares no arithmetic with it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from conversion.graph_file import load_graph, save_graph
from depth_snn.cli.chain.engines import record_inputs
from depth_snn.cli.chain.setup import prepare
from depth_snn.cli.chain.witness import stack_inputs
from depth_snn.config import PolicyConfig
from depth_snn.data.frames import open_frames
from sims import fast, reference
from sims.result import first_difference

FRAMES = 3


def main() -> None:
    setup = prepare("tiny", PolicyConfig())
    size = {"height": setup.config.height, "width": setup.config.width}
    frames = [f.rgb for f in open_frames("scene:street", limit=FRAMES, **size)]
    inputs = stack_inputs(record_inputs(setup, frames))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tiny.h5"
        save_graph(setup.graph, path)
        print(f"{len(setup.graph.nodes)} nodes in a file of {path.stat().st_size / 1024:.0f} KiB")
        graph = load_graph(path)
    slow = reference.simulate(graph, inputs).result
    quick = fast.simulate(graph, inputs)
    values = sum(array.size for array in slow.values.values())
    print(f"{values} integers on {len(slow.values)} ports over {FRAMES} frames")
    difference = first_difference(slow.values, quick.values)
    assert set(slow.values) == set(quick.values)
    assert difference is None, str(difference)
    assert slow.values["head.out.out"].any(), "the network says something"
    print("reference and fast simulator: not one differs")


if __name__ == "__main__":
    main()
