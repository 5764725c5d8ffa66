"""Random search: plain uniform points, the yardstick of every other algorithm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from depth_snn.search.types import Floats


class Random:
    """Independent points, uniform in the unit cube.

    Not quasi-random and not around the starts (Bergstra and Bengio, "Random search for
    hyper-parameter optimization", JMLR 2012), so that what others gain over it is what search adds.

    Args:
        dimensions: Coordinates of a point.
        seed: Of its generator.
        size: Points per generation.
    """

    name = "random"

    def __init__(self, dimensions: int, seed: int, size: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._shape = (size, dimensions)

    def ask(self) -> list[Floats]:
        """The next points."""
        return list(self._rng.random(self._shape))

    def tell(self, candidates: Sequence[int], points: Sequence[Floats], losses: Floats) -> None:
        """Nothing is learnt."""

    def retell(self, losses: Mapping[int, Floats]) -> None:
        """Nothing is learnt."""

    def kept(self) -> list[int]:
        """None."""
        return []
