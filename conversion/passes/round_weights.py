"""Round every weight to the 8-bit multiple of its layer's step.

The graph stays one of floats, so what rounding costs by itself can be measured: W becomes
step · W_int with W_int = rint(W / step), which the next pass recovers exactly, because a product
with a number below 2^7 and the division by the same step are each off by one unit in the last place
at most.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from conversion.float_nodes import FloatArray, FloatConv, FloatDense
from conversion.graph import Graph
from conversion.node import IntArray
from conversion.nodes import WEIGHT_MAX
from conversion.scale_plan import WeightScale, plan_of
from depth_snn.errors import GraphError


def integer_weight(weight: FloatArray, scale: WeightScale) -> IntArray:
    """W_int of a layer, of the shape of ``weight``."""
    return np.asarray(np.rint(weight / scale.step), np.int64)


def round_weights(graph: Graph) -> Graph:
    """The same float graph with weights of at most 8 bits each.

    Raises:
        GraphError: if the graph has no scales, or naming a layer whose step is too fine for it.
    """
    plan = plan_of(graph)
    nodes = [
        _rounded(n, plan.weights[n.name]) if isinstance(n, FloatDense | FloatConv) else n
        for n in graph.nodes
    ]
    return replace(graph, nodes=tuple(nodes))


def _rounded(node: FloatDense | FloatConv, scale: WeightScale) -> FloatDense | FloatConv:
    whole = integer_weight(node.weight, scale)
    peak = int(np.abs(whole).max(initial=0))
    if peak > WEIGHT_MAX:
        raise GraphError(
            f"node {node.name!r}: weight {peak} in steps of {scale.step:.3g} is beyond "
            f"±{WEIGHT_MAX}; choose the scales from this graph's own weights"
        )
    return replace(node, weight=whole * scale.step)
