"""A run against the values of another one, which are read from their file as it goes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from depth_snn.errors import EngineError
from sims.open_arrays import OpenArrays
from sims.result import Difference, first_difference


class Comparison:
    """Counts the integers in which two runs differ and keeps the first.

    Args:
        other: The other run's values.
        shapes: Shape of one frame of each port of this run that is compared.
        frames: Number of frames of this run.

    Attributes:
        names: The ports compared.
        mismatches: Integers that differ so far.
        values: Integers compared so far.
        first: The earliest difference so far.

    Raises:
        EngineError: if the other run lacks a port, or has another shape of it.
    """

    def __init__(
        self, other: OpenArrays, shapes: Mapping[str, tuple[int, ...]], frames: int
    ) -> None:
        self._other = other
        self.names = list(shapes)
        self.mismatches = self.values = 0
        self.first: Difference | None = None
        for name, shape in shapes.items():
            there, here = other.shapes.get(name), (frames, *shape)
            if there != here:
                found = f"shape {there}" if there else "no such port"
                raise EngineError(f"{other.path}: port {name!r}: shapes {here} and {found} differ")

    def put(self, first: int, values: Mapping[str, npt.NDArray[np.int64]]) -> None:
        """Compare frames from ``first`` on, (n, *shape) by name, in order."""
        last = first + len(next(iter(values.values())))
        other = self._other.read(first, last, values.keys())
        self.values += sum(array.size for array in values.values())
        self.mismatches += sum(int(np.count_nonzero(values[k] != other[k])) for k in values)
        if self.first is None and (found := first_difference(values, other)) is not None:
            self.first = replace(found, step=first + found.step)

    def found(self) -> dict[str, Any]:
        """What to say: mismatches, values, ports, and a line on the first difference or None."""
        return {
            "mismatches": self.mismatches,
            "values": self.values,
            "ports": len(self.names),
            "first": self.first and f"this against the other: {self.first}",
        }


def common_ports(other: OpenArrays, ports: Collection[str]) -> list[str]:
    """The ports of a graph of which a file holds values, in the graph's order.

    Raises:
        EngineError: if there is none.
    """
    common = [port for port in ports if port in other.shapes]
    if not common:
        raise EngineError(f"nothing to compare: {other.path} has no port in common with the graph")
    return common
