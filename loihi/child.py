"""Entry point of the child process: ``python -m loihi.child FOLDER``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from conversion.graph_file import load_graph
from loihi.board import Board
from loihi.drive import OPTIONS_FILE, Network, drive
from loihi.integers import let_registers_wrap

GRAPH_FILE = "graph.h5"
INPUTS_FILE = "inputs.npz"


def build(folder: Path) -> Network:
    """The network that the files in ``folder`` ask for."""
    options = json.loads((folder / OPTIONS_FILE).read_text())
    if options["wraps"]:
        let_registers_wrap()
    graph = load_graph(folder / GRAPH_FILE)
    with np.load(folder / INPUTS_FILE, allow_pickle=False) as arrays:
        names = [node.name for node in graph.of_kind("Input")]
        inputs = {name: arrays[str(i)] for i, name in enumerate(names)}
    rule = {"frames": options["frames"], "probes": options["probes"], "folder": folder}
    if options["split"]:
        from loihi.chip_build import build_split

        board = Board(**options["board"]) if options["board"] else None
        return build_split(graph, inputs, board=board, **rule)
    from loihi.compile import build_network

    kinds = {key: options[key] for key in ("stock", "blocks", "wraps")}
    return build_network(graph, inputs, **kinds, **rule)


if __name__ == "__main__":
    drive(build, Path(sys.argv[1]))
