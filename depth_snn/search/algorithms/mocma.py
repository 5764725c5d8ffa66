"""MO-CMA-ES by DEAP, mended for noisy objectives; this is the one module that imports DEAP.

Igel, Hansen and Roth, "Covariance matrix adaptation for multi-objective optimization",
Evolutionary Computation 15(1), 2007; Voß, Hansen and Igel, "Improved step size adaptation for the
MO-CMA-ES", GECCO 2010.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from depth_snn.errors import MissingDependency
from depth_snn.search.algorithms.seeding import GlobalDraws, around, into_cube
from depth_snn.search.hypervolume import contributions
from depth_snn.search.types import Floats

try:
    from deap import base, cma
except ImportError:
    raise MissingDependency("mocma needs DEAP: pip install 'depth-snn[search]'") from None

SIGMA = 0.15
SIGMA_RANGE = (0.02, 0.4)


class Individual(list[float]):
    """A point with what DEAP hangs on it: a fitness, and ``_ps``, its parent's place."""

    fitness: Any
    candidate: int

    def __init__(self, point: Floats, objectives: int) -> None:
        super().__init__(into_cube(point).tolist())
        self.fitness = _FITNESS[objectives]()
        self.candidate = -1


_FITNESS = {
    k: type(f"Fitness{k}", (base.Fitness,), {"weights": (-1.0,) * k}) for k in range(2, 5)
}  # all minimised


def least_contributor(front: Sequence[Individual], ref: Floats) -> int:
    losses = -np.array([ind.fitness.wvalues for ind in front])
    return int(np.argmin(contributions(losses, ref)))


class Strategy(cma.StrategyMultiObjective):  # type: ignore[misc]
    def _rankOneUpdate(self, invCholesky, A, alpha, beta, v):
        if alpha > 1 - self.ccov:
            alpha = 1 - self.ccov + self.ccov * (alpha - (1 - self.ccov))
        if (invCholesky @ v).max() <= 1e-20:
            v = -v
        return super()._rankOneUpdate(invCholesky, A, alpha, beta, v)

    def _select(self, candidates):
        seen, first, clones = set(), [], []
        for ind in sorted(candidates, key=lambda ind: ind._ps[0] == "o"):
            key = ind.fitness.wvalues
            (clones if key in seen else first).append(ind)
            seen.add(key)
        while len(first) < self.mu and clones:
            first.append(clones.pop(0))
        chosen, rest = super()._select(first)
        return chosen, rest + clones

    def update(self, population):
        super().update(population)
        self.sigmas = [min(max(s, SIGMA_RANGE[0]), SIGMA_RANGE[1]) for s in self.sigmas]


class MoCma:
    name = "mocma"

    def __init__(
        self, objectives: int, starts: Sequence[Floats], seed: int, size: int, **knobs
    ) -> None:
        self._k, self._starts, self._size = objectives, list(starts), size
        self._mu = knobs.get("mu", size)
        self.knobs = knobs
        self.sigma = knobs.get("sigma", SIGMA)
        self._draws = GlobalDraws(seed)
        self._rng = np.random.default_rng(seed)
        self._strategy: Any = None
        self._offspring: list[Individual] = []

    def ask(self) -> list[Floats]:
        if self._strategy is None and not self._offspring:
            return around(
                self._starts, self._mu - len(self._starts), self.knobs.get("pad", 0.1), self._rng
            )
        if self._strategy is None:
            self._begin()
        elif self._offspring:
            self._strategy.update(self._offspring)
        with self._draws.lent():
            self._asked = self._strategy.generate(lambda p: Individual(p, self._k))
        self._offspring = []
        return [np.array(ind) for ind in self._asked]

    def _make(self, population):
        kn = {
            k: v
            for k, v in self.knobs.items()
            if k in ("ptarg", "cp", "d", "ccov", "cc", "pthresh")
        }
        if self.knobs.get("ind", 1):
            kn["indicator"] = least_contributor
        return Strategy(population, self.sigma, mu=self._mu, lambda_=self._size, **kn)

    def _begin(self) -> None:
        chosen, _ = self._make(self._offspring)._select(self._offspring)
        self._strategy = self._make(chosen)

    def tell(self, candidates: Sequence[int], points: Sequence[Floats], losses: Floats) -> None:
        if self._strategy is None:
            inds = []
            for p in points:
                ind = Individual(p, self._k)
                ind._ps = "o", 0
                inds.append(ind)
        else:
            by = {tuple(map(float, p)): i for i, p in enumerate(points)}
            inds = self._asked
            order = [by[tuple(ind)] for ind in inds]
            candidates = [candidates[i] for i in order]
            losses = losses[order]
        for ind, n, row in zip(inds, candidates, losses):
            ind.candidate = n
            ind.fitness.values = tuple(row)
        self._offspring = inds

    def _all(self):
        return self._offspring + (self._strategy.parents if self._strategy else [])

    def retell(self, losses: Mapping[int, Floats]) -> None:
        for ind in self._all():
            if ind.candidate in losses:
                ind.fitness.values = tuple(losses[ind.candidate])

    def kept(self) -> list[int]:
        if not self._offspring:
            return [ind.candidate for ind in self._all()]
        st = self._strategy or self._make(self._offspring)
        chosen, _ = st._select(self._all()) if self._strategy else st._select(self._offspring)
        if self.knobs.get("keepall"):
            return [ind.candidate for ind in self._all()]
        return [ind.candidate for ind in chosen]
