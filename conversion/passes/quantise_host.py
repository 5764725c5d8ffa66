"""Integer forms of what stays on the host: its constants, its scales, and the encoder behind it.

A host node divides, so the scale of what it shows is free: ``gain`` is chosen so that the largest
value of the calibration clip just fits the encoder behind it, which then has no shift of its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from conversion.evaluate_host import gelu
from conversion.float_host_nodes import (
    FloatGelu,
    FloatHostNode,
    FloatLayerNorm,
    FloatPlace,
    FloatSoftmaxAttention,
)
from conversion.float_nodes import FloatConv
from conversion.graph import Edge
from conversion.host_nodes import (
    ATTENTION_GAIN_MAX,
    EXP_TOP_MAX,
    NORM_FLOOR_MAX,
    NORM_GAIN_MAX,
    HostNode,
    HostNorm,
    HostTable,
    SoftmaxAttention,
)
from conversion.nodes import Delta, IntArray, LinearAttention, Node, Regroup
from conversion.quant_config import QuantConfig
from depth_snn.errors import GraphError

if TYPE_CHECKING:
    from conversion.passes.quantise import _Coded, _Quantiser

EXP_ENTRIES = 2**13
"""Most entries that a table of exponentials gets here."""


def host_top(users: Sequence[Node], config: QuantConfig) -> int | None:
    """Largest integer of an encoder that host nodes read; None where none of them does."""
    if any(isinstance(u, FloatSoftmaxAttention) for u in users):
        return config.qkv_max
    return config.table_max if any(isinstance(u, FloatGelu) for u in users) else None


def without_gate(node: Node) -> Node:
    """The node with every token open."""
    if isinstance(node, Delta | LinearAttention | HostNode):
        return replace(node, gated=False, stage=0)
    return node


def convert_host(work: _Quantiser, node: FloatHostNode) -> None:
    """Add a node's integer form and the encoder behind it.

    Raises:
        GraphError: naming a node that has no integer form, or that reads what it cannot.
    """
    if isinstance(node, FloatPlace):
        _place(work, node)
        return
    codes = _codes(work, node)
    peak = work.ranges[node.name]
    if isinstance(node, FloatLayerNorm):
        host, scale, top = _norm(work, node, codes["in"], peak)
    elif isinstance(node, FloatGelu):
        host, scale, top = _table(work, node, codes["in"], peak)
    elif isinstance(node, FloatSoftmaxAttention):
        host, scale, top = _softmax(work, node, codes, peak)
    else:
        raise GraphError(f"node {node.name!r}: {node.kind} has no integer form")
    work.nodes.append(host)
    work.edges += [Edge(source=c.name, target=host.name, port=p) for p, c in codes.items()]
    shift = max(0, math.ceil(math.log2(peak / (scale * top)) - 1e-12))
    encoder = Delta(
        name=node.name, tokens=node.tokens, channels=node.channels, stage=node.stage,
        gated=node.gated, bias=np.zeros(node.channels, np.int64), shift=shift, lo=-top, hi=top,
        threshold=work.config.threshold,
    )  # fmt: skip
    work.nodes.append(encoder)
    work.edges.append(Edge(source=host.name, target=node.name))
    work.code(node, scale * 2**shift)


def _codes(work: _Quantiser, node: FloatHostNode) -> dict[str, _Coded]:
    """What carries the value on each port."""
    codes = {}
    for edge in work.graph.incoming[node.name]:
        if edge.source not in work.coded:
            raise GraphError(f"node {node.name!r}: {edge.source!r} in front of it has no encoder")
        codes[edge.port] = work.coded[edge.source]
    return codes


def _gain(per_unit: float, most: int) -> int:
    return min(max(math.floor(per_unit), 1), most)


def _norm(
    work: _Quantiser, node: FloatLayerNorm, code: _Coded, peak: float
) -> tuple[HostNode, float, int]:
    top = work.config.norm_max
    gain = _gain(top / peak, NORM_GAIN_MAX)
    # ε in units of the sum that stands for C²·variance, so that both roots are of one kind.
    floor = round(min(node.channels**2 * node.eps / code.scale**2, NORM_FLOOR_MAX))
    host = HostNorm(
        name=f"{node.name}.norm", tokens=node.tokens, channels=node.channels, stage=node.stage,
        gated=node.gated,
        floor=max(floor, 1), gain=gain,
    )  # fmt: skip
    return host, 1 / gain, top


def _table(
    work: _Quantiser, node: FloatGelu, code: _Coded, peak: float
) -> tuple[HostNode, float, int]:
    """The function at every integer that the encoder in front can send."""
    before = next(n for n in work.nodes if n.name == code.name)
    if not isinstance(before, Delta):
        raise GraphError(f"node {node.name!r}: expected a layer of its own in front of it")
    top = work.config.hidden_max
    scale = peak / top
    values = gelu(np.arange(before.lo, before.hi + 1) * code.scale, node.tanh)
    host = HostTable(
        name=f"{node.name}.table", tokens=node.tokens, channels=node.channels, stage=node.stage,
        gated=node.gated,
        lo=before.lo, table=np.rint(values / scale).astype(np.int64),
    )  # fmt: skip
    return host, scale, top


def _softmax(
    work: _Quantiser, node: FloatSoftmaxAttention, codes: Mapping[str, _Coded], peak: float
) -> tuple[HostNode, float, int]:
    top, unit = work.config.y_max, codes["v"].scale
    gain = _gain(top * unit / peak, ATTENTION_GAIN_MAX)
    table, shift = exponentials(codes["q"].scale * codes["k"].scale)
    host = SoftmaxAttention(
        name=f"{node.name}.attention", tokens=node.tokens, heads=node.heads,
        head_dim=node.head_dim, stage=node.stage, gated=node.gated,
        exp_shift=shift, exp_table=table, gain=gain,
    )  # fmt: skip
    return host, unit / gain, top


def exponentials(unit: float) -> tuple[IntArray, int]:
    """Table of exp(−t·unit·2^shift)·2^20 for t = 0, 1, …, and the smallest shift that fits it.

    Args:
        unit: What one integer of a score is worth.

    Returns:
        Entries down to the last that is not 0, and the shift.
    """
    reach = math.log(2 * EXP_TOP_MAX)
    shift = max(0, math.ceil(math.log2(reach / (unit * EXP_ENTRIES))))
    steps = np.arange(min(EXP_ENTRIES, math.ceil(reach / (unit * 2**shift)) + 1))
    table = np.rint(EXP_TOP_MAX * np.exp(-steps * unit * 2**shift)).astype(np.int64)
    return table[: int(np.flatnonzero(table)[-1]) + 1], shift


def _place(work: _Quantiser, node: FloatPlace) -> None:
    """A convolution's sums handed to tokens, and one encoder for them with a bias per token."""
    (source,) = work._sources(node)
    if not isinstance(source, FloatConv) or source.relu or source.bias.any():
        raise GraphError(f"node {node.name!r}: expected a convolution without bias in front of it")
    name, unit = work._synapses(source)
    rows = Regroup(
        name=f"{node.name}.rows", positions=node.positions, channels=node.channels,
        index=node.index[:, None], exponent=0,
    )  # fmt: skip
    work._put(rows, name)
    work._encode(node, unit, node.bias, work.config.residual_max, rows.name)
