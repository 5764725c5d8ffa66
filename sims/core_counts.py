"""What every core of a placed network did in each frame, counted while the network runs.

The rules are those of docs/fixed_point.md §10, each event on the core it happens on: a synaptic
operation where its receiving neuron lies, a message where its sender lies. A message is copied once
to each core that holds a target of it, and each copy goes along its row of routers first, then
along the column.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from conversion.graph import Graph
from conversion.node import IntArray
from conversion.nodes import Sparse
from conversion.placement import Placement, homes
from depth_snn.errors import ConfigError
from sims.core_work import FIELDS, LOAD_FIELDS, WORK_FIELDS, worker_of
from sims.fast import FastSimulator
from sims.flows import LINK_FIELDS, FlowCounter, Flows, links_of
from sims.footprint import SUM_BYTES, state_bytes_per_value


@dataclass(frozen=True, eq=False)
class CoreCounts:
    """Events by core and frame.

    Args:
        placement: The cores, in whose order the columns stand.
        work: int64 (T, cores) by count: spikes, messages, message_bits, synaptic_operations,
            updates_active, updates_idle.
        links: int64 (T, cores) by count, on the core that sends: copies, hops_east_west,
            hops_north_south (routers passed, within a chip), between_chips (copies for another
            chip, whose way is not modelled), off_mesh (messages for a processor or the host).
        loads: int64 (T, cores) by count: product_operations, which synaptic_operations contain;
            memory_words, reads of synaptic memory by arriving messages, at the least.
        flows: Messages by pair of cores.
        state_bytes, weight_bytes: int64 (cores,): what a core keeps; a weight that several cores
            need is on each of them.
    """

    placement: Placement
    work: Mapping[str, IntArray]
    links: Mapping[str, IntArray]
    loads: Mapping[str, IntArray]
    flows: Flows
    state_bytes: IntArray
    weight_bytes: IntArray

    @property
    def frames(self) -> int:
        """Number of frames counted."""
        return int(self.work["messages"].shape[0])

    def per_frame(self, name: str) -> IntArray:
        """One count over all cores, (T,).

        Raises:
            ConfigError: There is no such count.
        """
        for counts in (self.work, self.links, self.loads):
            if name in counts:
                return np.asarray(counts[name].sum(axis=1), np.int64)
        known = ", ".join((*FIELDS, *LINK_FIELDS))
        raise ConfigError(f"no count of cores named '{name}', expected one of {known}")


class CoreCounter:
    """Counts by core; hand it to the fast simulator as its observer.

    Args:
        graph: The graph that runs.
        placement: Where its neurons lie.

    Raises:
        GraphError: if the placement does not fit the graph.
    """

    def __init__(self, graph: Graph, placement: Placement) -> None:
        self._placement = placement
        self._homes = homes(graph, placement)
        placed = [node for node in graph.order if node.runs_on == "neurocore"]
        found = {node.name: worker_of(graph, node, self._homes) for node in placed}
        self._workers = {name: worker for name, worker in found.items() if worker is not None}
        senders = [node.name for node in placed if state_bytes_per_value(node)]
        self._flows = FlowCounter(graph, senders, self._homes, len(placement.cores))
        self._work: list[IntArray] = []
        self._sent: list[IntArray] = []
        self._graph = graph

    def __call__(self, signals: Mapping[tuple[str, str], object]) -> None:
        """Count one frame of values by node and port."""
        work = np.zeros((len(FIELDS), len(self._placement.cores)), np.int64)
        for worker in self._workers.values():
            worker.count(signals, work)
        self._work.append(work)
        self._sent.append(self._flows.count(signals))

    def restart(self) -> None:
        """Forget the frames seen so far, for another clip of the same network."""
        self._work, self._sent = [], []

    def counts(self) -> CoreCounts:
        """The counts of the frames seen so far."""
        cores = len(self._placement.cores)
        work = np.array(self._work, np.int64).reshape(len(self._work), len(FIELDS), cores)
        by_name = {name: work[:, i] for i, name in enumerate(FIELDS)}
        flows = self._flows.flows(self._sent)
        return CoreCounts(
            placement=self._placement,
            work={name: by_name[name] for name in WORK_FIELDS},
            links=links_of(flows, self._placement),
            loads={name: by_name[name] for name in LOAD_FIELDS},
            flows=flows,
            state_bytes=self._state_bytes(),
            weight_bytes=self._weight_bytes(),
        )

    def _state_bytes(self) -> IntArray:
        total = np.zeros(len(self._placement.cores), np.int64)
        for node in self._graph.nodes:
            each = state_bytes_per_value(node) if node.runs_on == "neurocore" else 0
            if each:
                total += each * np.bincount(self._homes[node.name], minlength=total.size)
            if node.kind == "LinearAttention":
                total += _running_sums(node, self._homes[node.name], total.size)
        return total

    def _weight_bytes(self) -> IntArray:
        """Of each connection the weights towards output channels that lie on a core."""
        total = np.zeros(len(self._placement.cores), np.int64)
        for node in self._graph.nodes:
            weight = node.attributes().get("weight")
            home = self._homes[node.name]
            if isinstance(node, Sparse):
                total += np.bincount(home[node.targets], minlength=total.size)
            elif weight is not None and node.runs_on == "neurocore":
                needed = np.zeros((total.size, weight.shape[0]), np.bool_)
                needed[home, np.arange(home.size) % weight.shape[0]] = True
                total += weight.size // weight.shape[0] * needed.sum(axis=1)
            elif node.kind in ("SumPool", "Skip", "Regroup"):
                total[np.unique(home)] += 1
        return total


def _running_sums(node: object, home: IntArray, cores: int) -> IntArray:
    """Bytes of S: every core that holds outputs of a head keeps that head's sums."""
    tokens, heads, dim = (getattr(node, key) for key in ("tokens", "heads", "head_dim"))
    by_head = home.reshape(tokens, heads, dim)
    total = np.zeros(cores, np.int64)
    for h in range(heads):
        total[np.unique(by_head[:, h])] += SUM_BYTES * dim**2
    return total


def count_cores(
    graph: Graph, placement: Placement, inputs: Mapping[str, npt.NDArray[np.integer[Any]]]
) -> CoreCounts:
    """Run a clip on the fast simulator and count by core.

    Args:
        graph: A balanced graph of the quantised dialect.
        placement: Where its neurons lie.
        inputs: Integer array (T, *shape) for each Input node.

    Raises:
        GraphError: if the placement does not fit the graph, or the graph cannot be run.
        InputError: if an input is not what its node takes.
    """
    counter = CoreCounter(graph, placement)
    simulator = FastSimulator(graph, (), observer=counter)
    for f in range(len(next(iter(inputs.values()), ()))):
        simulator.step({name: array[f] for name, array in inputs.items()})
    return counter.counts()
