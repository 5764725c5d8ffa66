"""Decisions: everything at zero thresholds, an honest ledger, and what the pictures are told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from depth_snn.config import GateConfig, PolicyConfig
from depth_snn.pruning.decide import COMPUTED, CUT, RESTORED, REUSED, Decider, Decision
from depth_snn.pruning.pipeline import Pipeline
from depth_snn.pruning.prices import Prices, prices_of
from depth_snn.pruning.view import View
from depth_snn.recovery.judge import ErrorJudge
from depth_snn.recovery.judge_file import make_judge
from depth_snn.recovery.rules import Scene
from tests.unit.small import TINY, scene_frames, settled_network

LIVELY = PolicyConfig(
    tau_px=0.7, tau_stale=4.0, token_rate=(0.5,),
    gate=GateConfig(dv=1024, vth=50, hold=2, cap_percent=60, refill_percent=60),
)  # fmt: skip
"""On the tiny scene some tokens of every state come up."""


def pipeline_of(policy: PolicyConfig) -> tuple[Pipeline, Prices]:
    prices = prices_of(TINY, scored=policy.cuts_tokens)
    return Pipeline(settled_network(), policy, prices, make_judge(policy.judge, TINY)), prices


def play(policy: PolicyConfig, count: int = 12) -> tuple[list[Decision], Prices]:
    """Decisions over a scene, with the strengths that a network gives."""
    pipeline, prices = pipeline_of(policy)
    return [pipeline.step(rgb).decision for rgb in scene_frames(TINY, count)], prices


@pytest.mark.parametrize("motion", ["patch", "dis"])
def test_zero_thresholds_compute_everything_in_every_frame(motion: str) -> None:
    policy = PolicyConfig(motion=motion, tau_px=0.0, tau_stale=0.0, token_rate=(0.0,))
    for decision in play(policy, 6)[0]:
        assert decision.sched.all() and decision.restored.open.all()
        assert decision.restored.spent_macs == 0
        assert (decision.token_state() == COMPUTED).all()


@pytest.mark.parametrize("motion", ["patch", "dis"])
def test_the_ledger_is_what_is_executed(motion: str) -> None:
    decisions, prices = play(replace(LIVELY, motion=motion))
    restored = partial = 0
    for decision in decisions:
        out = decision.restored
        counts = out.open.sum(1)
        executed = prices.executed(counts)
        own = sum(prices.executed(decision.sched.sum(1)).values()) + decision.gate_macs
        extra = sum(executed.values()) + decision.gate_macs - own
        # The base counts each token at what it executes at least; motion is not in it at all.
        assert out.base_macs <= own
        if not (counts == TINY.tokens).any():
            assert extra == out.spent_macs
            partial += 1
        assert extra <= out.spent_macs
        assert 100 * out.spent_macs <= LIVELY.gate.cap_percent * out.base_macs
        restored += out.spent_macs > 0
    assert partial > 3 and restored > 0, "the scene was too quiet to test anything"


def test_first_frame_is_whole_and_a_still_stream_costs_nothing_more() -> None:
    pipeline, prices = pipeline_of(LIVELY)
    rgb = scene_frames(TINY, 1)[0]
    first = pipeline.step(rgb).decision
    assert first.sched.all() and first.motion_macs == 0 and not first.drive.any()
    # The first frame cuts nothing, so nothing is left to come back.
    for _ in range(3):
        still = pipeline.step(rgb).decision
        assert not still.restored.open.any() and still.restored.spent_macs == 0
        assert still.restored.base_macs == still.fixed_macs
        assert still.fixed_macs == still.gate_macs + still.stem_macs
        assert still.gate_macs > 0 and still.stem_macs == prices.fixed["stem"] > 0
        assert (still.token_state() == REUSED).all()


@pytest.mark.parametrize("carry", [True, False])
def test_slow_drift_is_computed_in_the_end(carry: bool) -> None:
    """One grey level a frame stays below both thresholds from frame to frame."""
    pipeline, _ = pipeline_of(
        replace(LIVELY, tau_stale=4.0, token_rate=(0.0,), recovery=False, carry=carry)
    )
    grey = np.full((TINY.height, TINY.width, 3), 80, np.uint8)
    computed = []
    for f in range(13):
        row = pipeline.step(grey + np.uint8(f)).decision.sched[0].reshape(TINY.grid)
        # What tokens at the edge see of the padding never changes, so they are computed later.
        if row[1:-1, 1:-1].all():
            computed.append(f)
    # Flow on a flat wall is arbitrary: it may bring a token forward, never put it off.
    assert computed[:2] == [0, 4] and max(np.diff(computed)) <= 4 and computed[-1] >= 9


def test_without_recovery_nothing_is_restored() -> None:
    decisions, _ = play(replace(LIVELY, recovery=False))
    assert not any(d.drive.any() or d.spikes.any() for d in decisions)
    judged = ErrorJudge(TINY).macs
    assert all(d.gate_macs == judged for d in decisions)
    assert all(np.array_equal(d.sched, d.restored.open) for d in decisions)


def states_by_hand(decision: Decision) -> npt.NDArray[np.uint8]:
    states = []
    for i in range(TINY.tokens):
        sched, opened = decision.sched[:, i].tolist(), decision.restored.open[:, i].tolist()
        if opened != sched:
            states.append(RESTORED)
        elif not opened[0]:
            states.append(REUSED)
        else:
            states.append(COMPUTED if all(opened) else CUT)
    return np.array(states, np.uint8)


def test_token_states() -> None:
    decisions, _ = play(LIVELY)
    seen = set()
    for decision in decisions:
        assert np.array_equal(decision.token_state(), states_by_hand(decision))
        seen |= set(decision.token_state().tolist())
    assert seen == {REUSED, COMPUTED, RESTORED, CUT} == {0, 1, 2, 3}


def test_restored_tokens_are_those_of_spiking_regions() -> None:
    decisions, _ = play(LIVELY)
    region_of, owed = TINY.region_of(), np.zeros(TINY.regions, int)
    for decision in decisions:
        owed[decision.spikes] = LIVELY.gate.hold
        assert not decision.restored.admitted[owed == 0].any()
        extra = decision.restored.open & ~decision.sched
        assert decision.restored.admitted[region_of[extra.any(0)]].all()
        assert decision.restored.open[:, decision.restored.admitted[region_of]].all()
        owed -= decision.restored.admitted


def computed_of(policy: PolicyConfig, *, ego: bool, motion: float = 0.0) -> list[bool]:
    """Which tokens run where token i was judged to be off by i units."""
    prices = prices_of(TINY, scored=False)
    decider = Decider(TINY, replace(policy, token_rate=(0.0,), recovery=False), prices, 0)
    view = View(TINY)
    view.started = True
    change = np.arange(TINY.tokens, dtype=np.float32)
    moving = np.full(TINY.tokens, motion, np.float32)
    scene = Scene(scene_frames(TINY, 1)[0], change, moving, ego, view)
    opened = decider.decide(scene, 0, None).sched
    assert (opened == opened[0]).all()
    return opened[0].tolist()


def from_on(least: int) -> list[bool]:
    return [i >= least for i in range(TINY.tokens)]


def test_another_threshold_holds_while_the_camera_moves_only() -> None:
    policy = PolicyConfig(tau_stale=20, tau_ego=8)
    assert computed_of(policy, ego=False) == from_on(20)
    assert computed_of(policy, ego=True) == from_on(8)
    higher = replace(policy, tau_ego=25)
    assert computed_of(higher, ego=True) == from_on(25)
    same = replace(policy, tau_ego=0)
    assert computed_of(same, ego=True) == computed_of(same, ego=False) == from_on(20)


def test_what_moves_is_computed_from_a_share_of_the_threshold_on() -> None:
    policy = PolicyConfig(tau_px=0.6, tau_stale=20, tau_ego=8, moved_share=0.25)
    assert computed_of(policy, ego=False, motion=0.5) == from_on(20)
    assert computed_of(policy, ego=False, motion=0.6) == from_on(5)
    assert computed_of(policy, ego=True, motion=0.6) == from_on(2)
    anything = replace(policy, moved_share=0.0)
    assert computed_of(anything, ego=False, motion=0.6) == from_on(0)
    alone = replace(policy, moved_share=1.0)
    assert computed_of(alone, ego=False, motion=9.0) == from_on(20)
    beyond = replace(policy, moved_share=1.5)  # no more than stale tokens need
    assert computed_of(beyond, ego=False, motion=9.0) == from_on(20)
