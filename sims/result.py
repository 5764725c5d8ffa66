"""What a simulator returns, and the first place where two of them disagree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from depth_snn.errors import EngineError
from sims.counts import NodeCounts

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SimResult:
    """Values and counts of a run, aligned by frame.

    Args:
        frames: Number of frames T.
        values: int64 (T, *shape) by ``"node.port"``; row f is the node's step f + lag
            (docs/fixed_point.md §1). Made read-only.
        counts: Counts by node name (docs/fixed_point.md §10).

    Raises:
        EngineError: if an array is not int64 or has another number of frames.
    """

    frames: int
    values: Mapping[str, IntArray]
    counts: Mapping[str, NodeCounts]

    def __post_init__(self) -> None:
        held: dict[str, IntArray] = {}
        for key, array in self.values.items():
            if array.dtype != np.int64 or array.ndim < 1 or array.shape[0] != self.frames:
                raise EngineError(
                    f"values of {key!r}: expected int64 with {self.frames} frames, "
                    f"got {array.dtype} {array.shape}"
                )
            held[key] = array.view()
            held[key].setflags(write=False)
        for name, counts in self.counts.items():
            if counts.frames != self.frames:
                raise EngineError(
                    f"counts of {name!r}: {counts.frames} frames where {self.frames} are expected"
                )
        object.__setattr__(self, "values", MappingProxyType(held))
        object.__setattr__(self, "counts", MappingProxyType(dict(self.counts)))


@dataclass(frozen=True)
class Difference:
    """The earliest place where two runs hold different integers.

    Args:
        step: Frame or step, whichever the compared arrays are ordered by.
        key: ``"node.port"``.
        index: Position within the value of that step.
        left: The integer in the first run.
        right: The integer in the second.
    """

    step: int
    key: str
    index: tuple[int, ...]
    left: int
    right: int

    def __str__(self) -> str:
        where = ", ".join(map(str, self.index))
        return f"step {self.step}, {self.key}[{where}]: left {self.left}, right {self.right}"


def first_difference(
    a: Mapping[str, npt.NDArray[np.integer[Any]]], b: Mapping[str, npt.NDArray[np.integer[Any]]]
) -> Difference | None:
    """Compare every key both runs have, exactly.

    Args:
        a: Integers (T, *shape) by ``"node.port"``, the left run.
        b: The same of the right run.

    Returns:
        The difference of the earliest step, of several there the first by a's order of keys; None
        if there is none.

    Raises:
        EngineError: if no key is common, or a common key has two shapes.
    """
    common = [key for key in a if key in b]
    if not common:
        raise EngineError("the two runs share no node and port, so there is nothing to compare")
    first: Difference | None = None
    for key in common:
        found = _difference_in(key, np.asarray(a[key]), np.asarray(b[key]))
        if found is not None and (first is None or found.step < first.step):
            first = found
    return first


def _difference_in(
    key: str, left: npt.NDArray[np.integer[Any]], right: npt.NDArray[np.integer[Any]]
) -> Difference | None:
    if left.shape != right.shape or left.ndim < 1:
        raise EngineError(
            f"{key!r} has shape {left.shape} in one run and {right.shape} in the other"
        )
    differs = left != right
    if not differs.any():
        return None
    step, *index = (int(n) for n in np.unravel_index(int(np.argmax(differs)), left.shape))
    at = (step, *index)
    return Difference(step, key, tuple(index), int(left[at]), int(right[at]))
