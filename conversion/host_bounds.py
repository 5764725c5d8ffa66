"""Interval bounds of the host nodes (docs/fixed_point.md, Host nodes)."""

from __future__ import annotations

from collections.abc import Mapping
from math import isqrt

import numpy as np

from conversion.host_nodes import (
    NORM_BITS,
    NORM_GUARD,
    OPERAND_BITS,
    HostNode,
    HostNorm,
    HostTable,
    SoftmaxAttention,
)
from depth_snn.errors import GraphError


def host_bound(node: HostNode, ins: Mapping[str, int]) -> tuple[int, int]:
    """Largest magnitude of what a node shows, and of its 32-bit registers.

    Args:
        node: The node.
        ins: Largest magnitude of the accumulated value on each port.

    Raises:
        GraphError: where what is added up may leave the register for it.
    """
    limit = (1 << ((NORM_BITS if isinstance(node, HostNorm) else OPERAND_BITS) - 1)) - 1
    for port in node.inputs:
        if port != "gate" and ins[port] > limit:
            raise GraphError(
                f"node {node.name!r}: port {port!r} may add up to {ins[port]}, beyond {limit}; "
                "use fewer bits in front of it"
            )
    if isinstance(node, HostNorm):
        shown = _norm_peak(node)
        return shown, shown
    if isinstance(node, HostTable):
        shown = int(np.abs(node.table).max())
        return shown, shown
    assert isinstance(node, SoftmaxAttention)
    shown = node.gain * ins["v"]
    return shown, max(shown, node.head_dim * ins["q"] * ins["k"])


def _norm_peak(node: HostNorm) -> int:
    """At least ``gain · √(C−1) · (1 + 2^−4) + 1/2``.

    No value lies further than σ·√(C−1) from the mean.
    """
    root = node.gain * (isqrt(node.channels) + 1)
    return root + (root >> NORM_GUARD) + 2
