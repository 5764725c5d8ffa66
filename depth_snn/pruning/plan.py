"""The plan of a frame: tokens computed in each stage, and static ones pooled; NumPy only."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from depth_snn.config import NetworkConfig

Mask = npt.NDArray[np.bool_]
POOL = 2
"""Tokens along each side of a block that may run as one coarse token."""


def schedule(
    active: Mask, strength: npt.NDArray[np.float32] | None, token_rates: tuple[float, ...]
) -> Mask:
    """Rows of tokens to compute, each row within the one before it.

    Args:
        active: Tokens that moved or went stale (N,).
        strength: L2 norm of every token at the entrance of each block (S − 1, N), as last computed;
            None on the first frame, when nothing is cut.
        token_rates: Share of the remaining tokens cut in each block (S − 1 of them), weakest first,
            rounded down.

    Returns:
        Mask (S, N). Ties are cut in the order of the tokens.
    """
    sched = np.repeat(active[None], len(token_rates) + 1, 0)
    if strength is None:
        return sched
    left = np.flatnonzero(active)
    for block, rate in enumerate(token_rates):
        cut = int(rate * left.size)
        if cut:
            order = np.argsort(strength[block][left], kind="stable")
            left = np.sort(left[order[cut:]])
        sched[block + 1] = False
        sched[block + 1, left] = True
    return sched


def block_tokens(config: NetworkConfig) -> npt.NDArray[np.int64]:
    """Token numbers of each 2×2 block (B, 4); an odd last row or column is in no block."""
    h, w = config.grid
    rows, columns = h // POOL, w // POOL
    numbers = np.arange(h * w).reshape(h, w)[: rows * POOL, : columns * POOL]
    split = numbers.reshape(rows, POOL, columns, POOL).transpose(0, 2, 1, 3)
    out: npt.NDArray[np.int64] = split.reshape(-1, POOL * POOL).astype(np.int64)
    return out


def pooled_blocks(opened: Mask, blocks: npt.NDArray[np.int64]) -> Mask:
    """Blocks that run as one coarse token: no token of theirs is open in any stage.

    Args:
        opened: Tokens computed in each stage (S, N).
        blocks: Token numbers of each block (B, 4).

    Returns:
        Mask (B,).
    """
    out: Mask = ~opened.any(0)[blocks].any(1)
    return out
