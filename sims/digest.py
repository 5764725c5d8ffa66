"""One short name for all values of a run, the same however many frames were taken at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt


class Digest:
    """SHA-256 of each port's values, frame after frame, and of all ports together."""

    def __init__(self) -> None:
        self._ports: dict[str, Any] = {}

    def put(self, first: int, values: Mapping[str, npt.NDArray[np.int64]]) -> None:
        """Take frames from ``first`` on, (n, *shape) by name, in order."""
        for name, array in values.items():
            port = self._ports.setdefault(name, hashlib.sha256())
            port.update(np.ascontiguousarray(array, np.dtype("<i8")).data)

    def text(self) -> str:
        """Sixteen hex digits."""
        whole = hashlib.sha256()
        for name in sorted(self._ports):
            whole.update(name.encode() + b"\0" + self._ports[name].digest())
        return whole.hexdigest()[:16]
