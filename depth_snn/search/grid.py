"""Settings that people would try by hand, as a search's problem of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from depth_snn.config import PolicyConfig
from depth_snn.errors import ConfigError
from depth_snn.search.genome import Candidate
from depth_snn.search.problem import scaled

STEPS = (0.4, 0.7, 1.0, 1.6, 2.5, 4.0)
"""Factors of a policy's thresholds, that of its gate among them."""
PLAIN_TAU = 8.0
"""Grey levels by which a token's pixels differ when plain pruning computes it."""
PLAIN_UNIT = 5.0
"""Grey levels that the steps of plain pruning are factors of."""
SHIPPED, PLAIN = "shipped policy", "pixel differences, no recovery"


def plain_of(policy: PolicyConfig) -> PolicyConfig:
    """Pruning by pixel differences alone: what is missed is for the rules to bring back."""
    return replace(policy, pruned_by="pixels", tau_stale=PLAIN_TAU, tau_ego=0.0)


def plain_steps(policy: PolicyConfig, steps: Sequence[float] = STEPS) -> Iterator[PolicyConfig]:
    """Plain pixel differences without a judge and without recovery, one policy for each step."""
    pixels = replace(plain_of(policy), judge="error", recovery=False)
    yield from (replace(pixels, tau_stale=PLAIN_UNIT * step) for step in steps)


def hand_set(policy: PolicyConfig, steps: Sequence[float] = STEPS) -> dict[str, list[PolicyConfig]]:
    """The points a search is to beat, by family."""
    return {
        SHIPPED: [scaled(policy, step) for step in steps],
        PLAIN: list(plain_steps(policy, steps)),
    }


class MeasuresPolicies(Protocol):
    """What can measure any policy: :class:`depth_snn.search.problem.PolicyProblem`."""

    @property
    def sets(self) -> int:
        """Number of sets of clips."""

    def measure(self, candidate: Candidate, clips: int) -> tuple[dict[str, float], float]:
        """Measures and violation of settings on a set of clips."""

    def facts(self) -> dict[str, Any]:
        """What the measures rest on."""


@dataclass(frozen=True)
class FixedPolicies:
    """A problem whose points are a list of policies, so that executors and stores serve them too.

    Attributes:
        problem: Measures them.
        policies: What is measured; point ``(k/n,)`` is policy k of n.
        encoders: Encoders whose threshold is 0, so that their loss is that of integers; none for
            float.
        objectives, scales: Of no consequence: nothing is searched.
    """

    problem: MeasuresPolicies
    policies: tuple[PolicyConfig, ...]
    encoders: tuple[str, ...] = ()
    objectives: tuple[str, ...] = ("loss", "macs")
    scales: tuple[float, ...] = (1.0, 1.0)
    dimensions: int = 1

    @property
    def sets(self) -> int:
        """Number of sets of clips."""
        return self.problem.sets

    def evaluate(self, point: Sequence[float], clips: int) -> tuple[dict[str, float], float]:
        """Measures and violation of one of the policies.

        Raises:
            ConfigError: The point is none of them.
        """
        index = round(point[0] * len(self.policies))
        if not 0 <= index < len(self.policies):
            raise ConfigError(f"point {point[0]} is none of {len(self.policies)} policies")
        candidate = Candidate(self.policies[index], dict.fromkeys(self.encoders, 0))
        return self.problem.measure(candidate, clips)

    def starts(self) -> list[tuple[float, ...]]:
        """A point for each policy, in their order."""
        return [(k / len(self.policies),) for k in range(len(self.policies))]

    def facts(self) -> dict[str, Any]:
        """What the measures rest on, and the policies."""
        policies: list[Mapping[str, Any]] = [policy.to_dict() for policy in self.policies]
        return {
            **self.problem.facts(), "policies": policies, "encoders": list(self.encoders),
        }  # fmt: skip
