"""Conv and Regroup (docs/fixed_point.md §4)."""

from __future__ import annotations

from itertools import chain

from conversion.nodes import Conv, Regroup, SumPool
from sims.reference.arrays import table_of
from sims.reference.guard import SIGMA_BITS, Guard
from sims.reference.integers import Row, Table, nonzero
from sims.reference.product import Products
from sims.reference.unit import Arrived, Outputs, Work


def windows_over(node: Conv | SumPool) -> Row:
    """For each position of the grid, how many windows cover it."""
    sizes = (node.height, node.width)
    down, across = (
        [sum(0 <= y + p - at * s < k for at in range(outputs)) for y in range(size)]
        for size, outputs, k, s, p in zip(
            sizes, node.grid, node.kernels, node.strides, node.paddings, strict=True
        )
    )
    return [d * a for d in down for a in across]


class ConvUnit:
    """For every output position, the weights on what its kernel covers."""

    def __init__(self, node: Conv, guard: Guard) -> None:
        self._node = node
        self._guard = guard
        self._channels = int(node.weight.shape[1])
        self._width_out = int(node.weight.shape[0])
        # table_of gives one row for each (o, c, a); what a kernel covers is ordered (a, b, c).
        rows = table_of(node.weight)
        (high, wide), c_in = node.kernels, self._channels
        weights = [
            [rows[(o * c_in + c) * high + a][b] for o in range(self._width_out)]
            for a in range(high)
            for b in range(wide)
            for c in range(c_in)
        ]
        self._products = Products(weights)
        self._outputs_over = windows_over(node)

    def step(self, step: int, arrived: Arrived) -> tuple[Outputs, Work]:
        """One step; see ``Unit.step``."""
        messages = arrived["in"][0]
        lines = self._padded_lines(messages)
        out: Table = []
        for y in range(self._node.grid[0]):
            first = y * self._node.strides[0]
            out += self._row_of_outputs(lines[first : first + self._node.kernels[0]])
        out = self._guard.table(out, SIGMA_BITS, "product", step)
        met = sum(
            (self._channels - row.count(0)) * over
            for row, over in zip(messages, self._outputs_over, strict=True)
            if any(row)
        )
        return {"out": out}, {"synaptic_operations": met * self._width_out}

    def _padded_lines(self, messages: Table) -> Table:
        """Each row of the grid as one flat line, with the zeros around it."""
        node = self._node
        above, beside = node.paddings
        side = [0] * (beside * self._channels)
        zero = [0] * ((node.width + 2 * beside) * self._channels)
        lines = [
            [*side, *chain.from_iterable(messages[y * node.width : (y + 1) * node.width]), *side]
            for y in range(node.height)
        ]
        return [zero] * above + lines + [zero] * above

    def _row_of_outputs(self, lines: Table) -> Table:
        node, silent = self._node, [0] * self._width_out
        if not any(map(any, lines)):
            return [silent] * node.grid[1]
        out = []
        for x in range(node.grid[1]):
            first = x * node.strides[1] * self._channels
            last = first + node.kernels[1] * self._channels
            covered = [value for line in lines for value in line[first:last]]
            if any(covered):
                out.append([total << node.exponent for total in self._products.times(covered)])
            else:
                out.append(silent)
        return out


class RegroupUnit:
    """Hands each token the positions it names."""

    def __init__(self, node: Regroup, guard: Guard) -> None:
        self._guard = guard
        self._exponent = node.exponent
        self._index = table_of(node.index)
        self._none = [0] * node.channels

    def step(self, step: int, arrived: Arrived) -> tuple[Outputs, Work]:
        """One step; see ``Unit.step``."""
        # −1 names the last row, which is that of no position.
        messages = [*arrived["in"][0], self._none]
        out = [
            [x << self._exponent for position in named for x in messages[position]]
            for named in self._index
        ]
        work = {"synaptic_operations": nonzero(out)}
        return {"out": self._guard.table(out, SIGMA_BITS, "product", step)}, work
