"""Units of what stays on the host.

A host node divides, so the scale of what it shows is free: ``gain`` is chosen so that the largest
value of the calibration clip just fits the encoder behind it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from conversion.float_host_nodes import (
    FloatGelu,
    FloatLayerNorm,
    FloatPlace,
    FloatSoftmaxAttention,
)
from conversion.float_nodes import FloatConv, FloatNode
from conversion.host_nodes import ATTENTION_GAIN_MAX, NORM_FLOOR_MAX, NORM_GAIN_MAX
from conversion.nodes import Node
from conversion.quant_config import QuantConfig
from conversion.scale_plan import CodeScale, HostScale
from depth_snn.errors import GraphError

if TYPE_CHECKING:
    from conversion.passes.choose_scales import Chooser


def host_top(users: Sequence[Node], config: QuantConfig) -> int | None:
    """Largest integer of an encoder that host nodes read; None where none of them does."""
    if any(isinstance(u, FloatSoftmaxAttention) for u in users):
        return config.qkv_max
    return config.table_max if any(isinstance(u, FloatGelu) for u in users) else None


def norm_scale(work: Chooser, node: FloatLayerNorm) -> None:
    """One unit of the answer is 1/gain."""
    top, scale = work.config.norm_max, _codes(work, node)["in"].scale
    gain = _gain(top / work.range_of(node.name), NORM_GAIN_MAX)
    # ε in units of the sum that stands for C²·variance, so that both roots are of one kind.
    floor = round(min(node.channels**2 * node.eps / scale**2, NORM_FLOOR_MAX))
    work.plan.hosts[node.name] = HostScale(gain, max(floor, 1))
    work.encode(node.name, 1 / gain, top)


def table_scale(work: Chooser, node: FloatGelu) -> None:
    """A table answers in any unit: that in which the largest value is the top."""
    _codes(work, node)
    top = work.config.hidden_max
    scale = work.range_of(node.name) / top
    work.plan.codes[node.name] = CodeScale(node.name, scale, scale, 0, top)


def softmax_scale(work: Chooser, node: FloatSoftmaxAttention) -> None:
    """A mean of values times a gain."""
    top, unit = work.config.y_max, _codes(work, node)["v"].scale
    gain = _gain(top * unit / work.range_of(node.name), ATTENTION_GAIN_MAX)
    work.plan.hosts[node.name] = HostScale(gain)
    work.encode(node.name, unit / gain, top)


def place_scale(work: Chooser, node: FloatPlace) -> None:
    """A convolution's sums, whose encoder stands behind the placing."""
    (source,) = work.sources(node)
    if not isinstance(source, FloatConv) or source.relu or source.bias.any():
        raise GraphError(f"node {node.name!r}: expected a convolution without bias in front of it")
    work.encode(node.name, work.weigh(source), work.config.residual_max)


def _codes(work: Chooser, node: FloatNode) -> dict[str, CodeScale]:
    """What carries the value on each port."""
    codes = {}
    for edge in work.graph.incoming[node.name]:
        if edge.source not in work.plan.codes:
            raise GraphError(f"node {node.name!r}: {edge.source!r} in front of it has no encoder")
        codes[edge.port] = work.plan.codes[edge.source]
    return codes


def _gain(per_unit: float, most: int) -> int:
    return min(max(math.floor(per_unit), 1), most)
