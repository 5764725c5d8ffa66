"""StockSigmaDelta: Lava's sigma-delta neuron as it is (docs/fixed_point.md §3)."""

from __future__ import annotations

from conversion.nodes import StockSigmaDelta
from sims.reference.arrays import table_of
from sims.reference.guard import CHIP_BITS, SIGMA_BITS, Guard
from sims.reference.integers import Table, nonzero, wrap, zeros
from sims.reference.unit import Arrived, Outputs, Work


class StockSigmaDeltaUnit:
    """Sends what the activation changed by, and forgets the bits a message has no room for."""

    def __init__(self, node: StockSigmaDelta, guard: Guard) -> None:
        self._node = node
        self._guard = guard
        self._bias = [b << node.scale for b in table_of(node.bias)[0]]
        self._sigma = zeros(node.tokens, node.channels)
        self._act = zeros(node.tokens, node.channels)
        self._residue = zeros(node.tokens, node.channels)

    def step(self, step: int, arrived: Arrived) -> tuple[Outputs, Work]:
        """One step; see ``Unit.step``."""
        node = self._node
        out: Table = []
        for i in range(node.tokens):
            where = f"[{i}, "
            values = [sum(column) for column in zip(*(t[i] for t in arrived["in"]), strict=True)]
            if node.absolute:
                act = [x << node.scale for x in values]
            else:
                added = [s + x for s, x in zip(self._sigma[i], values, strict=True)]
                self._sigma[i] = self._guard.within(added, SIGMA_BITS, "sigma", step, where)
                shifted = [s + b for s, b in zip(self._sigma[i], self._bias, strict=True)]
                act = [max(self._inner(x), 0) for x in shifted]
            act = self._guard.within(act, SIGMA_BITS, "activation", step, where)
            out.append([self._message(i, c, a) for c, a in enumerate(act)])
            self._act[i] = act
        out = self._guard.table(out, node.message_bits, "message", step)
        return {"out": out}, {
            "messages": nonzero(out),
            "updates_active": node.tokens * node.channels,
        }

    def _inner(self, x: int) -> int:
        """What Lava's int32 holds of a value that no register of ours does."""
        return wrap(x, CHIP_BITS) if self._guard.wraps else x

    def _message(self, i: int, c: int, act: int) -> int:
        node = self._node
        change = self._inner(act - self._act[i][c] + self._residue[i][c])
        loud = abs(change) >= node.threshold << node.scale
        if self._guard.wraps and change == -(1 << (CHIP_BITS - 1)):
            loud = False  # its magnitude wraps to itself, which reaches no threshold
        sent = change if loud else 0
        self._residue[i][c] = change - sent
        return sent >> node.state_exp
