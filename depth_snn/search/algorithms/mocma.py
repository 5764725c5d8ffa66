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

SIGMA_RANGE = (0.02, 0.4)
"""Step sizes stay within: smaller ones drown in rounding and noise, larger ones leave the cube."""
ALONG = 0.3
"""Share of the first covariance that lies along the differences between the starts."""
PADDING = 0.1
"""Step size of the first parents that are no starts."""

_FITNESS: dict[int, Any] = {
    k: type(f"Fitness{k}", (base.Fitness,), {"weights": (-1.0,) * k}) for k in range(2, 5)
}  # all minimised


def first_sigma(dimensions: int) -> float:
    """Step size to begin with: 0.38·n^−0.3, so 0.25 in 4 dimensions and 0.15 in 24.

    Chosen on toy problems with noise of a few percent, at 120 evaluations.
    """
    return float(0.38 * dimensions**-0.3)


def first_shape(starts: Sequence[Floats]) -> Floats:
    """Cholesky factor (n, n) of the first covariance; its trace is n.

    Known-good settings differ along the front, so (1 − w)·I + w·n·S ÷ tr S with the scatter S of
    the starts and w = ``ALONG``; I where they do not differ.
    """
    points = np.array(starts)
    n = points.shape[1]
    apart = points - points.mean(axis=0)
    scatter = apart.T @ apart
    size = float(np.trace(scatter))
    if size < 1e-12:
        return np.eye(n)
    return np.linalg.cholesky((1 - ALONG) * np.eye(n) + ALONG * n * scatter / size)


class Individual(list[float]):
    """A point in the cube, with what DEAP hangs on it.

    A point outside is projected onto the cube, without penalty, before anyone evaluates it; DEAP's
    update takes its steps from these points, so they are the steps that were really made.

    Attributes:
        fitness: DEAP's.
        candidate: Its number in the history; −1 before it is told.
    """

    def __init__(self, point: Floats, objectives: int) -> None:
        super().__init__(into_cube(point).tolist())
        self.fitness: Any = _FITNESS[objectives]()
        self.candidate = -1
        self._ps = ("o", 0)  # as DEAP has it: offspring, and the parent's place


def least_contributor(front: Sequence[Individual], ref: Floats) -> int:
    """Place of the one that adds least to the front's hypervolume; an indicator for DEAP.

    The same as DEAP's own, in one call of moocore where that makes one for each individual.
    """
    losses = -np.array([individual.fitness.wvalues for individual in front])
    return int(np.argmin(contributions(losses, ref)))


class Strategy(cma.StrategyMultiObjective):  # type: ignore[misc]
    """DEAP's strategy with three of its formulas as published, and without clones.

    * The rank-one update is skipped where no component of A⁻¹·p is positive, though it is even in
      p: here the sign is turned and the update made.
    * Above the threshold success rate the old covariance is weighted by 1 − c_cov + c_c·(2 − c_c);
      Igel et al. have 1 − c_cov + c_cov·c_c·(2 − c_c), as does DEAP's own (1+λ) strategy.
    * Individuals with equal losses (settings are rounded, so offspring may equal their parents) are
      clones: one of them, a parent before an offspring, is kept before others come twice.
    """

    def _rankOneUpdate(  # noqa: N802 (DEAP's name)
        self, invCholesky: Floats, A: Floats, alpha: float, beta: float, v: Floats
    ) -> tuple[Floats, Floats]:
        excess = alpha - (1 - self.ccov)
        if excess > 0:
            alpha = 1 - self.ccov + self.ccov * excess
        if (invCholesky @ v).max() <= 1e-20:
            v = -v
        updated: tuple[Floats, Floats] = super()._rankOneUpdate(invCholesky, A, alpha, beta, v)
        return updated

    def _select(
        self, candidates: Sequence[Individual]
    ) -> tuple[list[Individual], list[Individual]]:
        seen: set[tuple[float, ...]] = set()
        first: list[Individual] = []
        clones: list[Individual] = []
        for individual in sorted(candidates, key=lambda one: one._ps[0] == "o"):
            losses = individual.fitness.wvalues
            (clones if losses in seen else first).append(individual)
            seen.add(losses)
        missing = max(self.mu - len(first), 0)
        chosen, others = super()._select(first + clones[:missing])
        return chosen, others + clones[missing:]

    def update(self, population: list[Individual]) -> None:
        """DEAP's update; step sizes stay within ``SIGMA_RANGE``."""
        super().update(population)
        self.sigmas: list[float] = [float(np.clip(sigma, *SIGMA_RANGE)) for sigma in self.sigmas]


class MoCma:
    """MO-CMA-ES whose parents may be told again.

    Selection waits until the next `ask`: by then the loop has seen some of `kept` again, so that an
    offspring or parent that was only lucky does not displace a better one. DEAP draws from global
    generators; they are lent a state of their own.

    Args:
        objectives: How many, 2 to 4.
        starts: Among the first parents, filled up with perturbations of them.
        seed: Of its draws.
        size: Offspring per generation; parents are three quarters as many, and those on the first
            front have the offspring, drawn at random.
    """

    name = "mocma"

    def __init__(self, objectives: int, starts: Sequence[Floats], seed: int, size: int) -> None:
        self._objectives, self._size, self._parents = objectives, size, max(3 * size // 4, 2)
        self._sigma, self._shape = first_sigma(len(starts[0])), first_shape(starts)
        self._draws = GlobalDraws(seed)
        self._first = around(
            starts, self._parents - len(starts), PADDING, np.random.default_rng(seed), self._shape
        )
        self._strategy: Any = None
        self._asked: list[Individual] = []
        self._told: list[Individual] = []  # not yet selected from

    def ask(self) -> list[Floats]:
        """In generation 0 the perturbed starts; then select, and draw offspring."""
        if self._strategy is None and not self._told:
            return list(self._first)
        if self._strategy is None:
            self._strategy = self._begin()
        elif self._told:
            self._strategy.update(self._told)
        self._told = []
        with self._draws.lent():
            self._asked = self._strategy.generate(lambda p: Individual(p, self._objectives))
        return [np.array(individual) for individual in self._asked]

    def _make(self, population: list[Individual]) -> Strategy:
        return Strategy(
            population, self._sigma, mu=self._parents, lambda_=self._size,
            indicator=least_contributor,
        )  # fmt: skip

    def _begin(self) -> Strategy:
        chosen, _ = self._make(self._told)._select(self._told)
        strategy = self._make(chosen)
        inverse = np.linalg.inv(self._shape)
        strategy.A = [self._shape.copy() for _ in chosen]
        strategy.invCholesky = [inverse.copy() for _ in chosen]
        return strategy

    def tell(self, candidates: Sequence[int], points: Sequence[Floats], losses: Floats) -> None:
        """Note the generation's losses; in generation 0 those of the starts too."""
        if self._strategy is None:
            self._asked = [Individual(point, self._objectives) for point in points]
        row_of = {tuple(np.asarray(point).tolist()): row for row, point in enumerate(points)}
        for individual in self._asked:
            row = row_of[tuple(individual)]
            individual.candidate = int(candidates[row])
            individual.fitness.values = tuple(losses[row].tolist())
        self._told = self._asked

    def _known(self) -> list[Individual]:
        return [*self._told, *(self._strategy.parents if self._strategy is not None else [])]

    def retell(self, losses: Mapping[int, Floats]) -> None:
        """Better estimates of parents and of offspring that are not yet selected from."""
        for individual in self._known():
            if individual.candidate in losses:
                individual.fitness.values = tuple(losses[individual.candidate].tolist())

    def kept(self) -> list[int]:
        """The candidates that would be parents as things stand."""
        known = self._known()
        if self._told:
            known, _ = (self._strategy or self._make(self._told))._select(known)
        return [individual.candidate for individual in known]
