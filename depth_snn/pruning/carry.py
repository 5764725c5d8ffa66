"""Compiled loops that carry maps along motion and read tokens' change from them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from depth_snn.compiled import compiled

F32 = npt.NDArray[np.float32]


@compiled
def carry(source: F32, flow: F32, out: F32) -> None:
    """Every position takes what stood at its place + flow, interpolated linearly.

    Places outside the map are moved to its edge.

    Args:
        source: Map of the last frame (h, w, C).
        flow: (h, w, 2), (dx, dy) in positions of the map, back to the last frame.
        out: Where the carried map goes (h, w, C), not the source.
    """
    rows, columns, depth = source.shape
    for y in range(rows):
        for x in range(columns):
            at_x = min(max(x + flow[y, x, 0], np.float32(0)), np.float32(columns - 1))
            at_y = min(max(y + flow[y, x, 1], np.float32(0)), np.float32(rows - 1))
            left, top = int(at_x), int(at_y)
            right, bottom = min(left + 1, columns - 1), min(top + 1, rows - 1)
            fx, fy = at_x - left, at_y - top
            a, b = (1 - fx) * (1 - fy), fx * (1 - fy)
            c, d = (1 - fx) * fy, fx * fy
            for k in range(depth):
                out[y, x, k] = (
                    a * source[top, left, k]
                    + b * source[top, right, k]
                    + c * source[bottom, left, k]
                    + d * source[bottom, right, k]
                )


@compiled
def put_tokens(
    scores: F32, logits: F32, rows: npt.NDArray[np.int64], cell_at: npt.NDArray[np.int64]
) -> None:
    """Write the cells of some tokens into the map of scores.

    Args:
        scores: (h, w, classes), changed.
        logits: Of every token (N, P·classes).
        rows: Numbers of the tokens to write.
        cell_at: Flat position of every token's cells in the map (N, P).
    """
    columns, classes = scores.shape[1], scores.shape[2]
    for token in rows:
        for cell in range(cell_at.shape[1]):
            y, x = divmod(cell_at[token, cell], columns)
            for k in range(classes):
                scores[y, x, k] = logits[token, cell * classes + k]


@compiled
def put_blocks(
    target: npt.NDArray[np.generic], source: npt.NDArray[np.generic],
    rows: npt.NDArray[np.int64], side: int,
) -> None:  # fmt: skip
    """Copy the square of positions that belongs to each of some tokens.

    Args:
        target: Map (h·side, w·side, C), changed.
        source: Map of the same shape.
        rows: Numbers of the tokens.
        side: Positions along a token.
    """
    grid_w = target.shape[1] // side
    for token in rows:
        top, left = token // grid_w * side, token % grid_w * side
        for y in range(top, top + side):
            for x in range(left, left + side):
                for k in range(target.shape[2]):
                    target[y, x, k] = source[y, x, k]


@compiled
def token_means(image: F32, out: F32) -> None:
    """Mean of a map (h·s, w·s, C) over each token's square; out is (N, C)."""
    depth = image.shape[2]
    side = int(np.sqrt(image.shape[0] * image.shape[1] // out.shape[0]))
    grid_w = image.shape[1] // side
    for token in range(out.shape[0]):
        top, left = token // grid_w * side, token % grid_w * side
        for k in range(depth):
            out[token, k] = 0
        for y in range(top, top + side):
            for x in range(left, left + side):
                for k in range(depth):
                    out[token, k] += image[y, x, k]
        for k in range(depth):
            out[token, k] /= side * side


@compiled
def token_change(now: F32, sent: F32, signed: F32, size: F32) -> None:
    """Mean change and mean size of change over each token's square, per channel.

    Args:
        now: Map (h·s, w·s, C).
        sent: What stood there when it was last computed, carried along since.
        signed: Mean of now − sent goes here (N, C).
        size: Mean of |now − sent| goes here (N, C).
    """
    depth = now.shape[2]
    side = int(np.sqrt(now.shape[0] * now.shape[1] // signed.shape[0]))
    grid_w, share = now.shape[1] // side, np.float32(1 / (side * side))
    for token in range(signed.shape[0]):
        top, left = token // grid_w * side, token % grid_w * side
        for k in range(depth):
            signed[token, k] = 0
            size[token, k] = 0
        for y in range(top, top + side):
            for x in range(left, left + side):
                for k in range(depth):
                    change = now[y, x, k] - sent[y, x, k]
                    signed[token, k] += change * share
                    size[token, k] += abs(change) * share


@compiled
def window_difference(
    now: npt.NDArray[np.uint8], sent: npt.NDArray[np.uint8], side: int, margin: int, out: F32
) -> None:
    """Mean |difference| of grey levels over each token's square and a margin around it.

    Args:
        now: Frame (H, W, 3).
        sent: What was last computed on, carried along since.
        side: Pixels along a token.
        margin: Pixels around it that count too; outside the picture there is no difference.
        out: (N,), the sum over all of the window's pixels ÷ their number, outside ones included.
    """
    height, width = now.shape[:2]
    grid_w = width // side
    total = (side + 2 * margin) ** 2 * 3
    # Unsigned and flat, so that the compiler takes many at a time.
    flat, old = now.reshape(height, 3 * width), sent.reshape(height, 3 * width)
    for token in range(out.shape[0]):
        top, left = token // grid_w * side, token % grid_w * side
        first, last = max(left - margin, 0), min(left + side + margin, width)
        amount = 0
        for y in range(max(top - margin, 0), min(top + side + margin, height)):
            a, b = flat[y, 3 * first : 3 * last], old[y, 3 * first : 3 * last]
            for i in range(a.shape[0]):
                amount += max(a[i], b[i]) - min(a[i], b[i])
        out[token] = amount / total


@compiled
def token_notes(
    now: npt.NDArray[np.uint8], sent: npt.NDArray[np.uint8], flow: F32, age: F32, out: F32
) -> None:
    """Five numbers a token: roots of mean and largest |difference|, of flow, its spread, and age.

    Args:
        now: Frame (H, W, 3).
        sent: What was last computed on, carried along since.
        flow: (H, W, 2) in pixels.
        age: Frames since each token was computed (N,).
        out: (N, 5): √mean |difference|, √(largest / 4), √|mean flow|, √spread, √min(age, 20).
    """
    side = int(np.sqrt(now.shape[0] * now.shape[1] // out.shape[0]))
    grid_w, share = now.shape[1] // side, 1.0 / (side * side)
    flat, old = now.reshape(now.shape[0], -1), sent.reshape(now.shape[0], -1)
    for token in range(out.shape[0]):
        top, left = token // grid_w * side, token % grid_w * side
        total, most = 0, 0
        sx = sy = sxx = syy = 0.0
        for y in range(top, top + side):
            a, b = flat[y, 3 * left : 3 * (left + side)], old[y, 3 * left : 3 * (left + side)]
            for i in range(a.shape[0]):
                gap = max(a[i], b[i]) - min(a[i], b[i])
                total += gap
                most = max(most, gap)
            for x in range(left, left + side):
                fx, fy = flow[y, x, 0], flow[y, x, 1]
                sx, sy = sx + fx, sy + fy
                sxx, syy = sxx + fx * fx, syy + fy * fy
        mx, my = sx * share, sy * share
        spread = max(sxx * share - mx * mx, 0.0) + max(syy * share - my * my, 0.0)
        out[token, 0] = np.sqrt(total * share / 3)
        out[token, 1] = np.sqrt(most / 4)
        out[token, 2] = (mx * mx + my * my) ** 0.25
        out[token, 3] = spread**0.25
        out[token, 4] = np.sqrt(min(age[token], 20))
