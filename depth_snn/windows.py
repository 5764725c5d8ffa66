"""Cells of every token, and class maps back from token logits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from depth_snn.config import NetworkConfig
from depth_snn.upsample import upsampled_classes

STALE_MARGIN = 4
"""Pixels around its patch in which a change makes a token stale. Fewer than the network sees: what
changes at the rim of a token's view is centred on its neighbours, which then go stale."""


def cell_order(config: NetworkConfig) -> npt.NDArray[np.int64]:
    """Flat positions of each token's cells (N, cells²), in Z-order, in the map of all cells."""
    (h, w), depth = config.grid, len(config.stem)
    flat = np.arange(h * w * config.cells**2).reshape(h, *(2,) * depth, w, *(2,) * depth)
    zigzag = [axis for k in range(depth) for axis in (1 + k, 2 + depth + k)]
    return flat.transpose(0, 1 + depth, *zigzag).reshape(config.tokens, -1)


def class_map(logits: npt.NDArray[np.generic], config: NetworkConfig) -> npt.NDArray[np.uint8]:
    """Most likely class of every pixel, scores interpolated linearly between cells.

    Args:
        logits: Token logits (N, cells²·classes), float or integer, cells in Z-order.
        config: Shape of the network.

    Returns:
        Class numbers (H, W); ties go to the lower class.
    """
    kind = np.int64 if np.issubdtype(logits.dtype, np.integer) else np.float32
    (h, w), depth = config.grid, len(config.stem)
    # Z-order: row bit and column bit take turns, coarsest first.
    bits = logits.reshape(h, w, *(2,) * (2 * depth), config.classes)
    rows, columns = range(2, 2 + 2 * depth, 2), range(3, 3 + 2 * depth, 2)
    cells = bits.transpose(0, *rows, 1, *columns, 2 + 2 * depth)
    shape = (h * config.cells, w * config.cells, config.classes)
    return upsampled_classes(np.ascontiguousarray(cells.reshape(shape), kind))
