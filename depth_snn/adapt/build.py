"""A policy set from searches: one front for each domain, and one loss that all of them aim at."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from depth_snn.adapt.library import BASE, CHANGING, Domain, PolicySet
from depth_snn.adapt.statistics import RESOLUTION, Statistics
from depth_snn.config import NetworkConfig, PolicyConfig
from depth_snn.data.frames import open_frames
from depth_snn.data.scene import CAMERAS
from depth_snn.errors import ConfigError

Floats = npt.NDArray[np.float64]
LOOK_SEEDS = tuple(range(320, 332))
"""Streets whose looks make a domain's centres; none of them is reported on."""
LOOK_FRAMES, LOOK_EVERY = 13, 4
"""Frames of each street, of which the first and every fourth after it are taken."""
INSIDE = 0.95
"""Share of a domain's looks that lie within its radius."""
RIDGE = 0.02
"""Share of its variance that is added to each statistic's, beside its resolution."""
DIGITS = 6


@dataclass(frozen=True)
class Choice:
    """A policy, and what it came to in a domain on the clips of its search.

    Attributes:
        policy: What is pruned.
        loss: Points of mIoU below the dense network.
        work: Executed ÷ dense MACs.
    """

    policy: PolicyConfig
    loss: float
    work: float


@dataclass(frozen=True)
class Balance:
    """One loss for all domains.

    Attributes:
        target: The loss that no domain's choice exceeds.
        choices: By domain.
        work: Mean over domains.
        fixed_work: The same of the fixed policy.
    """

    target: float
    choices: Mapping[str, Choice]
    work: float
    fixed_work: float


def balance(fronts: Mapping[str, Sequence[Choice]], fixed: Mapping[str, Choice]) -> Balance:
    """The smallest common loss at which domains do no more work on average than the fixed policy.

    Each domain takes the choice of largest loss that does not exceed the target, or its smallest
    loss where all exceed it. The fixed policy is among the choices of every domain, so the largest
    of its losses is a target that always suffices.

    Args:
        fronts: What a search found, by domain.
        fixed: The fixed policy, by the same domains.

    Raises:
        ConfigError: There is no domain, or the two name different ones.
    """
    if not fixed or set(fronts) != set(fixed):
        raise ConfigError(f"domains {sorted(fronts)} and {sorted(fixed)}: expected the same, some")
    every = {name: _undominated([*fronts[name], fixed[name]]) for name in fixed}
    limit = float(np.mean([choice.work for choice in fixed.values()]))
    targets = sorted({c.loss for choices in every.values() for c in choices})
    for target in targets:
        taken = {name: _nearest_below(choices, target) for name, choices in every.items()}
        work = float(np.mean([choice.work for choice in taken.values()]))
        if work <= limit:
            return Balance(target, taken, work, limit)
    raise AssertionError("the fixed policy's largest loss is a target that suffices")


def _undominated(choices: Sequence[Choice]) -> list[Choice]:
    """By loss; work falls along it."""
    kept: list[Choice] = []
    for choice in sorted(choices, key=lambda c: (c.loss, c.work)):
        if not kept or choice.work < kept[-1].work:
            kept.append(choice)
    return kept


def _nearest_below(choices: Sequence[Choice], target: float) -> Choice:
    below = [choice for choice in choices if choice.loss <= target]
    return below[-1] if below else choices[0]


def looks(domain: str, config: NetworkConfig, seeds: Sequence[int] = LOOK_SEEDS) -> Floats:
    """Statistics of a domain's streets (K, F), of standing and driving cameras."""
    rows = []
    for camera, seed in itertools.product(CAMERAS, seeds):
        clip = open_frames(
            f"scene:{camera}-{domain}", height=config.height, width=config.width,
            limit=LOOK_FRAMES, seed=seed,
        )  # fmt: skip
        statistics = Statistics(config.height, config.width)
        rows += [statistics.measure(frame.rgb) for frame in clip][::LOOK_EVERY]
    return np.array(rows)


def build_set(
    network: str, base: PolicyConfig, choices: Mapping[str, Choice], seen: Mapping[str, Floats]
) -> PolicySet:
    """A set of the chosen policies; scenes of no domain get the base.

    A domain's centre is the mean of its looks. Distances are Mahalanobis' by the covariance of all
    looks around their centres, as in linear discriminant analysis (Fisher 1936): many statistics
    change together from street to street, and what changes apart from that tells domains apart.

    Args:
        network: Name of the network.
        base: Policy that the others differ from.
        choices: By domain.
        seen: Statistics of each domain's streets (K, F), from :func:`looks`.
    """
    centres = {name: _short(np.nanmean(rows, axis=0)) for name, rows in seen.items()}
    around = np.concatenate([rows - centres[name] for name, rows in seen.items()])
    whitening = tuple(_short(row) for row in whitening_of(np.nan_to_num(around)))
    unit = PolicySet(
        network, base, BASE, whitening, (Domain("any", (centres[next(iter(centres))],), 1.0, base),)
    )
    domains = []
    for name, choice in choices.items():
        centre = centres[name]
        away = [unit.distance(row, np.array(centre)) for row in seen[name]]
        policy = replace(base, **{key: getattr(choice.policy, key) for key in CHANGING})
        radius = float(f"{np.quantile(away, INSIDE):.3g}")
        domains.append(Domain(name, (centre,), radius, policy))
    return replace(unit, domains=tuple(domains))


def whitening_of(around: Floats) -> Floats:
    """W (F, F) with WᵀW the inverse of the covariance of differences (K, F), a little rounded.

    A share of each statistic's own variance is added to it, so that a direction in which few looks
    hardly differ does not decide by itself.
    """
    covariance = around.T @ around / len(around)
    own = np.diag(covariance)
    covariance = covariance + np.diag(RIDGE * own + np.array(RESOLUTION) ** 2)
    lower = np.linalg.cholesky(np.linalg.inv(covariance))
    out: Floats = lower.T
    return out


def _short(values: Floats) -> tuple[float, ...]:
    """As many digits as a reader of the file needs."""
    return tuple(float(f"{v:.{DIGITS}g}") for v in values)
