"""Loops of a NIR graph: which edge brings the spikes of the step before, and in what order to read.

NIR says nothing about steps. A population that the rest of the graph enters a loop by, and nothing
else does, begins the loop; what leads back to it comes one step later, as in snntorch and Lava.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from depth_snn.errors import GraphError

SPIKING = ("IF", "LIF", "CubaLIF", "Threshold")
"""Types that a loop may begin at: what they send is known before what comes in."""


@dataclass(frozen=True)
class Reading:
    """How to read a graph.

    Attributes:
        order: Names so that every node comes behind its sources, but behind none that sends it
            spikes from the beginning of its loop.
        back: Edges (source, target) that bring what was sent in the step before.
    """

    order: tuple[str, ...]
    back: frozenset[tuple[str, str]]


def reading_of(sources: Mapping[str, list[str]], kinds: Mapping[str, str]) -> Reading:
    """Order the nodes and find what closes their loops.

    Args:
        sources: By name, the nodes each one reads.
        kinds: NIR types by name.

    Raises:
        GraphError: naming the nodes of a loop that has no beginning, several, or loops within.
    """
    back: set[tuple[str, str]] = set()
    known: set[tuple[str, str]] = set()
    for loop in _loops(sources):
        through = f"NIR graph: recurrent through {', '.join(map(repr, sorted(loop)))}"
        entries = [name for name in sorted(loop) if not loop.issuperset(sources[name])]
        if len(entries) != 1:
            which = f"is entered at {', '.join(entries)}" if entries else "nothing enters the loop"
            raise GraphError(
                f"{through}; {which}, so which spikes come a step later is open: let the rest of "
                "the graph lead to one of its populations"
            )
        (first,) = entries
        if kinds[first] not in SPIKING:
            raise GraphError(
                f"{through}; it begins at {first!r}, a {kinds[first]}; only loops that begin at "
                f"{', '.join(SPIKING)} have an integer form here: unroll it, or add at a neuron"
            )
        back |= {(name, first) for name in sources[first] if name in loop}
        known |= {(first, name) for name in loop if first in sources[name]}
    forward = _without(sources, back)
    if within := _ordered(forward)[1]:
        raise GraphError(f"NIR graph: recurrent through {', '.join(map(repr, sorted(within)))}, "
                         "loops within loops; unroll the inner ones")  # fmt: skip
    return Reading(tuple(_ordered(_without(sources, known))[0]), frozenset(back))


def _without(sources: Mapping[str, list[str]], edges: set[tuple[str, str]]) -> dict[str, list[str]]:
    return {name: [s for s in before if (s, name) not in edges] for name, before in sources.items()}


def _ordered(sources: Mapping[str, list[str]]) -> tuple[list[str], set[str]]:
    """Names behind all they read, and those on or behind a loop; ready together, by name."""
    waiting = {name: set(before) for name, before in sources.items()}
    after = _turned(sources)
    done: list[str] = []
    ready = sorted(name for name, before in waiting.items() if not before)
    while ready:
        done += ready
        freed = []
        for name in ready:
            del waiting[name]
            for target in after[name]:
                waiting[target].discard(name)
                if not waiting[target]:
                    freed.append(target)
        # By name, so that one network in two orders of nodes makes one graph.
        ready = sorted(freed)
    return done, set(waiting)


def _turned(sources: Mapping[str, list[str]]) -> dict[str, list[str]]:
    after: dict[str, list[str]] = {name: [] for name in sources}
    for name, before in sources.items():
        for source in before:
            after[source].append(name)
    return after


def _loops(sources: Mapping[str, list[str]]) -> list[set[str]]:
    """Largest sets of nodes that lead to each other, or to themselves (Kosaraju)."""
    after, left = _turned(sources), set(sources)
    found = []
    for name in reversed(_finished(sources)):
        if name not in left:
            continue
        left.discard(name)
        part, stack = {name}, [name]
        while stack:
            for target in after[stack.pop()]:
                if target in left:
                    left.discard(target)
                    part.add(target)
                    stack.append(target)
        if len(part) > 1 or name in sources[name]:
            found.append(part)
    return found


def _finished(sources: Mapping[str, list[str]]) -> list[str]:
    """Names in the order in which a walk against the edges is done with them."""
    done: list[str] = []
    seen: set[str] = set()
    for root in sources:
        stack = [] if root in seen else [(root, iter(sources[root]))]
        seen.add(root)
        while stack:
            name, rest = stack[-1]
            fresh = next((s for s in rest if s not in seen), None)
            if fresh is None:
                done.append(name)
                stack.pop()
            else:
                seen.add(fresh)
                stack.append((fresh, iter(sources[fresh])))
    return done
