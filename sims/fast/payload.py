"""How many bits the payloads of a frame's messages need (docs/fixed_point.md §10)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from depth_snn.compiled import compiled


@compiled
def payload_bits(values: npt.NDArray[np.int64]) -> int:
    """Sum over the non-zero entries of (n, C), each as the shortest two's complement number."""
    bits = 0
    for i in range(values.shape[0]):
        for c in range(values.shape[1]):
            x = values[i, c]
            if x == 0:
                continue
            rest = x if x > 0 else ~x
            bits += 1
            while rest >= 256:
                rest >>= 8
                bits += 8
            while rest > 0:
                rest >>= 1
                bits += 1
    return bits
