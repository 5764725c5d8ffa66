"""A graph as connected Lava processes; used only inside the child process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from conversion.graph import Edge, Graph
from conversion.nodes import Input
from loihi import shim
from loihi.block_plan import ENTRY, GATE, BlockPlan, find_blocks, outer_edges
from loihi.blocks.attention import AttentionBlock
from loihi.blocks.mlp import MlpBlock
from loihi.drive import Network
from loihi.integers import INT32_MAX, IntArray
from loihi.leaves import leaf_process
from loihi.models import Models
from loihi.processes.lines import DelayLines, Recorder, Source, model_with_ports
from loihi.repeats import without_repeats
from loihi.request import membrane_read
from loihi.stock import stock_process, stock_suffices

WIDE_PORTS = frozenset({("RestoreGate", "ledger"), ("Output", "out")})
"""Output ports whose values may pass 32 bits; all others are sent as int32, as Lava's are."""


BLOCKS = {"mlp": MlpBlock, "attention": AttentionBlock}


@dataclass(frozen=True)
class Wiring:
    """Lava ports by (node, port) while a network is being put together."""

    graph: Graph
    sources: dict[tuple[str, str], Any] = field(default_factory=dict)
    targets: dict[tuple[str, str], Any] = field(default_factory=dict)

    def add(self, name: str, process: Any, ports: Mapping[str, str]) -> None:
        """Enter the ports of a process under the names of its node."""
        node = self.graph.by_name[name]
        for port, attribute in ports.items():
            table = self.sources if port in node.outputs else self.targets
            table[name, port] = getattr(process, attribute)

    def dtype(self, name: str, port: str) -> Any:
        """Type in which an output port's values travel."""
        node = self.graph.by_name[name]
        if isinstance(node, Input):
            narrow = node.lo >= -INT32_MAX and node.hi <= INT32_MAX
            return np.int32 if narrow else np.int64
        return np.int64 if (node.kind, port) in WIDE_PORTS else np.int32


def build_network(
    graph: Graph,
    inputs: Mapping[str, IntArray],
    *,
    frames: int,
    probes: list[str],
    stock: bool,
    blocks: str,
    wraps: bool,
    folder: Path,
) -> Network:
    """Make and connect all processes.

    Args:
        graph: A graph in the quantised dialect.
        inputs: One array of shape (T, *shape) per Input node.
        frames: Number of frames T.
        probes: ``node.port`` keys to record, in the order of the files the recorder writes.
        stock: Use stock Lava processes where they compute the same.
        blocks: ``"leaf"`` or ``"sub"``: encoder blocks as one process each, with that model;
            ``"apart"``: a process for each node.
        wraps: Chip mode: registers wrap, so a stock process may too.
        folder: Where the recorder writes.

    Returns:
        The network, ready to be driven for T + largest lag steps.
    """
    graph = without_repeats(graph)
    steps = frames + max(graph.lags.values())
    wiring = Wiring(graph)
    models = Models(select_sub_proc_model=blocks == "sub")
    source = _add_source(wiring, inputs, models)
    plans = [] if blocks == "apart" else find_blocks(graph)
    inside = _add_blocks(wiring, plans)
    for node in graph.nodes:
        if isinstance(node, Input) or node.name in inside:
            continue
        read = f"{node.name}.membrane" in probes or membrane_read(graph, node.name)
        if stock and stock_suffices(graph, node, needs_membrane=read, wraps=wraps):
            process, ports = stock_process(graph, node)
        else:
            process, ports = leaf_process(graph, node)
        wiring.add(node.name, process, ports)
    _connect(wiring, outer_edges(graph, plans), models)
    _add_recorder(wiring, probes, steps, folder, models)
    cfg = shim.Loihi2SimCfg(
        select_tag="fixed_pt",
        select_sub_proc_model=blocks == "sub",
        exception_proc_model_map=models,
    )
    return Network(start=source, run_cfg=cfg, steps=steps)


def _add_blocks(wiring: Wiring, plans: list[BlockPlan]) -> set[str]:
    """Add a process for each block; returns the names of the nodes that are inside one."""
    for plan in plans:
        process = BLOCKS[plan.kind](plan=plan, name=plan.name)
        for role, node in plan.parts.items():
            wiring.sources[node.name, "out"] = getattr(process, f"{role}_out")
        for port in (ENTRY, GATE):
            wiring.targets[plan.name, port] = getattr(process, port)
    return {node.name for plan in plans for node in plan.parts.values()}


def _add_source(wiring: Wiring, inputs: Mapping[str, IntArray], models: Models) -> Any:
    names = [node.name for node in wiring.graph.of_kind("Input")]
    arrays = [np.reshape(inputs[name], (len(inputs[name]), -1)) for name in names]
    source = Source(arrays=arrays, name="source")
    for i, name in enumerate(names):
        wiring.add(name, source, {"out": f"out{i}"})
    dtypes = {f"out{i}": wiring.dtype(name, "out") for i, name in enumerate(names)}
    models[source] = model_with_ports(source, dtypes)
    return source


def _connect(wiring: Wiring, between: list[Edge], models: Models) -> None:
    """Connect all edges; edges that delay the same port equally share one line."""
    delayed: dict[tuple[str, str, int], list[Edge]] = {}
    for edge in between:
        if edge.delay == 0:
            target = wiring.targets[edge.target, edge.port]
            wiring.sources[edge.source, edge.source_port].connect(target)
        else:
            delayed.setdefault((edge.source, edge.source_port, edge.delay), []).append(edge)
    if not delayed:
        return
    sizes = [wiring.sources[name, port].size for name, port, _ in delayed]
    lines = DelayLines(sizes=sizes, delays=[d for _, _, d in delayed], name="delays")
    dtypes = {}
    for i, ((name, port, _), edges) in enumerate(delayed.items()):
        wiring.sources[name, port].connect(getattr(lines, f"in{i}"))
        dtypes[f"out{i}"] = wiring.dtype(name, port)
        for edge in edges:
            getattr(lines, f"out{i}").connect(wiring.targets[edge.target, edge.port])
    models[lines] = model_with_ports(lines, dtypes)


def _add_recorder(
    wiring: Wiring, probes: list[str], steps: int, folder: Path, models: Models
) -> None:
    ports = []
    for key in probes:
        name, _, port = key.rpartition(".")
        ports.append(wiring.sources[name, port])
    sizes = [port.size for port in ports]
    recorder = Recorder(sizes=sizes, steps=steps, folder=str(folder), name="recorder")
    for i, port in enumerate(ports):
        port.connect(getattr(recorder, f"in{i}"))
    models[recorder] = model_with_ports(recorder, {})
