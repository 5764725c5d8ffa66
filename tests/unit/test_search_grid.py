"""Hand-set policies, and the problem that measures them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from depth_snn.cli.depth.protocol import families
from depth_snn.config import PolicyConfig
from depth_snn.errors import ConfigError
from depth_snn.search.genome import Candidate
from depth_snn.search.grid import PLAIN, SHIPPED, STEPS, FixedPolicies, hand_set


@dataclass
class Recorder:
    """Gives back which policy it was asked for."""

    asked: list[Candidate] = field(default_factory=list)
    sets: int = 2

    def measure(self, candidate: Candidate, clips: int) -> tuple[dict[str, float], float]:
        self.asked.append(candidate)
        return {"loss": float(clips)}, 0.0

    def facts(self) -> dict[str, Any]:
        return {"network": "none"}


def test_the_middle_of_the_steps_is_the_policy_itself() -> None:
    policy = PolicyConfig()
    shipped = hand_set(policy)[SHIPPED]
    assert shipped[STEPS.index(1.0)] == policy
    assert [p.tau_stale / policy.tau_stale for p in shipped] == pytest.approx(STEPS)
    assert [p.gate.vth for p in shipped] == [round(policy.gate.vth * k) for k in STEPS]


def test_plain_pixels_have_neither_judge_nor_recovery() -> None:
    for policy in hand_set(replace(PolicyConfig(), judge="small"))[PLAIN]:
        assert policy.pruned_by == "pixels" and policy.judge == "error" and not policy.recovery


def test_they_are_those_of_the_protocol() -> None:
    policy = PolicyConfig()
    known = families(policy, STEPS)
    assert hand_set(policy) == {name: known[name] for name in (SHIPPED, PLAIN)}


def test_every_start_is_its_own_policy() -> None:
    policies = tuple(p for family in hand_set(PolicyConfig()).values() for p in family)
    recorder = Recorder()
    problem = FixedPolicies(recorder, policies)
    assert problem.sets == 2 and len(problem.starts()) == len(policies)
    for point in problem.starts():
        assert 0 <= point[0] < 1 and problem.evaluate(point, 1) == ({"loss": 1.0}, 0.0)
    assert [candidate.policy for candidate in recorder.asked] == list(policies)
    assert len(problem.facts()["policies"]) == len(policies)
    quiet = replace(problem, encoders=("block1.h",))
    quiet.evaluate((0.0,), 0)
    assert recorder.asked[-1].thresholds == {"block1.h": 0} != recorder.asked[0].thresholds
    assert quiet.facts() != problem.facts()
    with pytest.raises(ConfigError, match="none of 12"):
        problem.evaluate((1.0,), 0)
