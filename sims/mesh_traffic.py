"""Traffic on the links of a mesh: along the row of routers first, then along the column."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from conversion.node import IntArray
from conversion.placement import NOWHERE, Placement
from sims.flows import Flows

Router = tuple[int, int, int]
"""Chip, column, row."""


@dataclass(frozen=True)
class Link:
    """One direction of the wires between two neighbouring routers of a chip."""

    start: Router
    end: Router

    def __str__(self) -> str:
        (chip, x, y), (_, u, v) = self.start, self.end
        return f"chip {chip} ({x},{y})→({u},{v})"


@dataclass(frozen=True, eq=False)
class Traffic:
    """Messages on each link; the ways between chips are not modelled.

    Args:
        links: The links that carry something.
        messages: int64 (T, links).
        bits: int64 (T, links), bits of the payloads; addresses come on top.
    """

    links: tuple[Link, ...]
    messages: IntArray
    bits: IntArray


def traffic_of(flows: Flows, placement: Placement) -> Traffic:
    """Send the messages of every pair of cores over the mesh.

    Args:
        flows: Messages by pair of cores.
        placement: Where the cores lie.

    Returns:
        What each link carried in each frame.
    """
    routers = [(c.chip, c.x, c.y) for c in placement.cores]
    pairs: dict[tuple[Router, Router], list[int]] = {}
    for index, (source, target) in enumerate(zip(flows.source, flows.target, strict=True)):
        if target == NOWHERE:
            continue
        ends = routers[int(source)], routers[int(target)]
        if ends[0][0] == ends[1][0] and ends[0] != ends[1]:
            pairs.setdefault(ends, []).append(index)
    places: dict[Link, int] = {}
    found = np.zeros((2, len(flows.messages), 0), np.int64)
    for ends, members in pairs.items():
        along = np.array([places.setdefault(link, len(places)) for link in way(*ends)])
        grown = np.zeros((*found.shape[:2], len(places) - found.shape[2]), np.int64)
        found = np.concatenate((found, grown), axis=2) if grown.shape[2] else found
        for part, counted in zip(found, (flows.messages, flows.bits), strict=True):
            part[:, along] += counted[:, members].sum(axis=1)[:, None]
    return Traffic(tuple(places), found[0], found[1])


def way(start: Router, end: Router) -> list[Link]:
    """The links from one router of a chip to another."""
    chip, x, y = start
    passed = [start]
    while x != end[1]:
        x += 1 if end[1] > x else -1
        passed.append((chip, x, y))
    while y != end[2]:
        y += 1 if end[2] > y else -1
        passed.append((chip, x, y))
    return [Link(a, b) for a, b in pairwise(passed)]
