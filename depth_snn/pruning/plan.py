"""The schedule of a frame: which tokens the pruned stream computes in each stage; NumPy only."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]


def schedule(
    active: Mask, strength: npt.NDArray[np.float32] | None, token_rate: float, stages: int
) -> Mask:
    """Rows of tokens to compute, each row within the one before it.

    Args:
        active: Tokens that moved or went stale (N,).
        strength: L2 norm of every token at the entrance of each block (S − 1, N), as last computed; None on the first
            frame, when nothing is cut.
        token_rate: Share of the remaining tokens cut in each block, weakest first, rounded down.
        stages: Number of stages S.

    Returns:
        Mask (S, N). Ties are cut in the order of the tokens.
    """
    sched = np.repeat(active[None], stages, 0)
    if strength is None or token_rate == 0:
        return sched
    left = np.flatnonzero(active)
    for stage in range(1, stages):
        cut = int(token_rate * left.size)
        if cut:
            order = np.argsort(strength[stage - 1][left], kind="stable")
            left = np.sort(left[order[cut:]])
        sched[stage] = False
        sched[stage, left] = True
    return sched
