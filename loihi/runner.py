"""Runs a graph on Lava, in a child process that cannot hang its caller (docs/lava.md)."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from conversion.graph import Graph
from conversion.graph_file import save_graph
from depth_snn.errors import EngineError
from loihi import segments
from loihi.child import GRAPH_FILE, INPUTS_FILE
from loihi.drive import OPTIONS_FILE
from loihi.integers import IntArray
from loihi.request import Blocks, Request, make_request
from loihi.shim import require_lava
from loihi.supervisor import Child, supervise


@dataclass(frozen=True)
class LavaResult:
    """What Lava computed.

    Args:
        by_step: ``node.port`` → int64 array (T + largest lag, *shape), the values by step.
        seconds: Building and running the network, without starting Python.
        lava_version: Version of lava-nc.
        stock: Whether stock processes were used where they suffice.
    """

    by_step: dict[str, IntArray]
    seconds: float
    lava_version: str
    stock: bool


def simulate_on_lava(
    graph: Graph,
    inputs: Mapping[str, npt.ArrayLike],
    *,
    deadline_s: float = 120.0,
    stock: bool = False,
    blocks: Blocks = "apart",
    probes: Collection[str] | None = None,
    overflow: Literal["strict", "chip"] = "strict",
    on_progress: Callable[[int], None] | None = None,
) -> LavaResult:
    """Run ``graph`` on Lava's CPU backend with fixed-point models.

    Args:
        graph: A graph in the quantised dialect.
        inputs: Integers of shape (T, *shape) for every Input node; zeros follow after frame T − 1.
        deadline_s: Wall time in seconds for the whole run.
        stock: Use Lava's own Dense and LIF where they compute a node exactly; such a LIF shows no
            membrane.
        blocks: ``"apart"``: a process for each node. ``"leaf"``: attentions and MLPs are one
            process each, with its fast leaf model; ``"sub"``: with its model made of processes.
        probes: ``node.port`` keys to record; all of them by default.
        overflow: What a value outside its register does: ``"strict"`` ends the run, ``"chip"`` lets
            it wrap, in stock processes too (docs/fixed_point.md §9).
        on_progress: Called now and then with the number of steps done.

    Returns:
        The values of every recorded port at every step.

    Raises:
        MissingDependency: if Lava cannot be used here.
        GraphError: if the graph is not quantised.
        InputError: if inputs or probes do not fit the graph.
        EngineError: if the run fails or misses its deadline.
    """
    version = require_lava()
    request = replace(
        make_request(graph, inputs, probes=probes, stock=stock, blocks=blocks),
        wraps=overflow == "chip",
    )
    with tempfile.TemporaryDirectory(prefix="dsnn-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        prefix = segments.new_prefix()
        _write(request, folder, prefix)
        command = [sys.executable, "-m", "loihi.child", str(folder)]
        what = f"Lava run of graph {graph.name!r}"
        child = Child(command=command, folder=folder, prefix=prefix, what=what)
        seconds = supervise(child, deadline_s=deadline_s, on_progress=on_progress)
        by_step = _read(request, folder)
    return LavaResult(by_step=by_step, seconds=seconds, lava_version=version, stock=stock)


def _write(request: Request, folder: Path, prefix: str) -> None:
    save_graph(request.graph, folder / GRAPH_FILE)
    names = [node.name for node in request.graph.of_kind("Input")]
    arrays = {str(i): request.inputs[name] for i, name in enumerate(names)}
    np.savez(folder / INPUTS_FILE, **arrays)
    options = {
        "frames": request.frames,
        "probes": request.probes,
        "stock": request.stock,
        "blocks": request.blocks,
        "wraps": request.wraps,
        "prefix": prefix,
        "parent": os.getpid(),
    }
    (folder / OPTIONS_FILE).write_text(json.dumps(options))


def _read(request: Request, folder: Path) -> dict[str, IntArray]:
    by_step = {}
    for i, key in enumerate(request.probes):
        name, _, port = key.rpartition(".")
        shape = request.graph.by_name[name].output_shape(port)
        try:
            flat = np.load(folder / f"{i}.npy", allow_pickle=False)
        except OSError as error:
            raise EngineError(f"the Lava run recorded nothing for {key}") from error
        by_step[key] = flat.reshape(request.steps, *shape)
    return by_step
