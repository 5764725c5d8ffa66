"""What stands before a stream: from every frame, the policy it is to run under."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from depth_snn.adapt.chooser import Chooser, Hysteresis
from depth_snn.adapt.evolve import Accepted, Dropped, Evolver
from depth_snn.adapt.library import CHANGING, MAX_DOMAINS, Domain, PolicySet
from depth_snn.adapt.statistics import Statistics
from depth_snn.config import PolicyConfig
from depth_snn.errors import ConfigError

Floats = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]
FOUND = "found"
"""Policies found while running are called ``found-1``, ``found-2`` …"""
SLACK = 1.25
"""A found policy's radius, as a multiple of the largest distance seen in its scene."""


@dataclass(frozen=True)
class Change:
    """Another policy took over.

    Attributes:
        frame: The first frame under it.
        policy: Its name; the fallback's for an unknown scene.
        domain: The domain; None for unknown.
    """

    frame: int
    policy: str
    domain: str | None


class Adapter:
    """Chooses the policy of one stream, frame by frame.

    Args:
        policies: Known domains; a stream begins under their base policy.
        height, width: Size of the frames.
        hysteresis: When the choice changes.
        evolver: Searches in unknown scenes; None for the fallback alone.
        latest: Keep only the policy found last, which is then the fallback too, and not watched.

    Attributes:
        policies: What is known now.
        policy: What the present frame runs under.
        changes: When it changed; the first frame's choice comes first.
        names: Name of the policy of every frame so far.
        ran: Every policy that ran, by name.
        macs: Work of one frame's statistics, to be charged to every frame.

    Raises:
        ConfigError: The evolver could find a policy, and the set has no place for one more.
    """

    def __init__(
        self, policies: PolicySet, height: int, width: int, *,
        hysteresis: Hysteresis | None = None, evolver: Evolver | None = None, latest: bool = False,
    ) -> None:  # fmt: skip
        if evolver is not None and not latest and len(policies.domains) == MAX_DOMAINS:
            raise ConfigError(
                f"the policy set has {MAX_DOMAINS} domains, the most there may be, so no policy "
                "can be found for another scene; leave a domain or the searching out"
            )
        self.policies, self.evolver, self.latest = policies, evolver, latest
        self.statistics = Statistics(height, width)
        self.chooser = Chooser(policies, hysteresis)
        self.policy: PolicyConfig = policies.base
        self.macs = self.statistics.macs
        self.changes: list[Change] = []
        self.names: list[str] = []
        self.ran: dict[str, PolicyConfig] = {}
        self._count = 0
        self._found: set[str] = set()

    def step(self, rgb: Image) -> PolicyConfig | None:
        """Look at the next frame (H, W, 3) before it runs.

        Returns:
            The policy to swap in before this frame; None where it stays.
        """
        statistics = self.statistics.measure(rgb)
        domain = self.chooser.step(statistics)
        if self.evolver is not None:
            self._evolve(self.evolver, rgb, statistics, domain)
            domain = self.chooser.domain
        name = self.policies.fallback if domain is None else domain
        if not self.changes or (name, domain) != (self.changes[-1].policy, self.changes[-1].domain):
            self.changes.append(Change(len(self.names), name, domain))
        self.names.append(name)
        wanted = self.ran[name] = self.policies.policy(domain)
        if wanted == self.policy:
            return None
        self.policy = wanted
        return wanted

    def story(self) -> dict[str, Any]:
        """What ran when, JSON-able: policies with their frames, changes, and searches if any."""
        frames = Counter(self.names)
        told: dict[str, Any] = {
            "policies": {
                name: {"frames": frames[name]} | {key: getattr(policy, key) for key in CHANGING}
                for name, policy in self.ran.items()
            },
            "policy_changes": [
                {"frame": c.frame, "policy": c.policy, "domain": c.domain or "unknown"}
                for c in self.changes
            ],
        }
        if self.evolver is not None:
            trials = self.evolver.trials
            told["evolution"] = {
                "searches": self.evolver.searches, "trials": len(trials),
                "trials_passed": sum(t.passed for t in trials),
                "macs": self.evolver.study.rehearsal.macs,
            }  # fmt: skip
        return told

    def close(self) -> None:
        """End what runs beside the stream."""
        if self.evolver is not None:
            self.evolver.close()

    def _evolve(self, evolver: Evolver, rgb: Image, statistics: Floats, domain: str | None) -> None:
        fallback = self.policies.policy(None)
        outcome = evolver.step(
            rgb, statistics, domain, domain in self._found, self.policies.policy(domain), fallback
        )
        if isinstance(outcome, Accepted):
            self._take(outcome)
        elif isinstance(outcome, Dropped):
            self._drop(outcome.domain)

    def _take(self, outcome: Accepted) -> None:
        self._count += 1
        while (name := f"{FOUND}-{self._count}") in self.policies.policies():
            self._count += 1  # a name that the set's file has given
        widest = float(np.median([d.radius for d in self.policies.domains]))
        domain = Domain(name, (outcome.centre,), max(SLACK * outcome.reach, widest), outcome.policy)
        if not self.latest:
            if len(self.policies.domains) == MAX_DOMAINS:
                self._drop(next(d.name for d in self.policies.domains if d.name in self._found))
            self._found.add(name)
            self._use(self.policies.with_domain(domain))
            return
        old = self.policies
        self._use(PolicySet(old.network, old.base, name, old.whitening, (domain,)))

    def _drop(self, name: str) -> None:
        self._found.discard(name)
        self._use(self.policies.without(name))

    def _use(self, policies: PolicySet) -> None:
        self.policies = policies
        self.chooser.replace(policies)
