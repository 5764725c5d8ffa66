"""Measure how large every value gets on a calibration clip."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from conversion.evaluate import attention_state, evaluate_float
from conversion.float_nodes import FloatAttention, FloatInput
from conversion.graph import Graph
from depth_snn.errors import GraphError

QUANTILE = 0.9999
"""Share of a frame's values that must fit the range; the few beyond it are clipped."""


def calibrate(graph: Graph, clip: Iterable[npt.ArrayLike]) -> dict[str, float]:
    """Ranges of all values over a clip.

    Args:
        graph: A float graph without norms.
        clip: Grey levels (H, W, 3) of each calibration frame.

    Returns:
        Largest magnitude by node name (the 99.99 % quantile of each frame, largest over frames);
        for an attention node ``NAME``, ``NAME.state`` holds the largest magnitude of its state.

    Raises:
        GraphError: if the clip is empty or a value is not finite.
    """
    ranges: dict[str, float] = {}
    for picture in clip:
        values = evaluate_float(graph, picture)
        for node in graph.nodes:
            if isinstance(node, FloatInput):
                continue
            peak = float(np.quantile(np.abs(values[node.name]), QUANTILE))
            ranges[node.name] = max(ranges.get(node.name, 0.0), peak)
            if isinstance(node, FloatAttention):
                source = {e.port: values[e.source] for e in graph.incoming[node.name]}
                state = float(np.abs(attention_state(node, source["k"], source["v"])).max())
                key = f"{node.name}.state"
                ranges[key] = max(ranges.get(key, 0.0), state)
    if not ranges:
        raise GraphError("calibration needs at least one frame")
    broken = [name for name, value in ranges.items() if not np.isfinite(value)]
    if broken:
        raise GraphError(f"node {broken[0]!r}: values are not finite on the calibration clip")
    return {name: max(value, 1e-9) for name, value in ranges.items()}
