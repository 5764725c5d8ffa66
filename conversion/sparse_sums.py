"""Sums over the synapses of a Sparse, compiled: at 10^8 of them NumPy takes ten seconds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from conversion.node import IntArray
from depth_snn.compiled import compiled


@compiled
def add_by_sign(
    targets: npt.NDArray[np.int32], weight: npt.NDArray[np.int8], up: IntArray, down: IntArray
) -> None:
    """Add each weight to its target's sum of positive or of negative weights.

    Args:
        targets: Where each synapse leads (K,).
        weight: Of each synapse (K,).
        up: Sums of positive weights (R',), added to in place.
        down: Sums of negative weights (R',), likewise.
    """
    for k in range(targets.shape[0]):
        if weight[k] > 0:
            up[targets[k]] += weight[k]
        else:
            down[targets[k]] += weight[k]
