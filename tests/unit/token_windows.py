"""A token's square of pixels, cut out one by one: what compiled loops over pixels are held to."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from depth_snn.config import NetworkConfig
from depth_snn.windows import STALE_MARGIN

PAD_VALUE = 128
"""Grey level outside the picture; the network sees it as zero."""


def token_windows(rgb: npt.NDArray[np.uint8], config: NetworkConfig) -> npt.NDArray[np.uint8]:
    """Pixels by which each token is judged stale: its patch and :data:`STALE_MARGIN` around it.

    Args:
        rgb: Frame (H, W, 3) of the network's size.
        config: Shape of the network.

    Returns:
        Array (N, P) of grey levels, P = (patch + 8)²·3, row-major over the token grid.
    """
    margin, side = STALE_MARGIN, config.patch + 2 * STALE_MARGIN
    padded = np.pad(rgb, ((margin, margin), (margin, margin), (0, 0)), constant_values=PAD_VALUE)
    view = np.lib.stride_tricks.sliding_window_view(padded, (side, side, 3))
    strided = view[:: config.patch, :: config.patch, 0]  # (h, w, side, side, 3)
    return np.ascontiguousarray(strided).reshape(config.tokens, side * side * 3)
