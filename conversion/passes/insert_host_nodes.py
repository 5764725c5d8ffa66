"""Integer forms of what stays on the host: its constants, and the encoder behind it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from conversion.evaluate_host import gelu
from conversion.float_host_nodes import (
    FloatGelu,
    FloatLayerNorm,
    FloatPlace,
    FloatSoftmaxAttention,
)
from conversion.float_nodes import FloatConv, FloatNode
from conversion.graph import Edge
from conversion.host_nodes import EXP_TOP_MAX, HostNode, HostNorm, HostTable, SoftmaxAttention
from conversion.nodes import Delta, IntArray, Regroup
from depth_snn.errors import GraphError

if TYPE_CHECKING:
    from conversion.passes.insert_sigma_delta import Inserter

EXP_ENTRIES = 2**13
"""Most entries that a table of exponentials gets here."""


def insert_norm(work: Inserter, node: FloatLayerNorm) -> None:
    """A HostNorm and its encoder."""
    scale = work.plan.hosts[node.name]
    host = HostNorm(
        name=f"{node.name}.norm", tokens=node.tokens, channels=node.channels, stage=node.stage,
        gated=node.gated, floor=scale.floor, gain=scale.gain,
    )  # fmt: skip
    _put(work, node, host)


def insert_table(work: Inserter, node: FloatGelu) -> None:
    """The function at every integer that the encoder in front can send."""
    (edge,) = work.graph.incoming[node.name]
    code = work.plan.codes[edge.source]
    before = next(n for n in work.nodes if n.name == code.code)
    if not isinstance(before, Delta):
        raise GraphError(f"node {node.name!r}: expected a layer of its own in front of it")
    values = gelu(np.arange(before.lo, before.hi + 1) * code.scale, node.tanh)
    table = np.rint(values / work.plan.codes[node.name].unit).astype(np.int64)
    host = HostTable(
        name=f"{node.name}.table", tokens=node.tokens, channels=node.channels, stage=node.stage,
        gated=node.gated, lo=before.lo, table=table,
    )  # fmt: skip
    _put(work, node, host)


def insert_softmax(work: Inserter, node: FloatSoftmaxAttention) -> None:
    """A SoftmaxAttention and its encoder."""
    scales = {
        e.port: work.plan.codes[e.source].scale for e in work.graph.incoming[node.name]
    }  # fmt: skip
    table, shift = exponentials(scales["q"] * scales["k"])
    host = SoftmaxAttention(
        name=f"{node.name}.attention", tokens=node.tokens, heads=node.heads,
        head_dim=node.head_dim, stage=node.stage, gated=node.gated,
        exp_shift=shift, exp_table=table, gain=work.plan.hosts[node.name].gain,
    )  # fmt: skip
    _put(work, node, host)


def insert_place(work: Inserter, node: FloatPlace) -> None:
    """A convolution's sums handed to tokens, and one encoder for them with a bias per token."""
    (edge,) = work.graph.incoming[node.name]
    source = work.graph.by_name[edge.source]
    assert isinstance(source, FloatConv), "choose_scales refuses everything else"
    rows = Regroup(
        name=f"{node.name}.rows", positions=node.positions, channels=node.channels,
        index=node.index[:, None], exponent=0,
    )  # fmt: skip
    work.put(rows, work.synapses(source))
    work.encoder(node, node.bias, rows.name)


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


def _put(work: Inserter, node: FloatNode, host: HostNode) -> None:
    """The node, fed on its ports, and a delta encoder of the absolute values it shows."""
    work.nodes.append(host)
    work.edges += [
        Edge(source=work.plan.codes[e.source].code, target=host.name, port=e.port)
        for e in work.graph.incoming[node.name]
    ]
    code = work.plan.codes[node.name]
    encoder = Delta(
        name=node.name, tokens=node.tokens, channels=node.channels, stage=node.stage,
        gated=node.gated, bias=np.zeros(node.channels, np.int64), shift=code.shift,
        lo=-code.top, hi=code.top,
    )  # fmt: skip
    work.put(encoder, host.name)
