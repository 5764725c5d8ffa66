"""Fronts on clips their searches never saw, beside the base policy and settings made by hand."""

from __future__ import annotations

import argparse
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np

from depth_snn.cli.progress import Progress
from depth_snn.cli.search.session import Session, open_store
from depth_snn.cli.search.settings import heldout_of
from depth_snn.search.archive import FrontPoint
from depth_snn.search.choosing import choose_knee, choose_weighted, choose_within, thin
from depth_snn.search.executors import make_executor
from depth_snn.search.grid import FixedPolicies, hand_set
from depth_snn.search.heldout import Measured, evaluate_heldout, optimism
from depth_snn.search.hypervolume import hypervolume
from depth_snn.search.problem import PolicyProblem
from depth_snn.search.types import Problem


@dataclass(frozen=True, eq=False)
class Reported:
    """A front's points that were carried to the held-out clips.

    Attributes:
        session: Whose front it is.
        points: Those points, by the first objective.
        heldout: The same on held-out clips.
        optimism: Mean of (held-out − searched loss)/100; NaN if loss is no objective.
        optimism_to_base: The same of losses beyond the base policy's, which takes out by how much
            held-out clips are harder for all.
        hypervolume: Of the held-out means, in units of scales below (1, …, 1).
    """

    session: Session
    points: tuple[FrontPoint, ...]
    heldout: tuple[Measured, ...]
    optimism: float
    optimism_to_base: float
    hypervolume: float


@dataclass(frozen=True, eq=False)
class Judged:
    """Everything that held-out clips say.

    Attributes:
        reports: The algorithm asked for, then those it is compared with.
        base: The base policy.
        grid: Hand-set policies by family.
        chosen: By rule, the index of a point of the first report.
    """

    reports: tuple[Reported, ...]
    base: Measured
    grid: dict[str, tuple[Measured, ...]]
    chosen: dict[str, int]

    @property
    def passes(self) -> bool:
        """Whether the point chosen within the constraints keeps within them on held-out clips."""
        index = self.chosen.get("budget")
        if index is None:
            return False
        point = self.reports[0].heldout[index]
        return not point.errors and point.violation <= 0


def judge_fronts(
    problem: PolicyProblem, sessions: list[Session], args: argparse.Namespace
) -> Judged:
    """Choose on search estimates, then measure what is reported on held-out clips."""
    heldout = heldout_of(problem, args.heldout_seeds)
    limited = args.budget is not None or args.target is not None
    rules = _choices(problem, sessions[0], limited)
    kept = [
        thin(s.losses, args.front, set(rules.values()) if s is sessions[0] else (), hypervolume)
        for s in sessions
    ]
    fronts = [[s.front[k] for k in few] for s, few in zip(sessions, kept, strict=True)]
    base = tuple(float(u) for u in heldout.starts()[0])
    points = [base, *(point.point for front in fronts for point in front)]
    first, *rest = _measure(heldout, "heldout.sqlite", points, args)
    reports = []
    for session, front in zip(sessions, fronts, strict=True):
        mine, rest = rest[: len(front)], rest[len(front) :]
        reports.append(_report(problem, session, front, mine, first))
    chosen = {rule: kept[0].index(index) for rule, index in rules.items()}
    return Judged(tuple(reports), first, _grid(heldout, args), chosen)


def _choices(problem: PolicyProblem, session: Session, limited: bool) -> dict[str, int]:
    scales, names = np.array(problem.scales), problem.objectives
    own = session.losses * scales
    found = {
        "weighted": choose_weighted(own, names, session.base * scales),
        "knee": choose_knee(session.losses),
    }
    # What violates a constraint on any set of the search is on no front.
    within = choose_within(own, np.zeros(len(own)), names) if limited else None
    return found if within is None else {**found, "budget": within}


def _report(
    problem: PolicyProblem, session: Session, front: list[FrontPoint], heldout: list[Measured],
    base: Measured,
) -> Reported:  # fmt: skip
    names, scales = problem.objectives, np.array(problem.scales)
    gap = harder = float("nan")
    if "loss" in names:
        k = names.index("loss")
        searched = [scales[k] * point.losses[k] for point in front]
        gap = optimism(searched, [m.interval("loss").mean for m in heldout])
        harder = optimism([scales[k] * session.base[k]], [base.interval("loss").mean])
    means = np.array([m.means(names) / scales for m in heldout]).reshape(-1, len(names))
    known = means[np.isfinite(means).all(1)]
    volume = hypervolume(known) if len(known) else 0.0
    return Reported(session, tuple(front), tuple(heldout), gap, gap - harder, volume)


def _grid(heldout: PolicyProblem, args: argparse.Namespace) -> dict[str, tuple[Measured, ...]]:
    # Integers are simulated for a hand-set policy only where loss itself comes from them.
    bare = replace(heldout, objectives=("loss", "macs"), scales=(5.0, 1.0))
    problem = bare if heldout.genome.encoders else replace(bare, extra=None)
    families = hand_set(heldout.genome.base)
    every = tuple(policy for family in families.values() for policy in family)
    fixed = FixedPolicies(problem, every, heldout.genome.encoders)
    found = _measure(fixed, "grid.sqlite", fixed.starts(), args)
    out = {}
    for name, family in families.items():
        out[name], found = tuple(found[: len(family)]), found[len(family) :]
    return out


def _measure(
    problem: Problem, file: str, points: list[tuple[float, ...]], args: argparse.Namespace
) -> list[Measured]:
    """Points on every held-out set; what an earlier process measured is taken from the file."""
    fresh = args.out / file
    if not args.resume:
        fresh.unlink(missing_ok=True)  # of an earlier search, whose own store is gone
    shown = Progress("held-out evaluations")

    def tell(done: int, total: int) -> None:
        shown.total = total
        shown.update(done, file.removesuffix(".sqlite"))

    with (
        closing(open_store(fresh, problem.facts(), args.resume)) as store,
        closing(make_executor(problem, args.workers, args.dask, args.deadline)) as executor,
    ):
        found = evaluate_heldout(points, problem.sets, executor, store, tell)
        shown.finish(file.removesuffix(".sqlite"))
    return found
