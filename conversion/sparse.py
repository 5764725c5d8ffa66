"""Sparse: a connection that stores only the synapses there are (docs/fixed_point.md §4)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, TypeVar

import numpy as np
import numpy.typing as npt

from conversion.connections import WEIGHT_MAX, SynapticNode
from conversion.node import IntArray
from depth_snn.errors import GraphError

WeightArray = npt.NDArray[np.int8]
IndexArray = npt.NDArray[np.int32]
Kept = TypeVar("Kept", bound=np.generic)

COUNT_MAX = 2**27
"""Neurons on either side: what a value of the graph may hold."""
BLOCK = 2**22
"""Synapses that a check looks at in one go, so that it needs little memory beside them."""


def narrow(
    values: npt.ArrayLike, kept: type[Kept], span: tuple[int, int], what: str
) -> npt.NDArray[Kept]:
    """Integers within ``span`` as a read-only vector of a narrow type.

    An array that has the type, owns its numbers and is read-only already is kept as it is, since
    at 10^8 synapses a copy is hundreds of megabytes.

    Raises:
        GraphError: if the values are no vector of integers, or one lies outside.
    """
    array = np.asarray(values)
    if array.ndim != 1 or (array.dtype.kind not in "iu" and array.size):
        raise GraphError(f"{what}: expected a vector of integers, got {array.dtype} {array.shape}")
    if array.size:
        low, high = int(array.min()), int(array.max())
        if low < span[0] or high > span[1]:
            worst = low if low < span[0] else high
            raise GraphError(f"{what}: {worst} is outside {span[0]}..{span[1]}")
    if array.dtype == kept and array.base is None and not array.flags.writeable:
        return array
    out = array.astype(kept)
    out.setflags(write=False)
    return out


@dataclass(frozen=True, kw_only=True, eq=False)
class Sparse(SynapticNode):
    """Synapses between two vectors, listed by source neuron: ``out = (W · in) << exponent``.

    The synapses of source r are number starts[r] to starts[r + 1] − 1. About 5 bytes each are
    held, whatever types the arrays are given in.

    Attributes:
        count: Neurons R' of the output.
        starts: (R + 1,), from 0 to the number of synapses, not falling.
        targets: int32, the neuron each synapse leads to, rising within a source.
        weight: int8, of each synapse.
    """

    count: int
    starts: IntArray
    targets: IndexArray
    weight: WeightArray
    kind: ClassVar[str] = "Sparse"

    def __post_init__(self) -> None:
        self._require(1 <= self.count <= COUNT_MAX, f"count {self.count} is not in 1..{COUNT_MAX}")
        self._narrow("starts", np.int64, (0, 2**62))
        self._narrow("targets", np.int32, (0, self.count - 1))
        self._narrow("weight", np.int8, (-WEIGHT_MAX, WEIGHT_MAX))
        self._check_exponent()
        rows, synapses = self.starts.size - 1, self.targets.size
        self._require(1 <= rows <= COUNT_MAX, f"starts has {rows + 1} numbers, one per source + 1")
        same = self.weight.size == synapses
        self._require(same, f"{self.weight.size} weights for {synapses} targets")
        ends = (int(self.starts[0]), int(self.starts[-1]))
        self._require(ends == (0, synapses), f"starts goes from {ends[0]} to {ends[1]}, not from 0 "
                      f"to the number of synapses, {synapses}")  # fmt: skip
        falls = self.starts[1:] < self.starts[:-1]
        self._require(not falls.any(), f"starts falls at source {int(np.argmax(falls))}")
        self._check_rising()

    @property
    def sources(self) -> int:
        """Neurons R of the input."""
        return self.starts.size - 1

    @property
    def synapses(self) -> int:
        """Synapses stored."""
        return int(self.targets.size)

    @cached_property
    def swing(self) -> tuple[IntArray, IntArray]:
        """For each target (R',), the sums of its positive and of its negative weights."""
        from conversion.sparse_sums import add_by_sign  # starts the compiler, for those who ask

        up, down = np.zeros(self.count, np.int64), np.zeros(self.count, np.int64)
        add_by_sign(self.targets, self.weight, up, down)
        up.setflags(write=False)
        down.setflags(write=False)
        return up, down

    @property
    def sum_bound(self) -> int:
        """Largest sum of magnitudes of the weights that lead to one target."""
        up, down = self.swing
        return int((up - down).max())

    def output_shape(self, port: str) -> tuple[int, ...]:
        """See :meth:`Node.output_shape`."""
        return (self.count,)

    def input_shape(self, port: str) -> tuple[int, ...]:
        """See :meth:`Node.input_shape`."""
        return (self.sources,)

    def _narrow(self, key: str, kept: type[np.generic], span: tuple[int, int]) -> None:
        what = f"node {self.name!r} ({self.kind}): {key}"
        values: npt.NDArray[Any] = narrow(getattr(self, key), kept, span, what)
        object.__setattr__(self, key, values)

    def _check_rising(self) -> None:
        """A target may be at or below the one before it only where a source begins."""
        for at in range(1, self.synapses, BLOCK):
            here, before = self.targets[at : at + BLOCK], self.targets[at - 1 : at + BLOCK - 1]
            fallen = np.flatnonzero(here <= before[: here.size]) + at
            begin = self.starts[np.searchsorted(self.starts, fallen)] == fallen
            if not begin.all():
                synapse = int(fallen[~begin][0])
                source = int(np.searchsorted(self.starts, synapse, side="right")) - 1
                one, two = int(self.targets[synapse - 1]), int(self.targets[synapse])
                raise self._fail(
                    f"source {source} leads to {two} after {one}; list its targets rising and once"
                )
