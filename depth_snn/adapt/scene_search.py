"""The search that runs beside a stream: which genes, which algorithm, how much."""

from __future__ import annotations

from depth_snn.adapt.rehearsal import Rehearsal
from depth_snn.adapt.study import LOSSES, SCALES, Study
from depth_snn.config import PolicyConfig
from depth_snn.search.algorithms import make_algorithm
from depth_snn.search.genome import preset
from depth_snn.search.types import Algorithm

ALGORITHM = "cmaes"
"""One winner is wanted, by one scalar, and CMA-ES on that scalar is what finds it soonest."""
SIZE = 6


def scene_study(rehearsal: Rehearsal, base: PolicyConfig, evaluations: int, seed: int) -> Study:
    """A study over the thresholds of a policy: what may change while a stream runs.

    Args:
        rehearsal: Plays policies.
        base: Policy around which the genes reach.
        evaluations: Plays of one search.
        seed: Of the searches; the n-th draws from seed + n.

    Raises:
        ConfigError: The policy cannot be searched around, naming the setting.
        MissingDependency: The algorithm's package is not installed.
    """
    genes = preset("scene", rehearsal.player.model.config, base)

    def algorithm(number: int, start: tuple[float, ...]) -> Algorithm:
        return make_algorithm(
            ALGORITHM, genes.dimensions, LOSSES, [start], seed + number, SIZE, SCALES
        )

    algorithm(0, genes.encode(base))  # a missing package must not be found when the scene changes
    return Study(rehearsal, genes, algorithm, evaluations)
