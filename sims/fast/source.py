"""Input nodes: what the caller hands in, checked."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from conversion.nodes import Input
from depth_snn.errors import InputError
from sims.fast.tally import Tally
from sims.fast.width import HOST

IntArray = npt.NDArray[np.int64]


def expected(
    node: Input, value: npt.ArrayLike, shape: tuple[int, ...]
) -> npt.NDArray[np.integer[Any]]:
    """An input's array, of whole numbers and of ``shape``.

    Raises:
        InputError: saying which input is wrong and what is expected.
    """
    array = np.asarray(value)
    if array.dtype.kind not in "iub":
        raise InputError(f"input {node.name!r}: expected integers, got {array.dtype}")
    if array.shape != shape:
        raise InputError(f"input {node.name!r}: expected shape {shape}, got {array.shape}")
    return array


def checked(
    node: Input, value: npt.ArrayLike, shape: tuple[int, ...]
) -> npt.NDArray[np.integer[Any]]:
    """An input's array, of whole numbers, of ``shape`` and within the node's range.

    Raises:
        InputError: saying which input is wrong and what is expected.
    """
    array = expected(node, value, shape)
    lo, hi = max(node.lo, HOST.low), min(node.hi, HOST.high)
    if array.size and (int(array.min()) < lo or int(array.max()) > hi):
        raise InputError(
            f"input {node.name!r}: {array.min()} to {array.max()} leaves its range {lo} to {hi}"
        )
    return array


class InputBody:
    """Hands the frame on as int64."""

    def __init__(self, node: Input) -> None:
        self._node = node
        self.tally = Tally(node)

    def present(self, value: npt.ArrayLike) -> IntArray:
        """A copy of one frame's value (shape of the node)."""
        self.tally.frame()
        array = checked(self._node, value, self._node.shape)
        return np.array(array, dtype=np.int64, order="C")
