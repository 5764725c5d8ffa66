"""Pixels of every token's window, and class maps back from token logits; NumPy only."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from depth_snn.config import NetworkConfig

PAD_VALUE = 128
"""Grey level outside the picture; the network sees it as zero."""


def token_windows(rgb: npt.NDArray[np.uint8], config: NetworkConfig) -> npt.NDArray[np.uint8]:
    """Pixels each token sees.

    Args:
        rgb: Frame (H, W, 3) of the network's size.
        config: Shape of the network.

    Returns:
        Array (N, P) of grey levels, P = window·window·3, row-major over the token grid.
    """
    margin = (config.window - config.patch) // 2
    padded = np.pad(rgb, ((margin, margin), (margin, margin), (0, 0)), constant_values=PAD_VALUE)
    side = config.window
    view = np.lib.stride_tricks.sliding_window_view(padded, (side, side, 3))
    strided = view[:: config.patch, :: config.patch, 0]  # (h, w, win, win, 3)
    return np.ascontiguousarray(strided).reshape(config.tokens, config.inputs)


def class_map(logits: npt.NDArray[np.generic], config: NetworkConfig) -> npt.NDArray[np.uint8]:
    """Most likely class of every pixel.

    Args:
        logits: Token logits (N, cells·cells·classes), float or integer.
        config: Shape of the network.

    Returns:
        Class numbers (H, W); ties go to the lower class.
    """
    (h, w), c = config.grid, config.cells
    best = logits.reshape(h, w, c, c, config.classes).argmax(-1).astype(np.uint8)
    cells = best.transpose(0, 2, 1, 3).reshape(h * c, w * c)
    side = config.patch // c
    out: npt.NDArray[np.uint8] = cells.repeat(side, 0).repeat(side, 1)
    return out
