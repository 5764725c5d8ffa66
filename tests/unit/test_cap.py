"""The theorem of docs/cap.md: every frame, every window, from every state, charged and executed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from depth_snn.config import NetworkConfig
from depth_snn.pruning.prices import Prices, prices_of
from depth_snn.recovery.restore import RestoreParams, RestoreState, restore_step, restore_zeros
from tests.unit.small import DEEP, TINY, UNEVEN

CAP = 15
FRAMES = 24
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Play:
    """A drawn stream: schedules (T, S, N), spikes and potentials (T, R), frames that reset."""

    config: NetworkConfig
    prices: Prices
    params: RestoreParams
    start: RestoreState
    sched: Mask
    spikes: Mask
    membrane: npt.NDArray[np.int64]
    resets: frozenset[int]


@st.composite
def plays(draw: st.DrawFn) -> Play:
    config = draw(st.sampled_from([TINY, UNEVEN, DEEP]))
    prices = prices_of(config, scored=draw(st.booleans()))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    regions, tokens = config.regions, config.tokens
    params = RestoreParams(
        region_of=config.region_of(), price=prices.per_stage(), own_price=prices.own_per_stage(),
        regions=regions, hold=draw(st.integers(1, 6)), cap_percent=CAP,
        refill_percent=draw(st.sampled_from([0, 8, 15, 1000])), capacity=prices.dense_macs(),
    )  # fmt: skip
    shares = rng.choice([0.0, 0.1, 0.5, 0.9, 0.97, 1.0], FRAMES)
    sched = rng.random((FRAMES, 1, tokens)) < shares[:, None, None]
    sched = np.repeat(sched, config.stages, 1)
    sched &= rng.random(sched.shape) < draw(st.sampled_from([0.3, 0.95, 1.0]))
    start = RestoreState(
        int(rng.integers(params.capacity + 1)), rng.integers(0, 5, regions),
        rng.integers(0, 99, regions),
    )  # fmt: skip
    spikes = rng.random((FRAMES, regions)) < draw(st.sampled_from([0.2, 1.0]))
    membrane = rng.integers(1, 10**6, (FRAMES, regions))
    resets = draw(st.frozensets(st.integers(0, FRAMES - 1), max_size=3))
    return Play(config, prices, params, start, sched, spikes, membrane, resets)


def executed(prices: Prices, opened: Mask) -> int:
    """MACs behind the stem by the definition, in Python integers: a whole stage is rebuilt."""
    total = 0
    for stage, row in zip(prices.stages, opened.tolist(), strict=True):
        count = sum(row)
        for category, macs in stage.items():
            rebuilt = category == "attention" and count == prices.tokens
            total += count * (2 * macs // 3 if rebuilt else macs)
    return total


def books(play: Play, fixed: int) -> list[tuple[int, int, int, int]]:
    """Base, charged, own and extra work of every frame, from the masks alone."""
    p, state, rows = play.params, play.start, []
    price, own_price = p.price.tolist(), p.own_price.tolist()
    for t in range(FRAMES):
        if t in play.resets:
            state = restore_zeros(p.regions)
        sched = play.sched[t]
        out, state = restore_step(play.spikes[t], play.membrane[t], sched, fixed, state, p)
        assert not (sched & ~out.open).any(), "a scheduled token was closed"
        base, charged = fixed, 0
        for stage in range(play.config.stages):
            count = sum(sched[stage].tolist())
            base += own_price[stage] * count
            charged += price[stage] * (sum(out.open[stage].tolist()) - count)
        assert (out.base_macs, out.spent_macs) == (base, charged)
        assert 0 <= state.level <= p.capacity
        own = fixed + executed(play.prices, sched)
        rows.append((base, charged, own, fixed + executed(play.prices, out.open) - own))
    return rows


@settings(max_examples=120, deadline=None)
@given(plays(), st.sampled_from([1, 10**4, 10**7]))
def test_no_frame_and_no_window_is_over(play: Play, fixed: int) -> None:
    rows = books(play, fixed)
    for first in range(FRAMES):
        base = charged = own = extra = 0
        for row in rows[first:]:
            base, charged = base + row[0], charged + row[1]
            own, extra = own + row[2], extra + row[3]
            assert 100 * charged <= CAP * base, "charged work over the cap"
            assert 100 * extra <= CAP * own, "executed work over the cap"
    for base, charged, own, extra in rows:
        assert extra <= charged and own >= base, "lemma 2"


@pytest.mark.parametrize(("cost", "granted"), [(15, True), (16, False)])
def test_the_cap_is_met_exactly_and_rounds_down(cost: int, granted: bool) -> None:
    """Of 106 MACs 15 % are 15.9: fifteen may be spent, sixteen may not."""
    one = np.zeros(1, np.int64)
    params = RestoreParams(
        region_of=one, price=one + cost, own_price=one + cost, regions=1, hold=1, cap_percent=15,
        refill_percent=100, capacity=10**6,
    )  # fmt: skip
    closed = np.zeros((1, 1), bool)
    out, _ = restore_step(np.ones(1, bool), one + 9, closed, 106, restore_zeros(1), params)
    assert out.admitted.tolist() == [granted] and out.spent_macs == cost * granted


def test_prices_that_no_float_can_hold_are_added_exactly() -> None:
    """2**53 + 1 is no double: with a purse one MAC too small the region must stay closed."""
    cost = 2**53 + 1
    one = np.zeros(1, np.int64)
    params = RestoreParams(
        region_of=one, price=one + cost, own_price=one, regions=1, hold=1, cap_percent=100,
        refill_percent=100, capacity=2**60,
    )  # fmt: skip
    closed, spike = np.zeros((1, 1), bool), np.ones(1, bool)
    poor, _ = restore_step(spike, one + 9, closed, cost - 1, restore_zeros(1), params)
    rich, _ = restore_step(spike, one + 9, closed, cost, restore_zeros(1), params)
    assert not poor.admitted.any() and poor.spent_macs == 0
    assert rich.admitted.all() and rich.spent_macs == cost


def test_the_first_frame_restores_nothing_and_a_hold_reserves_nothing() -> None:
    config = TINY
    prices = prices_of(config, scored=True)
    params = RestoreParams(
        region_of=config.region_of(), price=prices.per_stage(), own_price=prices.own_per_stage(),
        regions=config.regions, hold=8, cap_percent=CAP, refill_percent=CAP,
        capacity=prices.dense_macs(),
    )  # fmt: skip
    spikes, membrane = np.ones(config.regions, bool), np.full(config.regions, 2**20)
    full = np.ones((config.stages, config.tokens), bool)
    fixed = prices.fixed_macs()
    first, state = restore_step(spikes, membrane, full, fixed, restore_zeros(8), params)
    assert first.admitted.all() and first.spent_macs == 0 < state.level
    assert (state.owed == 7).all()
    poor, after = restore_step(~spikes, membrane, ~full, 1, state, params)
    assert not poor.admitted.any() and (after.owed == 7).all(), "owed, but nothing to pay with"
