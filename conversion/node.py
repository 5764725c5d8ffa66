"""What every node of a graph has: a name, ports with shapes, and checks when it is built."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from depth_snn.errors import GraphError

IntArray = npt.NDArray[np.int64]
Place = Literal["neurocore", "embedded", "host"]


def frozen_int(values: npt.ArrayLike, what: str) -> IntArray:
    """Copy integers into a read-only int64 array.

    Raises:
        GraphError: if the values are not whole numbers.
    """
    array = np.array(values)
    if array.dtype.kind not in "iub":
        raise GraphError(f"{what}: expected integers, got {array.dtype}; quantise first")
    out = array.astype(np.int64)
    out.setflags(write=False)
    return out


@dataclass(frozen=True, kw_only=True, eq=False)
class Node:
    """One vertex of a graph. Subclasses are one noun each and validate themselves when built."""

    name: str
    kind: ClassVar[str] = ""
    latency: ClassVar[int] = 0
    ports: ClassVar[tuple[str, ...]] = ("in",)
    """Input ports of the kind; :attr:`inputs` are those of one node."""
    outputs: ClassVar[tuple[str, ...]] = ("out",)
    runs_on: ClassVar[Place] = "neurocore"

    @property
    def inputs(self) -> tuple[str, ...]:
        """Input ports."""
        return self.ports

    def output_shape(self, port: str) -> tuple[int, ...]:
        """Shape of the value on output ``port``."""
        raise NotImplementedError(f"{type(self).__name__} defines no shape for {port!r}")

    def input_shape(self, port: str) -> tuple[int, ...]:
        """Shape expected on input ``port``."""
        raise NotImplementedError(f"{type(self).__name__} defines no shape for {port!r}")

    def attributes(self) -> dict[str, Any]:
        """Field values by name, without the node's own name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "name"}

    def _fail(self, message: str) -> GraphError:
        return GraphError(f"node {self.name!r} ({self.kind}): {message}")

    def _require(self, ok: bool, message: str) -> None:
        if not ok:
            raise self._fail(message)
