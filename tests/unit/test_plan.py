"""The schedule: nested rows, counts rounded down, weakest first, ties in token order."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from depth_snn.pruning.plan import schedule


@given(
    st.integers(0, 2**32 - 1), st.integers(1, 60),
    st.lists(st.floats(0, 0.95), min_size=1, max_size=5), st.integers(1, 4),
)  # fmt: skip
def test_each_block_cuts_the_weakest_share(
    seed: int, tokens: int, rates: list[float], levels: int
) -> None:
    rng, stages = np.random.default_rng(seed), len(rates) + 1
    active = rng.random(tokens) < 0.7
    # few levels, so that many tokens tie
    strength = rng.integers(0, levels + 1, (stages - 1, tokens)).astype(np.float32)
    mask = schedule(active, strength, tuple(rates))
    assert mask.shape == (stages, tokens) and np.array_equal(mask[0], active)
    for stage in range(1, stages):
        before = np.flatnonzero(mask[stage - 1]).tolist()
        cut = int(rates[stage - 1] * len(before))
        order = sorted(before, key=lambda i: (strength[stage - 1][i], i))
        assert np.flatnonzero(mask[stage]).tolist() == sorted(order[cut:])


def test_counts_by_hand() -> None:
    strength = np.array(
        [[5, 1, 4, 2, 3, 9, 9, 9, 9, 9], [0, 9, 9, 9, 9, 3, 3, 9, 9, 9]], np.float32
    )
    mask = schedule(np.ones(10, bool), strength, (0.25, 0.25))
    assert np.flatnonzero(~mask[1]).tolist() == [1, 3]  # 2 of 10, the two weakest
    assert np.flatnonzero(~mask[2]).tolist() == [0, 1, 3, 5]  # 2 of 8: token 0, then 5 before 6


def test_nothing_is_cut_without_strengths_or_rate() -> None:
    active = np.array([True, False, True])
    strength = np.ones((2, 3), np.float32)
    for mask in (schedule(active, None, (0.9, 0.9)), schedule(active, strength, (0.0, 0.0))):
        assert (mask == active).all()
    mask[0, 1] = True
    assert active.tolist() == [True, False, True]
