"""Nodes put in an order in which what an edge starts at comes before what it leads to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from conversion.node import Node


def in_order(
    nodes: Sequence[Node], links: Iterable[tuple[str, str]]
) -> tuple[tuple[Node, ...], tuple[str, ...]]:
    """Sort nodes by links (source, target); nodes that are ready together keep their order.

    Args:
        nodes: The nodes, names unique.
        links: Pairs of their names.

    Returns:
        The nodes that could be placed, and the sorted names of those on or behind a cycle.
    """
    places = {n.name: i for i, n in enumerate(nodes)}
    waiting = dict.fromkeys(places, 0)
    after: dict[str, list[str]] = {name: [] for name in places}
    for source, target in links:
        waiting[target] += 1
        after[source].append(target)
    done: list[Node] = []
    ready = [name for name, count in waiting.items() if not count]
    while ready:
        done.extend(nodes[places[name]] for name in ready)
        freed = []
        for name in ready:
            del waiting[name]
            for target in after[name]:
                waiting[target] -= 1
                if not waiting[target]:
                    freed.append(target)
        ready = sorted(freed, key=places.__getitem__)
    return tuple(done), tuple(sorted(waiting))
