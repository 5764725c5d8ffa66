"""A graph divided between neurocores and host, as connected Lava processes.

Used only inside the child process. Without a board the same network is built for a CPU: the chip's
processes by Lava's fixed-point models, no adapters, and all else as it would be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

from conversion.graph import Edge, Graph
from conversion.nodes import Input
from loihi import shim
from loihi.board import Board, select_host
from loihi.chip_plan import Crossing, make_plan
from loihi.chip_processes import chip_process
from loihi.chip_report import make_callbacks, read_callbacks
from loihi.compile import Wiring, add_recorder, add_source, connect
from loihi.drive import Network
from loihi.integers import IntArray
from loihi.leaves import leaf_process
from loihi.models import Models
from loihi.processes.sign_extend import SignExtend
from loihi.repeats import without_repeats

TO_CORE, TO_HOST = ">core", ">host"
"""Marks behind a port's name: its values on the other side of the border."""


def build_split(
    graph: Graph,
    inputs: Mapping[str, IntArray],
    *,
    frames: int,
    probes: list[str],
    folder: Path,
    board: Board | None,
) -> Network:
    """Make and connect all processes.

    Args:
        graph: A graph in the quantised dialect.
        inputs: One array of shape (T, *shape) per Input node.
        frames: Number of frames T.
        probes: ``node.port`` keys to record, in the order of the files the recorder writes.
        folder: Where the recorder writes.
        board: Where to run, told to Lava before anything is made; None for a CPU.

    Returns:
        The network, ready to be driven for T + largest lag steps.

    Raises:
        EngineError: if no board is found.
    """
    if board is not None:
        select_host(board)
    graph = without_repeats(graph)
    plan = make_plan(graph, probes)
    steps = frames + max(graph.lags.values())
    wiring, models = Wiring(graph), Models(select_sub_proc_model=False)
    source = add_source(wiring, inputs, models)
    core = set(plan.on_core)
    for node in graph.nodes:
        if isinstance(node, Input):
            continue
        process, ports = (chip_process if node.name in core else leaf_process)(graph, node)
        wiring.add(node.name, process, ports)
        if board is not None and node.name in core:
            models.leave(process)
    for crossing in plan.crossings:
        _cross(wiring, models, crossing, adapters=board is not None)
    connect(wiring, [crossed(edge, core) for edge in graph.edges], models)
    add_recorder(wiring, recorded(probes, core), steps, folder, models)
    return _network(source, models, steps, board)


def crossed(edge: Edge, core: set[str]) -> Edge:
    """The edge from the side of the border on which its target lies."""
    if (edge.source in core) == (edge.target in core):
        return edge
    mark = TO_CORE if edge.target in core else TO_HOST
    return replace(edge, source_port=edge.source_port + mark)


def recorded(probes: list[str], core: set[str]) -> list[str]:
    """What the recorder, a process of the host, reads for each probe."""
    return [key + TO_HOST if key.rpartition(".")[0] in core else key for key in probes]


def _cross(wiring: Wiring, models: Models, crossing: Crossing, *, adapters: bool) -> None:
    """Put an adapter, and on the way back the sign, behind a port."""
    port = wiring.sources[crossing.node, crossing.port]
    if adapters:
        kind = shim.PyToNxAdapter if crossing.to_core else shim.NxToPyAdapter
        adapter = kind(shape=port.shape, num_message_bits=crossing.message_bits)
        models.leave(adapter)
        port.connect(adapter.inp)
        port = adapter.out
    if crossing.sign_extended:
        name = f"{crossing.node}.{crossing.port} sign"
        extend = SignExtend(size=prod(port.shape), name=name)
        port.connect(extend.a_in)
        port = extend.s_out
    mark = TO_CORE if crossing.to_core else TO_HOST
    wiring.sources[crossing.node, crossing.port + mark] = port


def _network(source: Any, models: Models, steps: int, board: Board | None) -> Network:
    if board is None:
        cfg = shim.Loihi2SimCfg(select_tag="fixed_pt", exception_proc_model_map=models)
        return Network(start=source, run_cfg=cfg, steps=steps)
    callbacks = make_callbacks(steps)
    cfg = shim.Loihi2HwCfg(exception_proc_model_map=models, callback_fxs=list(callbacks.values()))

    def finish() -> dict[str, Any]:
        # A board is given back before its loggers are read, as Lava's tutorials do it.
        source.stop()
        return read_callbacks(callbacks)

    return Network(start=source, run_cfg=cfg, steps=steps, finish=finish)
