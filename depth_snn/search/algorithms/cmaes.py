"""Single-objective CMA-ES by pycma on a weighted sum; this is the one module that imports it.

Hansen, "The CMA evolution strategy: a tutorial", arXiv 1604.00772.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from depth_snn.errors import MissingDependency
from depth_snn.search.algorithms.seeding import GlobalDraws
from depth_snn.search.scalar import ACCURACY, ACCURACY_WEIGHT, COST_WEIGHT
from depth_snn.search.types import Floats

try:
    import cma
except ImportError:
    raise MissingDependency("cmaes needs pycma: pip install 'depth-snn[search]'") from None

SIGMA = 0.15
POINTS_PER_UNIT = 100.0
"""Accuracy losses are in points of mIoU; the weighted rule has mIoU from 0 to 1."""


def weights_of(objectives: Sequence[str], scales: Sequence[float] | None = None) -> Floats:
    """Weights (k,) of the scaled objectives in 0.7·mIoU + 0.3·(1 − FLOPs ÷ FLOPs_base), negated.

    Up to a constant its negative is 0.7·loss ÷ 100 + 0.3·cost, with the loss in points of mIoU and
    the cost as a share of the base's. Objectives of ``ACCURACY`` are losses of it, others costs:
    MACs are a share already, of others the scale stands for the base. Several of a kind share its
    weight equally.

    Args:
        objectives: Their names.
        scales: Values that count as 1; None for 1.
    """
    scale = np.ones(len(objectives)) if scales is None else np.asarray(scales, dtype=np.float64)
    lossy = np.array([name in ACCURACY for name in objectives])
    share = np.where(np.array(objectives) == "macs", scale, 1.0)
    return np.where(
        lossy,
        ACCURACY_WEIGHT * scale / POINTS_PER_UNIT / max(int(lossy.sum()), 1),
        COST_WEIGHT * share / max(int((~lossy).sum()), 1),
    )


class CmaEs:
    """CMA-ES on a weighted sum of the objectives, within the cube by pycma's own handling.

    Its mean is no candidate and is drawn from ranks of one generation, all on the same clips, so
    there is nothing to tell again.

    Args:
        weights: Of the scaled objectives (k,).
        starts: The first is the initial mean.
        seed: Of its draws.
        size: Points per generation.
    """

    name = "cmaes"

    def __init__(self, weights: Floats, starts: Sequence[Floats], seed: int, size: int) -> None:
        self._weights = weights
        self._draws = GlobalDraws(seed)
        options = {
            "bounds": [0, 1], "popsize": size, "seed": np.nan, "verbose": -9, "verb_log": 0,
        }  # fmt: skip
        with self._draws.lent():
            self._es: Any = cma.CMAEvolutionStrategy(starts[0].tolist(), SIGMA, options)
        self._asked: list[Floats] = []

    def ask(self) -> list[Floats]:
        """Draw from the distribution."""
        with self._draws.lent():
            self._asked = self._es.ask()
        return [np.clip(point, 0.0, 1.0) for point in self._asked]

    def tell(self, candidates: Sequence[int], points: Sequence[Floats], losses: Floats) -> None:
        """Move the distribution by the points it drew; starts among those told are left out."""
        row_of = {tuple(point.tolist()): i for i, point in enumerate(points)}
        rows = [row_of[tuple(np.clip(point, 0.0, 1.0).tolist())] for point in self._asked]
        with self._draws.lent():
            self._es.tell(self._asked, (losses[rows] @ self._weights).tolist())

    def retell(self, losses: Mapping[int, Floats]) -> None:
        """Nothing: see the class."""

    def kept(self) -> list[int]:
        """None: see the class."""
        return []
