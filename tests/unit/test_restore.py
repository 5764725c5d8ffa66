"""The restore gate: the cap holds whatever happens, nobody owed is forgotten, two codes agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversion.cases.building import balance, edge
from conversion.nodes import Input, RestoreGate
from depth_snn.errors import ConfigError
from depth_snn.pruning.prices import prices_of
from depth_snn.recovery.restore import RestoreParams, restore_step, restore_zeros
from sims.reference import simulate
from tests.unit.small import TINY

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Story:
    """Constants and a sequence of frames: spikes, membranes (T, R), sched (T, S, N), fixed (T,)."""

    params: RestoreParams
    spikes: IntArray
    membrane: IntArray
    sched: IntArray
    fixed: IntArray


@st.composite
def stories(draw: st.DrawFn) -> Story:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    stages, regions, frames = draw(st.integers(1, 4)), draw(st.integers(1, 6)), 14
    tokens = regions * draw(st.integers(1, 4))
    top = draw(st.sampled_from([1, 50, 10**6, 10**9]))
    price = rng.integers(0, top + 1, stages)
    params = RestoreParams(
        region_of=rng.permutation(np.arange(tokens) % regions),
        price=price,
        own_price=price * rng.integers(0, 4, stages) // 3,
        regions=regions,
        hold=draw(st.integers(1, 4)),
        cap_percent=draw(st.sampled_from([0, 1, 15, 15, 100, 400])),
        refill_percent=draw(st.sampled_from([0, 10, 15, 40, 400])),
        capacity=draw(st.sampled_from([0, 1, 10 * top, 10**12])),
    )
    share = draw(st.sampled_from([0.0, 0.3, 0.7, 1.0]))
    sched = rng.random((frames, 1, tokens)) < share * np.linspace(1, 0.5, stages)[None, :, None]
    sched[0] = True
    if draw(st.booleans()):  # full frames now and then, so that much is saved up before a famine
        sched[::3] = True
    spikes = rng.random((frames, regions)) < draw(st.sampled_from([0.1, 0.5, 1.0]))
    membrane = rng.integers(-3, 4, (frames, regions)) * draw(st.sampled_from([1, 1000]))
    fixed = rng.integers(1, draw(st.sampled_from([2, 1000, 10**9])), frames)
    ints = [a.astype(np.int64) for a in (spikes, membrane, sched, fixed)]
    return Story(params, *ints)


@settings(max_examples=150)
@given(stories())
def test_the_cap_holds_in_every_frame_and_window(story: Story) -> None:
    p, state = story.params, restore_zeros(story.params.regions)
    bases, spends, earned = [], [], 0
    for t in range(len(story.fixed)):
        sched = story.sched[t].astype(bool)
        out, state = restore_step(
            story.spikes[t].astype(bool), story.membrane[t], sched, int(story.fixed[t]), state, p
        )
        opened = np.asarray(out.open)
        assert (opened | ~sched).all(), "a scheduled token was closed"
        extra = (opened & ~sched).sum(1)
        assert out.spent_macs == sum(int(a) * int(b) for a, b in zip(p.price, extra, strict=True))
        own = sum(int(a) * int(b) for a, b in zip(p.own_price, sched.sum(1), strict=True))
        assert out.base_macs == own + int(story.fixed[t])
        bases.append(out.base_macs)
        spends.append(out.spent_macs)
        earned += out.base_macs * p.refill_percent // 100
        assert 0 <= state.level <= p.capacity
        assert sum(spends) <= earned, "more was spent than was ever earned"
        for start in range(t + 1):
            assert 100 * sum(spends[start:]) <= p.cap_percent * sum(bases[start:])


@settings(max_examples=120)
@given(stories())
def test_promises_are_kept(story: Story) -> None:
    """Who is passed over keeps what it is owed and fades; who is admitted is owed a frame less."""
    p, state = story.params, restore_zeros(story.params.regions)
    for t in range(len(story.fixed)):
        spikes, before = story.spikes[t].astype(bool), state
        sched = story.sched[t].astype(bool)
        out, state = restore_step(spikes, story.membrane[t], sched, int(story.fixed[t]), before, p)
        owed = np.where(spikes, p.hold, before.owed)
        strength = np.where(spikes, np.maximum(before.strength, story.membrane[t]), before.strength)
        waits = (owed > 0) & ~out.admitted
        assert np.array_equal(state.owed[~waits], (owed - out.admitted)[~waits])
        assert np.array_equal(state.strength[waits], strength[waits] // 2)
        assert np.array_equal(state.owed[waits], np.where(strength // 2 > 0, owed, 0)[waits])
        assert not out.admitted[owed == 0].any()
        passed = (owed > 0) & ~out.admitted
        if passed.any():
            # Nobody was passed over whom the rest of the purse could have paid for.
            cost = [int((p.price * (~sched)[:, p.region_of == r].sum(1)).sum())
                    for r in np.flatnonzero(passed)]  # fmt: skip
            limit = out.base_macs * p.cap_percent // 100
            assert min(cost) > min(state.level, limit - out.spent_macs)
        assert (state.strength[state.owed == 0] == 0).all()


@settings(max_examples=60)
@given(stories())
def test_runtime_and_reference_simulator_agree(story: Story) -> None:
    p = story.params
    stages, tokens = story.sched.shape[1:]
    nodes = (
        Input(name="spikes", shape=(p.regions,), lo=0, hi=1),
        Input(name="membrane", shape=(p.regions,), lo=-10_000, hi=10_000),
        Input(name="sched", shape=(stages, tokens), lo=0, hi=1),
        Input(name="fixed", shape=(1,), lo=0, hi=10**9),
        RestoreGate(name="gate", region_of=p.region_of, price=p.price, own_price=p.own_price,
                    regions=p.regions, hold=p.hold, cap_percent=p.cap_percent,
                    refill_percent=p.refill_percent, capacity=p.capacity),
    )  # fmt: skip
    ports = ("spikes", "membrane", "sched", "fixed")
    graph = balance("gate", nodes, [edge(f"{port} -> gate:{port}") for port in ports])
    inputs = {port: getattr(story, port) for port in ports}
    inputs["fixed"] = story.fixed[:, None]
    shown = simulate(graph, inputs).result.values
    state = restore_zeros(p.regions)
    for t in range(len(story.fixed)):
        out, state = restore_step(
            story.spikes[t].astype(bool), story.membrane[t], story.sched[t].astype(bool),
            int(story.fixed[t]), state, p,
        )  # fmt: skip
        assert np.array_equal(shown["gate.out"][t], out.open)
        assert np.array_equal(shown["gate.admitted"][t], out.admitted)
        assert shown["gate.ledger"][t].tolist() == [out.base_macs, out.spent_macs]


def test_the_loser_is_served_when_there_is_room() -> None:
    """Two regions of cost 10 each and room for one a frame: the weaker waits, and is served."""
    params = RestoreParams(
        region_of=np.array([0, 1]), price=np.array([10]), own_price=np.array([10]),
        regions=2, hold=1, cap_percent=10, refill_percent=10, capacity=1000,
    )  # fmt: skip
    none, both = np.zeros(2, bool), np.ones(2, bool)
    closed, membrane = np.zeros((1, 2), bool), np.array([70, 90])
    first, state = restore_step(both, membrane, closed, 100, restore_zeros(2), params)
    assert first.admitted.tolist() == [False, True] and first.spent_macs == 10
    assert state.owed.tolist() == [1, 0] and state.strength.tolist() == [35, 0]
    second, state = restore_step(none, membrane * 0, closed, 100, state, params)
    assert second.admitted.tolist() == [True, False]
    third, _ = restore_step(none, membrane * 0, closed, 100, state, params)
    assert not third.admitted.any() and third.spent_macs == 0


def test_equal_strength_goes_to_the_lower_region() -> None:
    params = RestoreParams(
        region_of=np.array([1, 0]), price=np.array([10]), own_price=np.array([10]),
        regions=2, hold=1, cap_percent=10, refill_percent=10, capacity=1000,
    )  # fmt: skip
    out, _ = restore_step(
        np.ones(2, bool), np.array([5, 5]), np.zeros((1, 2), bool), 100, restore_zeros(2), params
    )
    assert out.admitted.tolist() == [True, False] and out.open.tolist() == [[False, True]]


def test_bad_constants() -> None:
    one = np.zeros(1, np.int64)
    for bad in ({"hold": 0}, {"cap_percent": -1}, {"refill_percent": -1}, {"capacity": -1}):
        good = {"hold": 1, "cap_percent": 1, "refill_percent": 1, "capacity": 1}
        with pytest.raises(ConfigError, match="restore gate"):
            RestoreParams(region_of=one, price=one, own_price=one, regions=1, **(good | bad))


@settings(max_examples=150)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.floats(0, 1))
def test_what_is_executed_keeps_the_cap_too(seed: int, share: float, full: float) -> None:
    """Executed, not charged: also where a stage runs whole and its attention state is rebuilt."""
    config = TINY
    prices = prices_of(config, scored=True)
    rng = np.random.default_rng(seed)
    params = RestoreParams(
        region_of=config.region_of(), price=prices.per_stage(), own_price=prices.own_per_stage(),
        regions=config.regions, hold=2, cap_percent=15, refill_percent=15,
        capacity=prices.dense_macs(),
    )  # fmt: skip
    state, fixed = restore_zeros(config.regions), 5_000 + prices.fixed_macs()
    for _ in range(6):
        sched = np.repeat(rng.random((1, config.tokens)) < share, config.stages, 0)
        sched[: rng.integers(0, config.stages + 1)] |= rng.random() < full
        spikes = rng.random(config.regions) < 0.8
        membrane = rng.integers(1, 10**6, config.regions)
        out, state = restore_step(spikes, membrane, sched, fixed, state, params)
        own = fixed + sum(prices.executed(sched.sum(1)).values())
        with_restores = fixed + sum(prices.executed(out.open.sum(1)).values())
        assert 100 * (with_restores - own) <= 15 * own
