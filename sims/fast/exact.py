"""Integer matrix products through floating-point BLAS where that is provably exact.

Every product and every partial sum of a matrix product is bounded by the sum of the magnitudes.
Where that bound is below 2^53 (2^24 in single precision) all of them are representable, so no
operation rounds, in whichever order or fused form the library works, and the result is the
integer product.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from conversion.nodes import Conv, Dense
from sims.fast.width import HOST, Width

IntArray = npt.NDArray[np.int64]
SINGLE_EXACT = 1 << 24
DOUBLE_EXACT = 1 << 53


def peak(values: IntArray) -> int:
    """Largest magnitude, as an unbounded integer; 0 for an empty array."""
    if not values.size:
        return 0
    return max(int(values.max()), -int(values.min()))


def product(a: IntArray, b: IntArray, terms: int, quantity: str, wraps: bool = False) -> IntArray:
    """``a @ b`` for stacks of integer matrices, exactly.

    Args:
        a: (…, p, n).
        b: (…, n, m).
        terms: n, the number of products in one sum.
        quantity: What the product is, for the message.
        wraps: Whether it goes into a register that wraps, so that its lower 64 bits are enough.

    Returns:
        int64 (…, p, m).

    Raises:
        TooWide: if an entry does not fit the registers of this simulator.
    """
    high_a, high_b = peak(a), peak(b)
    bound = max(high_a * high_b * terms, high_a, high_b)
    if bound < SINGLE_EXACT:
        return np.asarray((a.astype(np.float32) @ b.astype(np.float32)).astype(np.int64))
    if bound < DOUBLE_EXACT:
        return np.asarray((a.astype(np.float64) @ b.astype(np.float64)).astype(np.int64))
    return lower_bits(a, b, 0) if wraps else unbounded(a, b, 0, quantity)


def lower_bits(a: IntArray, b: IntArray, exponent: int) -> IntArray:
    """The lower 64 bits of ``(a @ b) << exponent``: what int64 holds, whatever fell out above."""
    return np.asarray((a @ b) << exponent)


def unbounded(a: IntArray, b: IntArray, exponent: int, quantity: str) -> IntArray:
    """``(a @ b) << exponent`` in Python integers; slow, for values no network should have."""
    exact = (a.astype(object) @ b.astype(object)) * (1 << exponent)
    HOST.check(quantity, exact)
    return np.asarray(exact.astype(np.int64))


class ExactWeight:
    """Synaptic weights ready for exact products: ``(x · Wᵀ) << exponent``.

    Args:
        weight: W, int64 (C_out, C_in).
        exponent: Left shift of the sum; folded into the weights, which a power of two keeps exact.
    """

    def __init__(self, weight: IntArray, exponent: int) -> None:
        self._weight = weight
        self._exponent = exponent
        self._row_sum = int(np.abs(weight).sum(axis=1).max(initial=0)) << exponent

    # Each form is made when it is first used; most weights need one of them.
    @cached_property
    def _integer(self) -> IntArray:
        return np.ascontiguousarray(self._weight.T)

    @cached_property
    def _double(self) -> npt.NDArray[np.float64]:
        return np.ascontiguousarray(self._weight.T.astype(np.float64) * 2.0**self._exponent)

    @cached_property
    def _single(self) -> npt.NDArray[np.float32]:
        return np.ascontiguousarray(self._weight.T.astype(np.float32) * 2.0**self._exponent)

    def form(self, high: int) -> type[np.float32] | type[np.float64] | type[np.int64]:
        """The type in which products with values of magnitude ``high`` at most are exact."""
        bound = self._bound(high)
        if bound < SINGLE_EXACT:
            return np.float32
        return np.float64 if bound < DOUBLE_EXACT else np.int64

    def times(
        self, x: npt.NDArray[Any], width: Width, quantity: str, high: int | None = None
    ) -> tuple[IntArray, bool]:
        """Apply the weights to rows.

        Args:
            x: Whole numbers (n, C_in): int64, or in the form that :meth:`form` names for ``high``.
            width: The register of the result.
            quantity: What the result is, for the message.
            high: Largest magnitude in x, if it is known.

        Returns:
            int64 (n, C_out), and whether the bound alone proves that it fits ``width``.
        """
        high = peak(x) if high is None else high
        form = self.form(high)
        if form is np.float32:
            out = (x.astype(np.float32, copy=False) @ self._single).astype(np.int64)
        elif form is np.float64:
            out = (x.astype(np.float64, copy=False) @ self._double).astype(np.int64)
        elif width.wraps:
            out = lower_bits(x, self._integer, self._exponent)
        else:
            out = unbounded(x, self._integer, self._exponent, quantity)
        return out, self._bound(high) <= width.high

    def _bound(self, high: int) -> int:
        """Largest magnitude of an operand, a product or a sum."""
        return max(self._row_sum * high, self._row_sum, high)


_READY: WeakKeyDictionary[Dense | Conv, ExactWeight] = WeakKeyDictionary()


def weights_of(node: Dense | Conv, matrix: IntArray) -> ExactWeight:
    """A node's weights, made ready once for all simulators that run the same graph.

    Args:
        node: The node.
        matrix: Its weights as (C_out, C_in).
    """
    if node not in _READY:
        _READY[node] = ExactWeight(matrix, node.exponent)
    return _READY[node]
