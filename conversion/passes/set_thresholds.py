"""Give every encoder the smallest change it sends.

A threshold is in units of the encoder's own messages (one LSB of it). It changes what is sent,
never what is kept: a change that is too small stays in `sigma` and adds up, so nothing drifts, and
the receiver is off by less than the threshold (docs/fixed_point.md §3). 0 and 1 send every change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from conversion.graph import Graph
from conversion.nodes import Delta
from depth_snn.errors import GraphError

DEFAULT, STEM = "default", "stem"
"""Keys for all encoders that nothing else names, and for those without a gate."""
THRESHOLD_MAX = 2**23 - 1
"""Beyond the widest message nothing would ever be sent (docs/fixed_point.md §9)."""

Thresholds = int | Mapping[str, int]
"""One number for all encoders, or numbers by name of an encoder, ``stage0`` … ``stageL``, ``stem``
(all without a gate) and ``default``; the first of these that is given decides, and 0 if none."""


class UnknownEncoder(GraphError):
    """A threshold is given for an encoder that the graph does not have."""


def set_thresholds(graph: Graph, thresholds: Thresholds) -> Graph:
    """The same quantised graph whose encoders have other thresholds.

    Args:
        graph: A graph in the quantised dialect.
        thresholds: One number or a mapping.

    Raises:
        UnknownEncoder: naming a key that is no encoder and no stage of this graph.
        GraphError: naming a value that is no whole number from 0 up.
    """
    chosen = thresholds_of(graph, thresholds)
    nodes = [
        replace(n, threshold=chosen[n.name]) if isinstance(n, Delta) else n for n in graph.nodes
    ]
    return replace(graph, nodes=tuple(nodes))


def thresholds_of(graph: Graph, thresholds: Thresholds) -> dict[str, int]:
    """Threshold of each encoder by its name; see :func:`set_thresholds`."""
    given = {DEFAULT: thresholds} if isinstance(thresholds, int) else dict(thresholds)
    encoders = [n for n in graph.nodes if isinstance(n, Delta)]
    stages = {group_of(n) for n in encoders}
    unknown = sorted(given.keys() - {n.name for n in encoders} - stages - {DEFAULT})
    if unknown:
        raise UnknownEncoder(
            f"threshold of {unknown[0]!r}: graph {graph.name!r} has no such encoder; expected one "
            f"of {', '.join(n.name for n in encoders)}, {', '.join(sorted(stages))} or {DEFAULT}"
        )
    for name, value in given.items():
        if type(value) is not int or not 0 <= value <= THRESHOLD_MAX:
            raise GraphError(
                f"threshold of {name!r} is {value!r}; expected a whole number from 0 to "
                f"{THRESHOLD_MAX}"
            )

    def of(node: Delta) -> int:
        keys = (node.name, group_of(node), DEFAULT)
        return next((given[key] for key in keys if key in given), 0)

    return {n.name: of(n) for n in encoders}


def group_of(node: Delta) -> str:
    """Key of the encoders that open together: ``stem``, or the stage of the gate."""
    return f"stage{node.stage}" if node.gated else STEM
