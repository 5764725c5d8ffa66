"""COMO-CMA-ES by comocma; this is the one module that imports it.

Touré, Hansen, Auger and Brockhoff, "Uncrowded hypervolume improvement: COMO-CMA-ES and the Sofomore
framework", GECCO 2019.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from depth_snn.errors import MissingDependency
from depth_snn.search.algorithms.seeding import GlobalDraws, around
from depth_snn.search.types import Floats

try:
    import comocma
except ImportError:
    raise MissingDependency("comocma needs comocma: pip install 'depth-snn[search]'") from None

SIGMA = 0.2
"""First step size; of 0.1, 0.2 and 0.3 the best on three of five noisy toy problems."""
CORNER = 1.2
"""Reference point in every objective, in units of scales: a little beyond what counts."""
KERNEL_POINTS = 4
"""Offspring of a kernel; pycma's own choice, 4 + 3·ln n, would spend a small budget in two
generations."""


class ComoCma:
    """COMO-CMA-ES: single CMA-ES kernels that each seek their own place on the front.

    Args:
        starts: Kernels begin at them, further ones at Gaussian perturbations.
        seed: Of its draws.
        size: Points per generation: a kernel's mean and its offspring for each kernel asked.
    """

    name = "comocma"

    def __init__(self, starts: Sequence[Floats], seed: int, size: int) -> None:
        self._draws = GlobalDraws(seed)
        self._kernels = max(size // 2, 2)
        self._asking = max(size // (KERNEL_POINTS + 1), 1)
        extra = self._kernels - len(starts)
        self._means = [*starts, *around(starts, extra, SIGMA, np.random.default_rng(seed))]
        self._means = self._means[: self._kernels]
        self._starts = {tuple(start.tolist()) for start in starts}
        options = {
            "bounds": [0, 1], "popsize": KERNEL_POINTS, "seed": np.nan, "verbose": -9,
            "verb_log": 0,
        }  # fmt: skip
        with self._draws.lent():
            kernels = comocma.get_cmas([mean.tolist() for mean in self._means], SIGMA, options)
            self._sofomore: Any = comocma.Sofomore(
                kernels, [CORNER, CORNER], {"verb_log": 0, "verb_disp": 0, "archive": False}
            )
        self._asked: list[Floats] = []
        self._points: list[Floats] = []
        self._began = False

    def ask(self) -> list[Floats]:
        """Means that moved and offspring; in generation 0 the kernels' means but for the starts."""
        with self._draws.lent():
            self._asked = self._sofomore.ask(self._asking)
        self._points = [np.clip(point, 0.0, 1.0) for point in self._asked]
        if not self._began:  # as given: mapping a mean into the cube and back may round it
            self._points[: len(self._means)] = self._means
        return [p for p in self._points if self._began or tuple(p.tolist()) not in self._starts]

    def tell(self, candidates: Sequence[int], points: Sequence[Floats], losses: Floats) -> None:
        """Move the kernels that were asked."""
        self._began = True
        row_of = {tuple(point.tolist()): i for i, point in enumerate(points)}
        rows = [row_of[tuple(point.tolist())] for point in self._points]
        with self._draws.lent():
            self._sofomore.tell(self._asked, losses[rows].tolist())

    def retell(self, losses: Mapping[int, Floats]) -> None:
        """Nothing: a kernel's mean is evaluated anew after every move."""

    def kept(self) -> list[int]:
        """None: see `retell`."""
        return []
