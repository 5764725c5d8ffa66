"""Runs a graph on Lava, in a child process that cannot hang its caller (docs/lava.md)."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from conversion.graph import Graph
from conversion.graph_file import save_graph
from depth_snn.errors import EngineError, InputError
from loihi import segments
from loihi.board import Board
from loihi.child import GRAPH_FILE, INPUTS_FILE
from loihi.chip_plan import make_plan, require_shown
from loihi.drive import OPTIONS_FILE, STATUS_FILE
from loihi.integers import IntArray
from loihi.request import Blocks, Request, make_request
from loihi.shim import require_lava
from loihi.supervisor import Child, supervise


@dataclass(frozen=True)
class Target:
    """On what a network runs.

    Attributes:
        split: Whether it is divided between neurocores and host (:mod:`loihi.chip_plan`).
        board: The board that it is divided for; None for a CPU.
    """

    split: bool = False
    board: Board | None = None


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
    split: bool = False,
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
        split: Build what ``simulate_on_loihi2`` builds, without its adapters: what can go to
            neurocores as the processes that would, which is a look at them before a board is there.
            Not together with ``stock``, ``blocks`` or chip mode.
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
        make_request(graph, inputs, probes=probes, stock=stock or split, blocks=blocks),
        wraps=overflow == "chip",
    )
    if split:
        _check_split(stock=stock, blocks=blocks, overflow=overflow)
        require_shown(make_plan(graph), request.probes)
    target = Target(split=split)
    return run_request(request, version, target, deadline_s=deadline_s, on_progress=on_progress)[0]


def _check_split(*, stock: bool, blocks: Blocks, overflow: str) -> None:
    """Refuse what a divided network does not do."""
    for given, name in ((stock, "stock"), (blocks != "apart", "blocks")):
        if given:
            raise InputError(f"{name}: a divided network has its own processes; leave it out")
    if overflow == "chip":
        raise InputError("overflow 'chip': a plan puts only what cannot overflow on neurocores, so "
                         "a divided network runs strictly; leave it out")  # fmt: skip


def run_request(
    request: Request,
    version: str,
    target: Target,
    *,
    deadline_s: float,
    on_progress: Callable[[int], None] | None,
) -> tuple[LavaResult, dict[str, Any] | None]:
    """Run a checked request in a child.

    Args:
        request: What to run.
        version: Of lava-nc.
        target: On what.
        deadline_s: Wall time in seconds for the whole run.
        on_progress: Called now and then with the number of steps done.

    Returns:
        The values, and what a board said of itself (None on a CPU).

    Raises:
        EngineError: if the run fails or misses its deadline.
    """
    with tempfile.TemporaryDirectory(prefix="dsnn-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        prefix = segments.new_prefix()
        _write(request, target, folder, prefix)
        command = [sys.executable, "-m", "loihi.child", str(folder)]
        where = "Lava" if target.board is None else "Loihi 2"
        what = f"{where} run of graph {request.graph.name!r}"
        child = Child(command=command, folder=folder, prefix=prefix, what=what)
        seconds = supervise(child, deadline_s=deadline_s, on_progress=on_progress)
        by_step = _read(request, folder)
        chip = json.loads((folder / STATUS_FILE).read_text())["chip"]
    run = LavaResult(by_step=by_step, seconds=seconds, lava_version=version, stock=request.stock)
    return run, chip


def _write(request: Request, target: Target, folder: Path, prefix: str) -> None:
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
        "split": target.split,
        "board": None if target.board is None else target.board.fields(),
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
