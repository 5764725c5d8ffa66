"""Fronts and hypervolumes, by moocore; this is the one module that imports it.

Everything is minimised, and volumes lie below the corner (1, …, 1): objectives come in units of
their scales, so the corner is what each scale calls 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from depth_snn.errors import MissingDependency
from depth_snn.search.types import Floats


def _moocore() -> Any:
    try:
        import moocore
    except ImportError:
        raise MissingDependency(
            "a search needs moocore for hypervolumes: pip install 'depth-snn[search]'"
        ) from None
    return moocore


def nondominated(losses: Floats) -> npt.NDArray[np.bool_]:
    """Which rows no other row dominates; of equal rows the first alone.

    Args:
        losses: Objectives (m, k), minimised.

    Returns:
        A mask (m,).
    """
    if len(losses) == 0:
        return np.zeros(0, dtype=bool)
    return np.asarray(_moocore().is_nondominated(losses), dtype=bool)


def hypervolume(losses: Floats, corner: float = 1.0) -> float:
    """Volume that the rows dominate below the corner (c, …, c); 0 when none lies below it.

    Zitzler and Thiele, "Multiobjective optimization using evolutionary algorithms", PPSN 1998.

    Args:
        losses: Objectives (m, k), minimised; values below zero count in full.
        corner: The coordinate c of the corner.
    """
    below = losses[(losses < corner).all(axis=1)] if len(losses) else losses
    if len(below) == 0:
        return 0.0
    return float(_moocore().hypervolume(below, ref=np.full(below.shape[1], corner)))


def contributions(losses: Floats, reference: Floats) -> Floats:
    """What each row alone adds to the hypervolume of all (m,), below a reference point (k,)."""
    found = _moocore().hv_contributions(losses, ref=reference, ignore_dominated=False)
    return np.asarray(found, dtype=np.float64)
