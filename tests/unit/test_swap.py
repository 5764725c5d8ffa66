"""A policy changed while a stream runs: nothing remembered is lost, and heads are refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from depth_snn.config import GateConfig, PolicyConfig
from depth_snn.errors import ConfigError, DepthError
from depth_snn.motion.patch import PatchDifference
from depth_snn.pruning.pipeline import Pipeline
from depth_snn.pruning.prices import prices_of
from depth_snn.recovery.judge import ErrorJudge
from depth_snn.recovery.judge_file import make_judge
from depth_snn.recovery.rules import make_rule
from tests.unit.small import TINY, dense_logits, scene_frames, settled_network

LIVELY = PolicyConfig(
    tau_px=0.7, tau_stale=4.0, token_rate=(0.5,),
    gate=GateConfig(dv=1024, vth=50, hold=3, cap_percent=10, refill_percent=5),
)  # fmt: skip
ZERO = replace(LIVELY, tau_px=0.0, tau_stale=0.0, token_rate=(0.0,))
FRAMES = scene_frames(TINY, 16)
CLOSE = 1e-5


def running(policy: PolicyConfig, frames: int = 6) -> Pipeline:
    prices = prices_of(TINY, scored=policy.cuts_tokens)
    pipeline = Pipeline(settled_network(), policy, prices, make_judge(policy.judge, TINY))
    for rgb in FRAMES[:frames]:
        pipeline.step(rgb)
    return pipeline


def error(logits: Any, index: int) -> float:
    dense = dense_logits(settled_network(), FRAMES[index])
    return float(np.abs(logits - dense).max() / np.abs(dense).max())


@pytest.mark.parametrize("static", ["reuse", "downsample"])
def test_zero_thresholds_give_the_dense_network_in_the_next_frame(static: str) -> None:
    pipeline = running(replace(LIVELY, static=static))
    assert error(pipeline.step(FRAMES[6]).logits, 6) > 100 * CLOSE, "nothing was pruned"
    for index in range(7, 13, 2):
        pipeline.swap(replace(ZERO, static=static))
        step = pipeline.step(FRAMES[index])
        assert step.decision.restored.open.all() and error(step.logits, index) <= CLOSE
        assert sum(step.decision.executed(pipeline.prices).values()) == pipeline.prices.dense_macs()
        pipeline.swap(replace(LIVELY, static=static))
        step = pipeline.step(FRAMES[index + 1])
        assert not step.decision.restored.open.all()


def test_the_same_policy_swapped_in_changes_nothing() -> None:
    plain, swapped = running(LIVELY), running(LIVELY)
    for rgb in FRAMES[6:]:
        assert swapped.swap(LIVELY) == 0
        a, b = plain.step(rgb), swapped.step(rgb)
        assert np.array_equal(a.logits, b.logits) and np.array_equal(a.classes, b.classes)
        assert np.array_equal(a.decision.membrane, b.decision.membrane)
        assert np.array_equal(a.decision.restored.admitted, b.decision.restored.admitted)


def test_savings_debts_and_potentials_outlive_a_swap() -> None:
    pipeline = running(LIVELY, 10)
    before, rule = pipeline.decider.restore_state, pipeline.decider.rule
    assert before.level > 0 and before.owed.any(), "the gate is idle, so nothing is tested"
    capped = replace(LIVELY.gate, cap_percent=40, hold=2)
    pipeline.swap(replace(LIVELY, tau_px=1.0, motion="patch", static="downsample", gate=capped))
    assert pipeline.decider.restore_state is before and pipeline.decider.rule is rule
    assert pipeline.decider.params.cap_percent == 40 and pipeline.decider.params.hold == 2
    pipeline.swap(replace(LIVELY, gate=replace(LIVELY.gate, vth=70)))
    assert pipeline.decider.restore_state is before and pipeline.decider.rule is not rule


def test_without_recovery_debts_are_dropped_and_savings_kept() -> None:
    pipeline = running(LIVELY, 10)
    level = pipeline.decider.restore_state.level
    pipeline.swap(replace(LIVELY, recovery=False))
    after = pipeline.decider.restore_state
    assert after.level == level and not after.owed.any() and not after.strength.any()
    for rgb in FRAMES[10:]:
        decision = pipeline.step(rgb).decision
        assert np.array_equal(decision.sched, decision.restored.open)
    pipeline.swap(LIVELY)
    assert pipeline.decider.gate_macs > decision.gate_macs, "asking costs again"


def test_everything_named_changes() -> None:
    pipeline = running(LIVELY)
    judge = ErrorJudge(TINY)
    pipeline.swap(replace(LIVELY, motion="patch", tau_stale=9.0, carry=False), judge)
    assert isinstance(pipeline.source, PatchDifference) and pipeline.judge is judge
    assert pipeline.decider.policy.tau_stale == 9.0 and not pipeline.policy.carry
    step = pipeline.step(FRAMES[6])
    assert step.motion is not None
    assert step.decision.motion_macs == step.motion.macs, "the view is no longer carried"


def test_tokens_newly_scored_are_scored_at_once() -> None:
    pipeline = running(replace(LIVELY, token_rate=(0.0,)))
    assert not pipeline.state.strength.any() and not pipeline.prices.stages[0]["score"]
    macs = pipeline.swap(replace(LIVELY, tau_stale=0.5))
    assert macs == TINY.layers * TINY.tokens * TINY.dim
    norms = torch.linalg.vector_norm(pipeline.state.x[:-1], dim=-1).numpy()
    assert np.array_equal(pipeline.state.strength, norms) and norms.any()
    assert pipeline.prices.stages[0]["score"] == TINY.dim and pipeline.stream.config is TINY
    decision = pipeline.step(FRAMES[6]).decision
    assert decision.sched[-1].sum() < decision.sched[0].sum(), "tokens are cut now"
    assert pipeline.swap(replace(LIVELY, token_rate=(0.0,))) == 0
    assert not pipeline.prices.stages[0]["score"]


def test_a_rule_that_was_given_stays() -> None:
    prices, rule = prices_of(TINY, scored=True), make_rule("random", TINY, LIVELY.gate)
    pipeline = Pipeline(settled_network(), LIVELY, prices, make_judge("error", TINY), rule)
    pipeline.swap(replace(LIVELY, gate=replace(LIVELY.gate, vth=99)))
    assert pipeline.decider.rule is rule


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"head_rate": (0.5,)}, "head_rate"),
        ({"token_rate": (0.1, 0.1, 0.1)}, "token_rate has 3 numbers; the network has 2 layers"),
        ({"judge": "nobody"}, "judge 'nobody'"),
        ({"motion": "raft:/nowhere.safetensors"}, "raft"),
    ],
)
def test_what_cannot_change_is_refused_and_nothing_changes(
    change: dict[str, Any], says: str
) -> None:
    pipeline, plain = running(LIVELY), running(LIVELY)
    with pytest.raises(DepthError, match=says) as refusal:
        pipeline.swap(replace(LIVELY, tau_stale=50.0, **change))
    assert "\n" not in str(refusal.value)
    assert "head_rate" not in change or isinstance(refusal.value, ConfigError)
    for rgb in FRAMES[6:9]:
        assert np.array_equal(pipeline.step(rgb).logits, plain.step(rgb).logits)


def test_head_rates_written_otherwise_are_the_same() -> None:
    pipeline = running(replace(LIVELY, head_rate=(0.0,)))
    assert pipeline.swap(replace(LIVELY, head_rate=(0.0, 0.0))) == 0
