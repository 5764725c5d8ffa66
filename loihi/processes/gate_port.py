"""What a process reads from its gate port."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def open_tokens(p: Any, gate_in: Any, step: int) -> npt.NDArray[np.bool_]:
    """Open tokens (N,) at a step, from 0.

    Args:
        p: The process's parameters: ``tokens``, ``gated``, ``first``, ``stages``, ``stage``.
        gate_in: Its gate port, received from if there is a gate.
        step: Without a gate every token is open from step ``first`` on.
    """
    if not p["gated"]:
        return np.full(p["tokens"], step >= p["first"])
    mask = gate_in.recv().reshape(p["stages"], p["tokens"])
    return np.asarray(mask[p["stage"]] == 1)
