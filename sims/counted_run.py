"""A run of which only the counts are known, as `depth-snn simulate --counts FILE` writes them.

The file is an inputs file: ``"node.field"`` (T,) of every count and ``"node.neurons"`` (1,). What
kind a node is and where it runs stands in the graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conversion.graph import Graph
from conversion.node import Node
from depth_snn.errors import ConfigError, InputError
from sims.cost_table import CostTable, load_table
from sims.counts import COUNT_FIELDS, UNCOUNTED_ONCE, NodeCounts
from sims.energy import DEFAULT_BASELINE_TABLE, DEFAULT_TABLE
from sims.energy_total import Contribution, EnergyReport
from sims.footprint import state_bytes, weight_bytes
from sims.inputs_file import load_arrays
from sims.open_arrays import FORMAT
from sims.pricing import node_contributions, static_contribution, tiers_of

NEURONS = "neurons"


@dataclass(frozen=True)
class CountedRun:
    """Counts of a run, without what only `depth-snn run` knows: pictures, MACs, labels, events.

    Args:
        source: The file.
        network: Name of the graph.
        frames: Frames T.
        counts: By node.
        events: Empty: a graph knows of no events.
        quality: Empty: a graph knows of no labels.
        witnesses: Empty: nobody compared it.
    """

    source: str
    network: str
    frames: int
    counts: Mapping[str, NodeCounts]
    events: tuple[dict[str, Any], ...] = ()
    quality: Mapping[str, float] = field(default_factory=dict)
    witnesses: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def steady(self) -> slice:
        """Frames after the first; all of them if T is 1."""
        return slice(1, None) if self.frames > 1 else slice(0, None)


def is_counts_file(path: Path) -> bool:
    """Whether a file says in its seal that it holds plain arrays."""
    try:
        with path.open("rb") as file:
            return file.read(len(FORMAT) + 1) == f"{FORMAT}\n".encode()
    except OSError:
        return False


def load_counted_run(path: Path, graph: Graph) -> CountedRun:
    """Read counts of a graph.

    Args:
        path: What `depth-snn simulate --counts` wrote.
        graph: The graph that was simulated.

    Returns:
        The counts, one entry for each node of the graph.

    Raises:
        InputError: The file is damaged, or its counts are not those of this graph.
    """
    arrays = load_arrays(path)
    try:
        counts = {node.name: _node_counts(path, node, arrays) for node in graph.nodes}
    except ConfigError as error:
        raise InputError(f"{path}: {error}") from error
    known = {f"{name}.{what}" for name in counts for what in (*COUNT_FIELDS, NEURONS)}
    strangers = sorted(set(arrays) - known)
    lengths = {node.frames for node in counts.values()}
    if strangers or len(lengths) != 1 or 0 in lengths:
        fault = f"it holds {strangers[0]!r}" if strangers else f"nodes cover {lengths} frames"
        raise InputError(f"{path}: not the counts of graph {graph.name!r}: {fault}")
    return CountedRun(str(path), graph.name, lengths.pop(), counts)


def _node_counts(path: Path, node: Node, arrays: Mapping[str, NDArray[np.int64]]) -> NodeCounts:
    def array(what: str) -> NDArray[np.int64]:
        found = arrays.get(f"{node.name}.{what}")
        if found is None:
            raise InputError(
                f"{path}: no counts {node.name}.{what!s}; give the graph that was simulated, and "
                "counts of `depth-snn simulate --counts`"
            )
        return found

    neurons = array(NEURONS)
    if neurons.shape != (1,):
        raise InputError(f"{path}: {node.name}.{NEURONS} has shape {neurons.shape}, expected (1,)")
    later = [name for name in UNCOUNTED_ONCE if f"{node.name}.{name}" not in arrays]
    fields = {name: array(name) for name in COUNT_FIELDS if name not in later}
    return NodeCounts(
        node=node.name, kind=node.kind, runs_on=node.runs_on, neurons=int(neurons[0]),
        state_bytes=state_bytes(node), weight_bytes=weight_bytes(node), **fields,
    )  # fmt: skip


def price_counted_run(run: CountedRun, table: CostTable | None = None) -> EnergyReport:
    """Energy of counts alone: without the time of a frame, and without baselines.

    Args:
        run: The counts.
        table: Prices; default Loihi 1.

    Returns:
        Totals in three tiers; static power is unknown.
    """
    prices = table or load_table(DEFAULT_TABLE)
    parts: list[Contribution] = []
    for node in run.counts.values():
        parts.extend(node_contributions(node, prices, False))
    parts.append(static_contribution(prices, run.frames, None, None))
    return EnergyReport(
        table=prices,
        baseline_table=load_table(DEFAULT_BASELINE_TABLE),
        contributions=tuple(parts),
        tiers=tiers_of(parts, run.frames),
        baselines=(),
        frame_time_us=None,
    )
