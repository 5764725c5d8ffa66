"""Dense, Sparse, Skip and Output (docs/fixed_point.md §4 and §8)."""

from __future__ import annotations

from itertools import pairwise
from operator import add
from typing import Any

from conversion.nodes import Dense, Output, Skip, Sparse
from sims.reference.arrays import table_of
from sims.reference.guard import CHIP_BITS, SIGMA_BITS, Guard
from sims.reference.integers import Row, Table, nonzero, wrap, zeros
from sims.reference.product import Products
from sims.reference.unit import Arrived, Outputs, Work


def summed_by_lava(guard: Guard, exponent: int, out: Table) -> Table:
    """In chip mode, what is left of sums that were doubled in 32 bits and halved (§4, §9)."""
    if exponent or not guard.wraps:
        return out
    return [[wrap(2 * x, CHIP_BITS) >> 1 for x in row] for row in out]


class DenseUnit:
    """Weights shared by all tokens and their groups; one without messages costs nothing."""

    def __init__(self, node: Dense, guard: Guard) -> None:
        self._guard = guard
        self._exponent = node.exponent
        columns = [list(column) for column in zip(*table_of(node.weight), strict=True)]
        self._products = Products(columns)
        self._width, self._reads = map(int, node.weight.shape)
        self._repeat = node.repeat

    def step(self, step: int, arrived: Arrived) -> tuple[Outputs, Work]:
        """One step; see ``Unit.step``."""
        messages, silent = arrived["in"][0], [0] * (self._repeat * self._width)
        out = [self._answer(row) if any(row) else silent for row in messages]
        out = summed_by_lava(self._guard, self._exponent, out)
        out = self._guard.table(out, SIGMA_BITS, "product", step)
        return {"out": out}, {"synaptic_operations": nonzero(messages) * self._width}

    def _answer(self, row: Row) -> Row:
        """All groups of one token, side by side."""
        out: Row = []
        for r in range(self._repeat):
            group = row[r * self._reads : (r + 1) * self._reads]
            if any(group):
                out += [x << self._exponent for x in self._products.times(group)]
            else:
                out += [0] * self._width
        return out


class SparseUnit:
    """Synapse after synapse of every source with a message."""

    def __init__(self, node: Sparse, guard: Guard) -> None:
        self._guard = guard
        self._exponent = node.exponent
        self._count = node.count
        starts, targets, weight = map(_numbers, (node.starts, node.targets, node.weight))
        self._synapses = [
            list(zip(targets[first:end], weight[first:end], strict=True))
            for first, end in pairwise(starts)
        ]

    def step(self, step: int, arrived: Arrived) -> tuple[Outputs, Work]:
        """One step; see ``Unit.step``."""
        ((messages,),) = arrived["in"]
        total, met = [0] * self._count, 0
        for message, synapses in zip(messages, self._synapses, strict=True):
            if message:
                met += len(synapses)
                for target, weight in synapses:
                    total[target] += weight * message
        out = summed_by_lava(self._guard, self._exponent, [[x << self._exponent for x in total]])
        out = self._guard.table(out, SIGMA_BITS, "product", step)
        return {"out": out}, {"synaptic_operations": met}


class SkipUnit:
    """A one-to-one connection with a left shift."""

    def __init__(self, node: Skip, guard: Guard) -> None:
        self._guard = guard
        self._exponent = node.exponent

    def step(self, step: int, arrived: Arrived) -> tuple[Outputs, Work]:
        """One step; see ``Unit.step``."""
        messages = arrived["in"][0]
        out = [[x << self._exponent for x in row] for row in messages]
        out = summed_by_lava(self._guard, self._exponent, out)
        out = self._guard.table(out, SIGMA_BITS, "product", step)
        return {"out": out}, {"synaptic_operations": nonzero(messages)}


class OutputUnit:
    """Accumulates messages and shows the sum plus its bias."""

    def __init__(self, node: Output) -> None:
        self._bias = table_of(node.bias)[0]
        self._acc = zeros(node.tokens, node.channels)

    def step(self, step: int, arrived: Arrived) -> tuple[Outputs, Work]:
        """One step; see ``Unit.step``."""
        messages = arrived["in"][0]
        self._acc = [list(map(add, a, x)) for a, x in zip(self._acc, messages, strict=True)]
        out = [list(map(add, row, self._bias)) for row in self._acc]
        return {"out": out}, {"macs_off_core": nonzero(messages)}


def _numbers(vector: Any) -> Row:
    """A vector's integers; there may be none."""
    return [x for row in table_of(vector) for x in row] if vector.shape[0] else []
