"""Entry point of the child process: ``python -m loihi.child FOLDER``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from conversion.graph_file import load_graph
from loihi.drive import OPTIONS_FILE, Network, drive
from loihi.integers import let_registers_wrap

GRAPH_FILE = "graph.h5"
INPUTS_FILE = "inputs.npz"


def build(folder: Path) -> Network:
    """The network that the files in ``folder`` ask for."""
    from loihi.compile import build_network

    options = json.loads((folder / OPTIONS_FILE).read_text())
    if options["wraps"]:
        let_registers_wrap()
    graph = load_graph(folder / GRAPH_FILE)
    with np.load(folder / INPUTS_FILE, allow_pickle=False) as arrays:
        names = [node.name for node in graph.of_kind("Input")]
        inputs = {name: arrays[str(i)] for i, name in enumerate(names)}
    return build_network(
        graph,
        inputs,
        frames=options["frames"],
        probes=options["probes"],
        stock=options["stock"],
        blocks=options["blocks"],
        wraps=options["wraps"],
        folder=folder,
    )


if __name__ == "__main__":
    drive(build, Path(sys.argv[1]))
