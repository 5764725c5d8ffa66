"""Conv, SumPool and Regroup: events scattered to the places they reach (docs/fixed_point.md §4)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from depth_snn.compiled import part

INT = np.int32
Words = npt.NDArray[np.int32]
Weights = npt.NDArray[np.int8]
Grid = tuple[int, int, int]
Rule = tuple[int, int, int, int, int, int]


@part
def convolve(
    total: Words,
    weight: Weights,
    sources: Words,
    sizes: Words,
    channels: tuple[int, int],
    grid: Grid,
    rule: Rule,
) -> int:
    """Add what each event sends through the kernels that cover it; the number of synapses met.

    Args:
        total: (h'·w'·C_out,), updated.
        weight: (k_down · k_across · C_in, C_out): kernel row, kernel column, channel.
        sources: Positions of the events in (h·w·C_in,), (n,).
        sizes: Their values (n,).
        channels: C_in, C_out.
        grid: w, h', w'.
        rule: Rows and columns of the kernel, stride down and across, padding likewise.
    """
    c_in, c_out = channels
    width, rows, columns = grid
    high, wide, step_down, step_across, above, beside = rule
    met = 0
    for k in range(sources.shape[0]):
        position, c = sources[k] // c_in, sources[k] % c_in
        size = sizes[k]
        y, x = position // width + above, position % width + beside
        # y' covers y where y'·stride <= y < y'·stride + kernel.
        top, left = max(0, (y - high) // step_down + 1), max(0, (x - wide) // step_across + 1)
        for row in range(top, min(rows - 1, y // step_down) + 1):
            for column in range(left, min(columns - 1, x // step_across) + 1):
                a, b = y - row * step_down, x - column * step_across
                w = weight[(a * wide + b) * c_in + c]
                at = (row * columns + column) * c_out
                out = total[at : at + c_out]
                for j in range(c_out):
                    out[j] = INT(out[j] + INT(INT(w[j]) * size))
                met += c_out
    return met


@part
def pool(total: Words, sources: Words, sizes: Words, channels: int, grid: Grid, rule: Rule) -> int:
    """Add each event to the windows that cover it; arguments and result as :func:`convolve`."""
    width, rows, columns = grid
    high, wide, step_down, step_across, above, beside = rule
    met = 0
    for k in range(sources.shape[0]):
        position, c = sources[k] // channels, sources[k] % channels
        y, x = position // width + above, position % width + beside
        top, left = max(0, (y - high) // step_down + 1), max(0, (x - wide) // step_across + 1)
        for row in range(top, min(rows - 1, y // step_down) + 1):
            for column in range(left, min(columns - 1, x // step_across) + 1):
                at = (row * columns + column) * channels + c
                total[at] = INT(total[at] + sizes[k])
                met += 1
    return met


@part
def regroup(total: Words, slots: Words, sources: Words, sizes: Words, channels: int) -> int:
    """Put each event where its position goes, if anywhere; how many were put.

    Args:
        total: Zeros (N·P·C,).
        slots: Token·P + place of each position (M,), −1 where no token takes it.
        sources: Positions of the events in (M·C,), (n,).
        sizes: Their values (n,).
        channels: C.
    """
    met = 0
    for k in range(sources.shape[0]):
        slot = slots[sources[k] // channels]
        if slot >= 0:
            total[slot * channels + sources[k] % channels] = sizes[k]
            met += 1
    return met
