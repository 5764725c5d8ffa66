"""Algorithms behind one ask/tell: `make_algorithm` makes them by name.

Each loads its library only when it is made.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from depth_snn.errors import ConfigError
from depth_snn.search.types import Algorithm

NAMES = ("mocma", "comocma", "nsga2", "cmaes", "random")


def make_algorithm(
    name: str,
    dimensions: int,
    objectives: Sequence[str],
    starts: Sequence[Sequence[float]],
    seed: int,
    size: int = 8,
    scales: Sequence[float] | None = None,
) -> Algorithm:
    """An algorithm that begins at known-good points.

    In generation 0 its `ask` leaves out the starts; whoever evaluates them tells them too.

    Args:
        name: One of ``NAMES``.
        dimensions: Coordinates of a point.
        objectives: Names of what is minimised; "cmaes" weighs them by name.
        starts: Points within the unit cube; "random" ignores them.
        seed: At least 0; the same one gives the same proposals.
        size: Points per generation, at least 4.
        scales: Values of the objectives that count as 1; None for 1. "cmaes" weighs by them.

    Raises:
        ConfigError: for an unknown name, and for numbers outside what is said here.
        MissingDependency: if the algorithm's library is not installed.
    """
    if name not in NAMES:
        raise ConfigError(f"no search algorithm {name!r}: choose from {', '.join(NAMES)}")
    if dimensions < 2 or size < 4 or seed < 0:
        raise ConfigError(
            f"a search needs 2 dimensions, 4 points a generation and a seed from 0, or more; got"
            f" {dimensions}, {size}, {seed}"
        )
    if not 2 <= len(objectives) <= (2 if name == "comocma" else 4):
        wanted = "2" if name == "comocma" else "2 to 4"
        raise ConfigError(f"{name} needs {wanted} objectives; got {len(objectives)}")
    if not starts:
        raise ConfigError("a search needs at least one start")
    points = [np.asarray(point, dtype=np.float64) for point in starts]
    k = len(objectives)
    if name == "mocma":
        from depth_snn.search.algorithms.mocma import MoCma

        return MoCma(k, points, seed, size)
    if name == "comocma":
        from depth_snn.search.algorithms.comocma import ComoCma

        return ComoCma(points, seed, size)
    if name == "nsga2":
        from depth_snn.search.algorithms.nsga2 import Nsga2

        return Nsga2(k, points, seed, size)
    if name == "cmaes":
        from depth_snn.search.algorithms.cmaes import CmaEs, weights_of

        return CmaEs(weights_of(objectives, scales), points, seed, size)
    from depth_snn.search.algorithms.random import Random

    return Random(dimensions, seed, size)
