"""Random state for libraries that draw from global ones, and points around the starts."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from depth_snn.search.types import Floats


class GlobalDraws:
    """Lends the global generators of `numpy.random` and `random` a state of its own.

    DEAP and pycma draw from them.

    Args:
        seed: Where that state begins.
    """

    def __init__(self, seed: int) -> None:
        self._numpy = np.random.RandomState(seed).get_state()
        self._python = random.Random(seed).getstate()

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Within, global draws come from this state and move it on; the caller's is put back."""
        outer = np.random.get_state(), random.getstate()  # noqa: NPY002
        np.random.set_state(self._numpy)  # noqa: NPY002
        random.setstate(self._python)
        try:
            yield
        finally:
            self._numpy, self._python = np.random.get_state(), random.getstate()  # noqa: NPY002
            np.random.set_state(outer[0])  # noqa: NPY002
            random.setstate(outer[1])


def into_cube(point: Floats) -> Floats:
    """The nearest point of the unit cube."""
    return np.clip(point, 0.0, 1.0)


def around(
    starts: Sequence[Floats],
    count: int,
    sigma: float,
    rng: np.random.Generator,
    shape: Floats | None = None,
) -> list[Floats]:
    """Gaussian perturbations of the starts in turn, projected into the unit cube.

    Args:
        starts: Points (n,).
        count: How many to make; none if negative.
        sigma: Step size.
        rng: Draws them.
        shape: Factor A (n, n) of their covariance σ²·A·Aᵀ; the identity if None.
    """
    made = []
    for i in range(max(count, 0)):
        start = starts[i % len(starts)]
        step = rng.standard_normal(len(start))
        made.append(into_cube(start + sigma * (step if shape is None else shape @ step)))
    return made
