"""The work of one node by core."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from conversion.graph import Graph
from conversion.node import IntArray
from conversion.nodes import LIF, Delta, LinearAttention, Node
from conversion.reach import CONNECTIONS, synapses_of
from sims.fast.past import key_of
from sims.fast.rows import Rows, dense

WORK_FIELDS = (
    "spikes", "messages", "message_bits", "synaptic_operations", "updates_active", "updates_idle",
)  # fmt: skip
LOAD_FIELDS = ("product_operations", "memory_words")
FIELDS = (*WORK_FIELDS, *LOAD_FIELDS)
SPIKES, MESSAGES, BITS, OPERATIONS, ACTIVE, IDLE, PRODUCTS, WORDS = range(len(FIELDS))
WEIGHTS_PER_WORD = 8
"""Weights that one read of synaptic memory brings: 64 bits of 8-bit weights; our choice."""
Signals = Mapping[tuple[str, str], Any]
Key = tuple[str, str]


class Worker(Protocol):
    """Counts one node's work."""

    def count(self, signals: Signals, work: IntArray) -> None:
        """Add a frame's work to (fields, cores)."""


def worker_of(graph: Graph, node: Node, homes: Mapping[str, IntArray]) -> Worker | None:
    """What counts a node's work; None where it does none."""
    home = homes[node.name]
    feeds = {
        port: [key_of(graph, e) for e in graph.incoming[node.name] if e.port == port]
        for port in node.inputs
    }
    if isinstance(node, CONNECTIONS):
        return _Synapses(node, home, feeds["in"][0])
    if isinstance(node, LinearAttention):
        return _Products(node, home, feeds)
    if isinstance(node, LIF):
        return _Population(node, home, feeds["in"])
    if isinstance(node, Delta) or node.kind == "StockSigmaDelta":
        return _Encoder(node, home, feeds)
    return None


def values_of(signal: Any) -> IntArray:
    """A signal as a whole array."""
    return dense(signal) if isinstance(signal, Rows) else np.asarray(signal)


def by_core(home: IntArray, chosen: npt.NDArray[Any], cores: int) -> IntArray:
    """How many of the chosen values, a mask or indices, lie on each core."""
    return np.bincount(home[chosen.reshape(-1)], minlength=cores)


class _Synapses:
    def __init__(self, node: Node, home: IntArray, feed: Key) -> None:
        self._reach, self._feed = synapses_of(node, home), feed

    def count(self, signals: Signals, work: IntArray) -> None:
        reach = self._reach
        events = np.flatnonzero(values_of(signals[self._feed])) // reach.divisor
        if events.size:
            met = np.bincount(events, minlength=int(reach.unit.max(initial=0)) + 1)
            add_at(work[OPERATIONS], reach.core, met[reach.unit] * reach.synapses)
            words = -(-reach.synapses // WEIGHTS_PER_WORD)
            add_at(work[WORDS], reach.core, met[reach.unit] * words)


class _Encoder:
    def __init__(self, node: Any, home: IntArray, feeds: Mapping[str, list[Key]]) -> None:
        self._home, self._channels, self._key = home, node.channels, (node.name, "out")
        gated = getattr(node, "gated", False)
        self._gate = (feeds["gate"][0], node.stage) if gated else None
        self._all = np.ones(node.tokens, np.bool_)

    def count(self, signals: Signals, work: IntArray) -> None:
        opened = self._all if self._gate is None else _opened(signals, *self._gate)
        cores = work.shape[1]
        active = by_core(self._home, np.repeat(opened, self._channels), cores)
        work[ACTIVE] += active
        work[IDLE] += np.bincount(self._home, minlength=cores) - active
        count_messages(self._home, values_of(signals[self._key]), work)


class _Products:
    def __init__(
        self, node: LinearAttention, home: IntArray, feeds: Mapping[str, list[Key]]
    ) -> None:
        self._node, self._home, self._key = node, home, (node.name, "out")
        self._k, self._v = feeds["k"][0], feeds["v"][0]
        self._gate = (feeds["gate"][0], node.stage) if node.gated else None

    def count(self, signals: Signals, work: IntArray) -> None:
        node, cores = self._node, work.shape[1]
        k, v = values_of(signals[self._k]), values_of(signals[self._v])
        changed = k.any(axis=1) | v.any(axis=1)
        opened = np.ones(node.tokens, np.bool_)
        if self._gate is not None:
            opened = _opened(signals, *self._gate)
        # Of a head's 2·d² products of a changed token, and d² of an open one, each of its d outputs
        # has its share.
        width = node.heads * node.head_dim
        products = node.head_dim * (
            2 * by_core(self._home, np.repeat(changed, width), cores)
            + by_core(self._home, np.repeat(opened, width), cores)
        )
        work[OPERATIONS] += products
        work[PRODUCTS] += products
        count_messages(self._home, values_of(signals[self._key]), work)


class _Population:
    def __init__(self, node: LIF, home: IntArray, feeds: list[Key]) -> None:
        self._home, self._feeds, self._name = home, feeds, node.name

    def count(self, signals: Signals, work: IntArray) -> None:
        cores = work.shape[1]
        drive = sum(values_of(signals[feed]) for feed in self._feeds)
        membrane = values_of(signals[self._name, "membrane"])
        active = by_core(self._home, (drive != 0) | (membrane != 0), cores)
        work[ACTIVE] += active
        work[IDLE] += np.bincount(self._home, minlength=cores) - active
        fired = by_core(self._home, values_of(signals[self._name, "out"]) != 0, cores)
        work[SPIKES] += fired
        work[BITS] += fired


def _opened(signals: Signals, gate: Key, stage: int) -> npt.NDArray[np.bool_]:
    return np.asarray(values_of(signals[gate])[stage] == 1)


def count_messages(home: IntArray, out: IntArray, work: IntArray) -> None:
    """Add a node's messages, and the bits of their payloads, to (fields, cores)."""
    flat = out.reshape(-1)
    sent = np.flatnonzero(flat)
    add_at(work[MESSAGES], home[sent], np.ones(sent.size, np.int64))
    add_at(work[BITS], home[sent], bits_of(flat[sent]))


def bits_of(values: IntArray) -> IntArray:
    """Bits of each whole number as the shortest two's complement, for |x| below 2⁵²."""
    rest = np.where(values >= 0, values, ~values)
    return np.frexp(rest.astype(np.float64))[1].astype(np.int64) + 1


def add_at(total: IntArray, place: IntArray, values: IntArray) -> None:
    """``total[place] += values``, places standing several times; sums stay below 2⁵³."""
    total += np.bincount(place, values, total.size).astype(np.int64)
