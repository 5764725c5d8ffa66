"""Class of every pixel from the scores of cells twice its size, interpolated linearly."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from depth_snn.compiled import compiled

FACTOR = 2
"""Pixels along a cell."""


@compiled
def _best(cells: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    rows, columns, classes = cells.shape
    best = np.empty((rows, columns), np.uint8)
    for r in range(rows):
        for c in range(columns):
            top = 0
            for k in range(1, classes):
                if cells[r, c, k] > cells[r, c, top]:
                    top = k
            best[r, c] = top
    return best


@compiled
def _mixed(
    cells: npt.NDArray[Any], r: int, c: int, other_r: int, other_c: int
) -> int:  # fmt: skip
    # Weights 9, 3, 3, 1 of 16: the cell, its two neighbours on the pixel's side, the diagonal one.
    top, most = 0, cells[r, c, 0]
    for k in range(cells.shape[2]):
        value = 9 * cells[r, c, k] + 3 * (cells[other_r, c, k] + cells[r, other_c, k])
        value += cells[other_r, other_c, k]
        if k == 0 or value > most:
            top, most = k, value
    return top


@compiled
def upsampled_classes(cells: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Most likely class of every pixel, scores interpolated linearly from cells of 2×2 pixels.

    The same values as ``interpolate(mode="bilinear", align_corners=False)`` and then the largest;
    exact for integers. Where all four cells that a pixel is mixed from agree on their best class,
    it is the pixel's: a weighted mean of scores led by one class is led by it.

    Args:
        cells: Scores (h, w, classes), int64 or float32.

    Returns:
        Class numbers (2·h, 2·w); ties go to the lower class.
    """
    rows, columns = cells.shape[:2]
    best = _best(cells)
    out = np.empty((2 * rows, 2 * columns), np.uint8)
    for y in range(2 * rows):
        r = y // 2
        other_r = min(max(r + 2 * (y % 2) - 1, 0), rows - 1)
        for x in range(2 * columns):
            c = x // 2
            other_c = min(max(c + 2 * (x % 2) - 1, 0), columns - 1)
            same = best[r, c]
            if (
                best[other_r, c] == same
                and best[r, other_c] == same
                and best[other_r, other_c] == same
            ):
                out[y, x] = same
            else:
                out[y, x] = _mixed(cells, r, c, other_r, other_c)
    return out
