"""Bytes that a node keeps: its state between frames, and its weights (docs/fixed_point.md §9, §10).

What the widths of §9 need, each number in whole bytes, weights once however often they are used. A
chip's own layout takes more; that is for a placement to say.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from conversion.node import Node

MESSAGE_BYTES, SUM_BYTES, POTENTIAL_BYTES, REGISTER_BYTES, NORM_BYTES = 3, 4, 3, 8, 2
"""24-bit messages and what adds up to them; 32-bit sums; 24-bit u and v; 64 bits; 16 bits."""


def state_bytes(node: Node) -> int:
    """Bytes of state of a whole node; 0 for one without state."""
    rule = _STATE.get(node.kind)
    return int(rule(node)) if rule is not None else 0


def state_bytes_per_value(node: Node) -> int:
    """Bytes of state that come with each value of a neuron's port ``out``, sums per head apart."""
    if node.kind == "LinearAttention":
        return 3 * MESSAGE_BYTES
    return state_bytes(node) // prod(node.output_shape("out")) if node.kind in _NEURONS else 0


def weight_bytes(node: Node) -> int:
    """Bytes of a connection's weights: 1 each, and 1 where all synapses have the same."""
    if node.kind in ("Dense", "Conv", "Sparse"):
        weight: Any = node.attributes()["weight"]
        return int(weight.size)
    return 1 if node.kind in ("SumPool", "Skip", "Regroup") else 0


def _values(node: Any) -> int:
    shape: tuple[int, ...] = node.output_shape("out")
    return prod(shape)


def _attention(node: Any) -> int:
    return 3 * MESSAGE_BYTES * _values(node) + SUM_BYTES * int(node.heads * node.head_dim**2)


def _softmax(node: Any) -> int:
    return 3 * MESSAGE_BYTES * _values(node) + SUM_BYTES * int(node.heads * node.tokens**2)


_NEURONS = ("Delta", "SigmaDelta", "StockSigmaDelta", "LIF")
_STATE: dict[str, Callable[[Any], int]] = {
    "Delta": lambda n: MESSAGE_BYTES * _values(n),
    "SigmaDelta": lambda n: (SUM_BYTES + MESSAGE_BYTES) * _values(n),
    "StockSigmaDelta": lambda n: 3 * SUM_BYTES * _values(n),
    "LIF": lambda n: 2 * POTENTIAL_BYTES * _values(n),
    "LinearAttention": _attention,
    "Delay": lambda n: SUM_BYTES * int(n.steps.sum()) * (_values(n) // n.steps.size),
    "RestoreGate": lambda n: REGISTER_BYTES * (2 * n.regions + 1),
    "Output": lambda n: REGISTER_BYTES * _values(n),
    "HostNorm": lambda n: NORM_BYTES * _values(n),
    "HostTable": lambda n: MESSAGE_BYTES * _values(n),
    "SoftmaxAttention": _softmax,
}
"""By kind: Delta keeps ``sent``; SigmaDelta ``sigma`` too; StockSigmaDelta three 32-bit states; LIF
u and v; LinearAttention q, k, v and S; a RestoreGate what it owes, strengths, and its purse."""
