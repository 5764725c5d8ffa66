"""Compiled inner loops over grids. Arrays are int64 and C-contiguous unless said otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from depth_snn.compiled import compiled

IntArray = npt.NDArray[np.int64]


@compiled
def reached_outputs(
    positions: IntArray,
    grid: tuple[int, int, int, int],
    rule: tuple[int, int, int, int, int, int],
    reached: npt.NDArray[np.bool_],
) -> IntArray:
    """Output positions whose kernel covers one of ``positions``, ascending.

    Args:
        positions: Flat input positions (n,).
        grid: h, w, h', w'.
        rule: Rows and columns of the kernel, stride down and across, padding likewise.
        reached: All False (h'·w',), and again so afterwards.

    Returns:
        Flat output positions (m,).
    """
    _, width, rows, columns = grid
    high, wide, step_down, step_across, above, beside = rule
    count = 0
    for j in range(positions.shape[0]):
        y, x = positions[j] // width + above, positions[j] % width + beside
        # y' covers y where y'·stride <= y < y'·stride + kernel.
        top, left = max(0, (y - high) // step_down + 1), max(0, (x - wide) // step_across + 1)
        bottom, right = min(rows - 1, y // step_down), min(columns - 1, x // step_across)
        for row in range(top, bottom + 1):
            for column in range(left, right + 1):
                if not reached[row * columns + column]:
                    reached[row * columns + column] = True
                    count += 1
    out = np.empty(count, np.int64)
    count = 0
    for i in range(reached.shape[0]):
        if reached[i]:
            out[count] = i
            reached[i] = False
            count += 1
    return out


@compiled
def gather_windows(
    values: npt.NDArray[Any],
    row_of: IntArray,
    outputs: IntArray,
    grid: tuple[int, int, int, int],
    rule: tuple[int, int, int, int, int, int],
) -> npt.NDArray[Any]:
    """What the kernel of each output covers: (m, k_down·k_across·C), zeros where no message is.

    Args:
        values: Rows of messages (n, C), of any type; so is the result.
        row_of: Row of each input position (h·w,), −1 where it has none.
        outputs: Flat output positions (m,).
        grid: h, w, h', w'.
        rule: Rows and columns of the kernel, stride down and across, padding likewise.
    """
    height, width, _, columns = grid
    high, wide, step_down, step_across, above, beside = rule
    channels = values.shape[1]
    out = np.zeros((outputs.shape[0], high * wide * channels), values.dtype)
    for j in range(outputs.shape[0]):
        top = outputs[j] // columns * step_down - above
        left = outputs[j] % columns * step_across - beside
        for a in range(max(0, -top), min(high, height - top)):
            for b in range(max(0, -left), min(wide, width - left)):
                row = row_of[(top + a) * width + left + b]
                if row >= 0:
                    at = (a * wide + b) * channels
                    for c in range(channels):
                        out[j, at + c] = values[row, c]
    return out


@compiled
def scatter_rows(
    values: IntArray, slots: IntArray, shift: int, out_row: IntArray, out: IntArray
) -> None:
    """Put each row of positions into its place in the rows of tokens.

    Args:
        values: Rows (n, C).
        slots: Token·P + place of each row (n,), −1 where no token takes it.
        shift: Left shift.
        out_row: Row of each token in ``out`` (N,).
        out: Zeros (m, P·C), filled here.
    """
    channels = values.shape[1]
    places = out.shape[1] // channels
    for j in range(values.shape[0]):
        if slots[j] >= 0:
            row, at = out_row[slots[j] // places], slots[j] % places * channels
            for c in range(channels):
                out[row, at + c] = values[j, c] << shift
