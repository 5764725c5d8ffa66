"""NSGA-II by pymoo; this is the one module that imports pymoo.

Deb et al., "A fast and elitist multiobjective genetic algorithm: NSGA-II", IEEE Transactions on
Evolutionary Computation 6(2), 2002.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from depth_snn.errors import MissingDependency
from depth_snn.search.algorithms.seeding import around
from depth_snn.search.types import Floats

try:
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.core.population import Population
    from pymoo.core.problem import Problem
    from pymoo.core.termination import NoTermination
    from pymoo.operators.crossover.sbx import SBX
    from pymoo.operators.mutation.pm import PM
except ImportError:
    raise MissingDependency("nsga2 needs pymoo: pip install 'depth-snn[search]'") from None

SIGMA = 0.25
"""Step size of the first points that are no starts."""
CROSSOVER_ETA, MUTATION_ETA = 2.0, 5.0
"""Distribution indices: far offspring. Of pymoo's 15 and 20 and smaller ones, with populations of
one to three generations, these had the largest mean over five noisy toy problems."""


class Nsga2:
    """NSGA-II with simulated binary crossover and polynomial mutation.

    Survival waits until the next `ask`, so that it sees the estimates told again meanwhile.

    Args:
        objectives: How many.
        starts: In the first population, filled up with Gaussian perturbations of them.
        seed: Of its generator.
        size: Population and points per generation.
    """

    name = "nsga2"

    def __init__(self, objectives: int, starts: Sequence[Floats], seed: int, size: int) -> None:
        self._starts = list(starts)
        n = len(self._starts[0])
        rng = np.random.default_rng(seed)
        self._first = around(self._starts, max(size - len(self._starts), 0), SIGMA, rng)
        self._nsga: Any = NSGA2(
            pop_size=size,
            sampling=np.array([*self._starts, *self._first]),
            crossover=SBX(eta=CROSSOVER_ETA, prob=0.9),
            mutation=PM(eta=MUTATION_ETA),
        )
        self._nsga.setup(
            Problem(n_var=n, n_obj=objectives, xl=np.zeros(n), xu=np.ones(n)),
            termination=NoTermination(),
            seed=seed,
        )
        self._asked: Any = self._nsga.infill()
        self._began = False
        self._told = False

    def ask(self) -> list[Floats]:
        """In generation 0 the perturbed starts, then the offspring."""
        if not self._began:
            return list(self._first)
        if self._told:
            self._nsga.advance(infills=self._asked)
            self._told = False
        self._asked = self._nsga.infill()
        return [np.asarray(x, dtype=np.float64) for x in self._asked.get("X")]

    def tell(self, candidates: Sequence[int], points: Sequence[Floats], losses: Floats) -> None:
        """Note the generation's losses."""
        self._began = self._told = True
        row_of = {tuple(point.tolist()): i for i, point in enumerate(points)}
        for individual in self._asked:
            row = row_of[tuple(individual.X.tolist())]
            individual.set("F", np.array(losses[row]))
            individual.set("candidate", int(candidates[row]))
            individual.evaluated.update(("F",))

    def _known(self) -> Any:
        before = self._nsga.pop if self._nsga.is_initialized else Population.empty()
        return Population.merge(before, self._asked) if self._told else before

    def retell(self, losses: Mapping[int, Floats]) -> None:
        """Note better estimates."""
        for individual in self._known():
            if (number := individual.get("candidate")) in losses:
                individual.set("F", np.array(losses[number]))

    def kept(self) -> list[int]:
        """The candidates that survive as things stand."""
        known = self._known()
        if len(known) == 0:
            return []
        alive = self._nsga.survival.do(
            self._nsga.problem, known, n_survive=min(len(known), self._nsga.pop_size),
            algorithm=self._nsga, random_state=self._nsga.random_state,
        )  # fmt: skip
        return [int(individual.get("candidate")) for individual in alive]
