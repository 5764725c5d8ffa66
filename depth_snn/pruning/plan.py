"""The schedule of a frame: which tokens the pruned stream computes in each stage; NumPy only."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]


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
