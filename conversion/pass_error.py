"""How far a graph's values are from those of the network it was made of, in units of its integers.

One LSB of a node is what one unit of its messages stands for in the finished integer graph. Values
are handed in: floats from :func:`conversion.evaluate.evaluate_float`, integers from whichever
simulator the caller has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from conversion.float_nodes import FloatConv, FloatNorm
from conversion.graph import Graph
from depth_snn.errors import GraphError

Values = Mapping[str, npt.NDArray[Any]]


def shown_by(graph: Graph) -> dict[str, str]:
    """For each node, the one whose value it has once norms are folded: itself, or its norm.

    A Conv that only feeds a norm becomes that norm; all other folding changes no value.
    """
    shown = {node.name: node.name for node in graph.nodes}
    for node in graph.nodes:
        users = [graph.by_name[e.target] for e in graph.edges if e.source == node.name]
        if isinstance(node, FloatConv) and not node.relu and len(users) == 1:
            (user,) = users
            if isinstance(user, FloatNorm):
                shown[node.name] = user.name
    return shown


@dataclass
class PassError:
    """Errors of one graph against the network, gathered frame by frame.

    Attributes:
        scales: What one unit of each node stands for; these nodes are compared.
        largest: Largest error of each node so far, in its LSB.
    """

    scales: Mapping[str, float]
    largest: dict[str, float] = field(default_factory=dict)
    _sum: dict[str, float] = field(default_factory=dict)
    _count: dict[str, int] = field(default_factory=dict)

    def add(self, expected: Values, found: Values) -> None:
        """Note one frame.

        Args:
            expected: Values of the network by node, in real units.
            found: Values of the graph by node, in real units and of the same shapes.

        Raises:
            GraphError: naming a node that is missing or has another shape.
        """
        for name, scale in self.scales.items():
            if name not in expected or name not in found:
                raise GraphError(f"node {name!r}: no value to compare")
            want, got = np.asarray(expected[name]), np.asarray(found[name])
            if want.shape != got.shape:
                raise GraphError(f"node {name!r}: values {got.shape} and {want.shape} differ")
            error = np.abs(got - want) / scale
            self.largest[name] = max(self.largest.get(name, 0.0), float(error.max()))
            self._sum[name] = self._sum.get(name, 0.0) + float(error.sum())
            self._count[name] = self._count.get(name, 0) + error.size

    def worst(self, without: str = "") -> tuple[str, float]:
        """Node with the largest error, and that error in its LSB.

        Args:
            without: A node to leave out: an Output, whose sums are much finer than any message.

        Raises:
            GraphError: if no frame was added.
        """
        found = {name: error for name, error in self.largest.items() if name != without}
        if not found:
            raise GraphError("no frame was compared; give at least one")
        return max(found.items(), key=lambda item: item[1])

    def mean(self, name: str) -> float:
        """Mean absolute error of a node, in its LSB."""
        return self._sum[name] / self._count[name]
