"""What the parts of a block compute in its fast leaf model (docs/fixed_point.md §3, §4, §5).

Each unit takes what arrives at a step and returns what it shows at that step. Those with a latency
of one show what they computed at the step before, so a block that holds several of them is a
pipeline inside: its answer comes as late as if each part were a process of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from conversion.nodes import Delta, Dense, LinearAttention, Node, SigmaDelta, Skip
from loihi.integers import MESSAGE_BITS, SUM_BITS, IntArray, hold, hold_sums, round_shift

Arrivals = Mapping[str, IntArray]
"""What stands at each input port, with the values of one port added up; flat."""


class Unit(Protocol):
    """A part of a block at work."""

    def step(self, arrived: Arrivals, step: int) -> IntArray:
        """Values shown at ``step``, counted from 0; flat."""


class DenseUnit:
    """Weights over the groups of channels in which something arrived."""

    def __init__(self, node: Dense, first: int) -> None:
        self.node = node
        self.groups = (node.tokens * node.repeat, node.weight.shape[1])
        self.columns = np.ascontiguousarray(node.weight.T)
        self.shown = np.zeros(self.groups[0] * node.weight.shape[0], np.int64)

    def step(self, arrived: Arrivals, step: int) -> IntArray:
        """See :class:`Unit`."""
        shown = self.shown
        values = arrived["in"].reshape(self.groups)
        rows = np.flatnonzero(values.any(axis=1))
        sums = np.zeros((self.groups[0], self.columns.shape[1]), np.int64)
        sums[rows] = (values[rows] @ self.columns) << self.node.exponent
        sums[rows] = hold_sums(sums[rows], self.node.exponent, self.node.name, step)
        self.shown = sums.reshape(-1)
        return shown


class SkipUnit:
    """The residual path."""

    def __init__(self, node: Skip, first: int) -> None:
        self.node = node
        self.shown = np.zeros(node.tokens * node.channels, np.int64)

    def step(self, arrived: Arrivals, step: int) -> IntArray:
        """See :class:`Unit`."""
        shown = self.shown
        values = arrived["in"] << self.node.exponent
        self.shown = hold_sums(values, self.node.exponent, self.node.name, step)
        return shown


class EncoderUnit:
    """Delta and SigmaDelta: only the open tokens are looked at after the sums."""

    def __init__(self, node: Delta, first: int) -> None:
        self.node, self.first = node, first
        shape = (node.tokens, node.channels)
        self.sums = isinstance(node, SigmaDelta)
        self.sigma = np.zeros(shape, np.int64)
        self.sent = np.zeros(shape, np.int64)
        self.bias = np.broadcast_to(node.bias, shape)

    def step(self, arrived: Arrivals, step: int) -> IntArray:
        """See :class:`Unit`."""
        node, values = self.node, arrived["in"].reshape(self.sigma.shape)
        if self.sums:
            self.sigma += values
            self.sigma = values = hold(self.sigma, SUM_BITS, node.name, "sigma", step)
        rows = self._open(arrived, step)
        message = np.zeros(self.sigma.shape, np.int64)
        act = round_shift(values[rows] + self.bias[rows], node.shift)
        delta = np.clip(act, node.lo, node.hi) - self.sent[rows]
        message[rows] = np.where(np.abs(delta) >= node.threshold, delta, 0)
        self.sent[rows] += message[rows]
        return hold(message, MESSAGE_BITS, node.name, "message", step).reshape(-1)

    def _open(self, arrived: Arrivals, step: int) -> IntArray:
        if not self.node.gated:
            return np.arange(self.node.tokens if step >= self.first else 0)
        mask = arrived["gate"].reshape(-1, self.node.tokens)
        return np.flatnonzero(mask[self.node.stage] == 1)


class AttentionUnit:
    """Linear attention: changed tokens leave the state and enter it anew."""

    def __init__(self, node: LinearAttention, first: int) -> None:
        self.node = node
        self.shape = (node.tokens, node.heads, node.head_dim)
        self.q, self.k, self.v = (np.zeros(self.shape, np.int64) for _ in range(3))
        self.state = np.zeros((node.heads, node.head_dim, node.head_dim), np.int64)
        self.shown = np.zeros(node.tokens * node.heads * node.head_dim, np.int64)

    def step(self, arrived: Arrivals, step: int) -> IntArray:
        """See :class:`Unit`."""
        shown, node = self.shown, self.node
        dq, dk, dv = (arrived[port].reshape(self.shape) for port in "qkv")
        rows = np.flatnonzero((dk != 0).any(axis=(1, 2)) | (dv != 0).any(axis=(1, 2)))
        self.state -= self._outer(rows)
        self.k += dk
        self.v += dv
        self.state += self._outer(rows)
        self.q += dq
        for name in ("q", "k", "v", "state"):
            setattr(self, name, hold(getattr(self, name), SUM_BITS, node.name, name, step))
        top = node.state_max
        matrix = np.clip(round_shift(self.state, node.state_shift), -top, top)
        answers = np.zeros(self.shape, np.int64)
        mask = arrived["gate"].reshape(-1, node.tokens)
        rows = np.flatnonzero(mask[node.stage] == 1)
        answers[rows] = np.matmul(self.q[rows].transpose(1, 0, 2), matrix).transpose(1, 0, 2)
        self.shown = hold(answers, SUM_BITS, node.name, "out", step).reshape(-1)
        return shown

    def _outer(self, rows: IntArray) -> IntArray:
        """Σ k vᵀ over some tokens, (H, d, d)."""
        return np.asarray(
            np.matmul(self.k[rows].transpose(1, 2, 0), self.v[rows].transpose(1, 0, 2))
        )


UNITS: dict[str, Any] = {
    "Dense": DenseUnit,
    "Skip": SkipUnit,
    "Delta": EncoderUnit,
    "SigmaDelta": EncoderUnit,
    "LinearAttention": AttentionUnit,
}


def unit_of(node: Node, first: int) -> Unit:
    """The unit that computes a node.

    Args:
        node: A node of a block.
        first: Step at which frame 0 reaches it.
    """
    unit: Unit = UNITS[node.kind](node, first)
    return unit
