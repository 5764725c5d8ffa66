"""Regroup: positions handed to tokens (docs/fixed_point.md §4)."""

from __future__ import annotations

import numpy as np

from conversion.nodes import Regroup
from sims.fast.body import Arrivals, Departures
from sims.fast.exact import peak
from sims.fast.grid_kernels import scatter_rows
from sims.fast.rows import Rows, as_rows
from sims.fast.tally import Tally
from sims.fast.width import HOST, Width


class RegroupBody:
    """Moves the messages of positions to the tokens that take them."""

    def __init__(self, node: Regroup, width: Width) -> None:
        self._exponent = node.exponent
        self._shape = node.output_shape("out")
        self._slot_of = np.full(node.positions, -1, np.int64)
        named = node.index.reshape(-1)
        self._slot_of[named[named >= 0]] = np.flatnonzero(named >= 0)
        self._places = int(node.index.shape[1])
        self._row_of = np.zeros(self._shape[0], np.int64)
        self._width = width
        self.tally = Tally(node)

    def step(self, inputs: Arrivals) -> Departures:
        """One frame: messages in (M, C) to values out (N, P·C)."""
        rows = as_rows(inputs["in"][0])
        slots = self._slot_of[rows.tokens]
        taken = np.zeros(self._shape[0], np.bool_)
        taken[slots[slots >= 0] // self._places] = True
        tokens = np.flatnonzero(taken)
        self._row_of[tokens] = np.arange(tokens.size)
        out = np.zeros((tokens.size, self._shape[1]), np.int64)
        if not self._width.wraps and peak(rows.values) << self._exponent > HOST.high:
            # Beyond what int64 holds; the check below speaks of what a token takes.
            kept = rows.values[slots >= 0].astype(object) << self._exponent
            HOST.keep_rows("out", slots[slots >= 0] // self._places, kept)
        scatter_rows(rows.values, slots, self._exponent, self._row_of, out)
        events = int(np.count_nonzero(out))
        self.tally.frame(synaptic_operations=events)
        kept = self._width.keep_rows("out", tokens, out)
        if kept is not out:  # what wrapped may be 0
            return {"out": Rows(tokens, kept, self._shape)}
        return {"out": Rows(tokens, out, self._shape, tight=True, nonzero=events)}
