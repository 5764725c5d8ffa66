"""A policy set from searches: one front for each domain, and one loss that all of them aim at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from depth_snn.adapt.library import CHANGING, Domain, PolicySet
from depth_snn.adapt.statistics import Statistics
from depth_snn.config import NetworkConfig, PolicyConfig
from depth_snn.data.frames import open_frames
from depth_snn.data.scene import CAMERAS
from depth_snn.errors import ConfigError

Floats = npt.NDArray[np.float64]
LOOK_SEEDS = tuple(range(320, 332))
"""Streets whose looks make a domain's centres; none of them is reported on."""
LOOK_FRAMES, LOOK_EVERY = 13, 4
"""Frames of each street, of which the first and every fourth after it are taken."""
SLACK = 1.25
"""A domain's radius, as a multiple of the largest distance of a look to its centre."""
DIGITS = 5
_LEAST = 1e-3
"""Least scale of a statistic: many are 0 in every look of a domain."""


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


def looks(
    domain: str, config: NetworkConfig, seeds: Sequence[int] = LOOK_SEEDS
) -> dict[str, Floats]:
    """Statistics of a domain's streets (K, F), by camera."""
    found = {}
    for camera in CAMERAS:
        rows = []
        for seed in seeds:
            clip = open_frames(
                f"scene:{camera}-{domain}", height=config.height, width=config.width,
                limit=LOOK_FRAMES, seed=seed,
            )  # fmt: skip
            statistics = Statistics(config.height, config.width)
            seen = [statistics.measure(frame.rgb) for frame in clip]
            rows += seen[::LOOK_EVERY]
        found[camera] = np.array(rows)
    return found


def build_set(
    network: str, base: PolicyConfig, choices: Mapping[str, Choice],
    seen: Mapping[str, Mapping[str, Floats]],
) -> PolicySet:  # fmt: skip
    """A set of the chosen policies; scenes of no domain get the base.

    Each camera of a domain is a centre. A statistic's scale is its standard deviation around the
    centres, so that distances count in what streets of one kind differ by.

    Args:
        network: Name of the network.
        base: Policy that the others differ from.
        choices: By domain.
        seen: Statistics of each domain's streets, by camera, from :func:`looks`.
    """
    centres = {
        name: [np.nanmean(rows, axis=0) for rows in cameras.values()]
        for name, cameras in seen.items()
    }
    around = np.concatenate([
        rows - centre
        for name, cameras in seen.items()
        for rows, centre in zip(cameras.values(), centres[name], strict=True)
    ])  # fmt: skip
    scale = np.maximum(np.sqrt(np.nanmean(around**2, axis=0)), _LEAST)
    bare = PolicySet(network, base, "base", _short(scale), (_domain("any", centres, base),))
    domains = []
    for name, choice in choices.items():
        rows = np.concatenate(list(seen[name].values()))
        near = min_distances(bare, rows, centres[name])
        radius = float(f"{SLACK * near.max():.3g}")
        ours = {key: getattr(choice.policy, key) for key in CHANGING}
        policy = replace(base, **ours)
        domains.append(Domain(name, tuple(_short(c) for c in centres[name]), radius, policy))
    return replace(bare, domains=tuple(domains))


def min_distances(policies: PolicySet, rows: Floats, centres: Sequence[Floats]) -> Floats:
    """Distance of each look (K, F) to the nearest of the centres (K,)."""
    return np.array([min(policies.distance(row, centre) for centre in centres) for row in rows])


def _domain(name: str, centres: Mapping[str, Sequence[Floats]], policy: PolicyConfig) -> Domain:
    first = next(iter(centres.values()))[0]
    return Domain(name, (_short(first),), 1.0, policy)


def _short(values: Floats) -> tuple[float, ...]:
    """As many digits as a reader of the file needs."""
    return tuple(float(f"{v:.{DIGITS}g}") for v in values)
