"""Messages from core to core, counted while a network runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from conversion.graph import Graph
from conversion.node import IntArray
from conversion.placement import NOWHERE, Placement
from conversion.reach import destinations
from sims.core_work import add_at, bits_of, values_of

LINK_FIELDS = ("copies", "hops_east_west", "hops_north_south", "between_chips", "off_mesh")

TABLE_MAX = 2**26
"""Pairs of cores up to which a table is quicker than sorting, and small enough."""


@dataclass(frozen=True, eq=False)
class Flows:
    """Copies of messages by frame and pair of cores.

    Args:
        source: int64 (pairs,), index of the core that sends.
        target: int64 (pairs,), index of the core that takes the copy;
            :data:`~conversion.placement.NOWHERE` for a processor or the host.
        messages: int64 (T, pairs).
        bits: int64 (T, pairs), bits of their payloads.
    """

    source: IntArray
    target: IntArray
    messages: IntArray
    bits: IntArray


class FlowCounter:
    """Knows the way of every message before it is sent, and counts those that are.

    Args:
        graph: The graph.
        senders: Nodes that send.
        homes: Core of each value by node.
        cores: Number of cores.
    """

    def __init__(
        self, graph: Graph, senders: Sequence[str], homes: Mapping[str, IntArray], cores: int
    ) -> None:
        keys = [np.zeros(0, np.int64)]
        self._values: list[tuple[str, bool, IntArray]] = []
        for name in senders:
            value, target = destinations(graph, homes, name)
            keys.append(homes[name][value] * (cores + 1) + target + 1)  # NOWHERE is −1
            self._values.append((name, graph.by_name[name].kind == "LIF", value))
        self._pairs, place = numbered(np.concatenate(keys), cores * (cores + 1))
        ends = np.cumsum([value.size for _, _, value in self._values])
        self._place = np.split(place, ends[:-1]) if self._values else []
        self._span = cores + 1

    def count(self, signals: Mapping[tuple[str, str], Any]) -> IntArray:
        """Messages and bits of a frame, (2, pairs)."""
        found = np.zeros((2, self._pairs.size), np.int64)
        for (name, spikes, value), place in zip(self._values, self._place, strict=True):
            sent = values_of(signals[name, "out"]).reshape(-1)[value]
            going = np.flatnonzero(sent)
            pair = place[going]
            found[0] += np.bincount(pair, minlength=self._pairs.size)
            bits = np.ones(going.size, np.int64) if spikes else bits_of(sent[going])
            add_at(found[1], pair, bits)
        return found

    def flows(self, frames: Sequence[IntArray]) -> Flows:
        """What :meth:`count` gave for each frame, put together."""
        found = np.array(frames, np.int64).reshape(len(frames), 2, self._pairs.size)
        source, target = np.divmod(self._pairs, self._span)
        return Flows(source, target - 1, found[:, 0], found[:, 1])


def numbered(keys: IntArray, span: int) -> tuple[IntArray, IntArray]:
    """The different keys, ascending, and the place of each key among them.

    Args:
        keys: From 0 to below span.
        span: Above every key.
    """
    if span > TABLE_MAX:
        found, place = np.unique(keys, return_inverse=True)
        return found, place.reshape(-1)
    seen = np.zeros(span, np.bool_)
    seen[keys] = True
    found = np.flatnonzero(seen)
    table = np.zeros(span, np.int32)
    table[found] = np.arange(found.size, dtype=np.int32)
    return found, table[keys].astype(np.int64)


def links_of(flows: Flows, placement: Placement) -> dict[str, IntArray]:
    """What the messages do on the mesh, on the core that sends.

    Args:
        flows: The messages.
        placement: The cores.

    Returns:
        int64 (T, cores) by count of :data:`LINK_FIELDS`.
    """
    places = np.array([(c.chip, c.x, c.y) for c in placement.cores], np.int64)
    inside = flows.target != NOWHERE
    start, end = places[flows.source], places[flows.target]
    same = inside & (start[:, 0] == end[:, 0])
    ways = (
        inside,
        np.where(same, np.abs(start[:, 1] - end[:, 1]), 0),
        np.where(same, np.abs(start[:, 2] - end[:, 2]), 0),
        inside & ~same,
        ~inside,
    )
    found = {}
    for name, way in zip(LINK_FIELDS, ways, strict=True):
        total = np.zeros((len(placement.cores), len(flows.messages)), np.int64)
        np.add.at(total, flows.source, (flows.messages * way.astype(np.int64)).T)
        found[name] = total.T
    return found
