"""The pruned stream: equal to the dense network with nothing pruned, exact reuse, no drift."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from benchmarks.measure_exactness import partial_mask, settled_difference
from depth_snn.config import NetworkConfig
from depth_snn.models.vit_loihi import DepthViTLoihi
from depth_snn.pruning.stream import PrunedStream, StreamState, new_state
from tests.unit.slow_stream import SlowStream
from tests.unit.small import (
    CONVERTING,
    DEEP,
    STREET,
    TINY,
    UNEVEN,
    dense_logits,
    noise,
    random_network,
    scene_frames,
    settled_network,
    shipped_network,
    tiny_network,
)

F64 = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]
CLOSE = 1e-5
"""Sums of the same numbers in another order, by logits of the size of 10."""
ULPS = 32
"""Roundings of the largest logit that sums in another order may differ by."""


def nested_mask(rng: np.random.Generator, config: NetworkConfig) -> npt.NDArray[np.bool_]:
    draw = rng.random(config.tokens)
    shares = np.linspace(0.6, 0.3, config.stages)
    return draw[None] < shares[:, None]


def unpruned_difference(model: DepthViTLoihi) -> float:
    """Largest difference from the dense network in frames with every token open."""
    config = model.config
    stream, state = PrunedStream(model), new_state(config)
    everything = np.ones((config.stages, config.tokens), bool)
    rng, worst = np.random.default_rng(1), 0.0
    for index, rgb in enumerate(scene_frames(config, 6)):
        sparse = index in (2, 3)
        mask = nested_mask(rng, config) if sparse else everything
        logits = stream.step(rgb, mask, state).numpy()
        if not sparse:
            worst = max(worst, float(np.abs(logits - dense_logits(model, rgb)).max()))
    return worst


@pytest.mark.parametrize("path", CONVERTING, ids=lambda p: p.stem)
def test_shipped_network_with_nothing_pruned_is_the_dense_network(path: Path) -> None:
    assert unpruned_difference(shipped_network(path)) <= CLOSE


@pytest.mark.parametrize("config", [TINY, STREET], ids=lambda c: c.name)
def test_untrained_network_with_nothing_pruned_is_the_dense_network(config: NetworkConfig) -> None:
    assert unpruned_difference(settled_network(config)) <= CLOSE


def state_errors(config: NetworkConfig, state: StreamState) -> list[tuple[F64, float]]:
    """Attention state minus Σ k vᵀ of what is remembered, and the sum's size, for each layer."""
    out = []
    for layer, heads in enumerate(config.heads):
        shape = (config.tokens, heads, config.head_dim)
        k, v = (part.reshape(shape) for part in np.split(state.kv[layer].double().numpy(), 2, 1))
        exact = np.einsum("nha,nhb->hab", k, v)
        out.append((state.s[layer].numpy() - exact, float(np.abs(exact).max())))
    return out


@pytest.mark.parametrize("path", CONVERTING, ids=lambda p: p.stem)
def test_sparse_frames_leave_no_drift(path: Path) -> None:
    """On a still frame, opening one half after the other reaches the dense network."""
    model = shipped_network(path)
    config = model.config
    stream, state = PrunedStream(model), new_state(config)
    rng = np.random.default_rng(2)
    frames = scene_frames(config, 6)
    stream.step(frames[0], np.ones((config.stages, config.tokens), bool), state)
    first = state_errors(config, state)
    for index in range(12):
        stream.step(frames[index % 6], nested_mask(rng, config), state)
    half = np.arange(config.tokens) % 2 == 0
    # A stage is right once the keys and values before it are: one sweep for each stage.
    for _ in range(config.stages):
        for side in (half, ~half):
            logits = stream.step(frames[5], np.repeat(side[None], config.stages, 0), state)
    # The full frame rounds to single precision; nothing is added to that error afterwards.
    for (before, scale), (after, _) in zip(first, state_errors(config, state), strict=True):
        assert np.abs(before).max() <= 1e-6 * scale
        assert np.abs(after - before).max() <= 1e-9 * scale
    dense = dense_logits(model, frames[5])
    # A few units in the last place of single precision, by logits of any size.
    assert np.abs(logits.numpy() - dense).max() <= ULPS * 2**-24 * np.abs(dense).max()


MANY_FRAMES, FEW_FRAMES = 10_000, 100
GROWTH = 3
"""Factor by which the difference may grow from few frames to many: single-precision noise."""


@pytest.mark.slow
def test_ten_thousand_sparse_frames_leave_no_drift() -> None:
    model, rng = tiny_network(), np.random.default_rng(11)
    config, frames = model.config, scene_frames(model.config, 60)
    stream, state = PrunedStream(model), new_state(config)
    stream.step(frames[0], np.ones((config.stages, config.tokens), bool), state)
    first, found = state_errors(config, state), {}
    for count in range(1, MANY_FRAMES):
        rgb = frames[int(rng.integers(len(frames)))]
        stream.step(rgb, partial_mask(rng, config), state)
        if count + 1 in (FEW_FRAMES, MANY_FRAMES):
            found[count + 1] = settled_difference(model, stream, frames[-1], state)
    last = state_errors(config, state)
    error = max(float(np.abs(after).max()) / scale for after, scale in last)
    drift = max(
        float(np.abs(after - before).max()) / scale
        for (before, _), (after, scale) in zip(first, last, strict=True)
    )
    print(f"from dense, by frames: {found}; attention state: error {error:.1e}, drift {drift:.1e}")
    assert found[MANY_FRAMES] <= 1e-4
    assert found[MANY_FRAMES] <= GROWTH * max(found[FEW_FRAMES], 1e-6)
    # The first frame's state is rounded to single precision; nothing is added to that error.
    assert error <= 1e-6 and drift <= 1e-9


def test_a_wrong_attention_state_would_be_seen_as_drift() -> None:
    """What is measured after many frames: opening in parts never rebuilds the state by itself."""
    model = tiny_network()
    stream, state, rgb = PrunedStream(model), new_state(TINY), scene_frames(TINY, 2)[1]
    stream.step(rgb, np.ones((TINY.stages, TINY.tokens), bool), state)
    assert settled_difference(model, stream, rgb, state) <= 1e-4
    state.s[0] = state.s[0] + 1e-2 * state.s[0].abs().max()
    assert settled_difference(model, stream, rgb, state) > 1e-3


def test_tokens_that_are_not_opened_keep_their_results_exactly() -> None:
    model = random_network()
    config, rng = model.config, np.random.default_rng(0)
    stream, state = PrunedStream(model), new_state(config)
    frames = noise(config, 6)
    stream.step(frames[0], np.ones((config.stages, config.tokens), bool), state)
    for rgb in frames[1:]:
        before = state.logits.clone(), state.x.clone(), state.strength.copy()
        mask = nested_mask(rng, config)
        stream.step(rgb, mask, state)
        assert torch.equal(state.logits[~mask[-1]], before[0][~mask[-1]])
        assert not torch.isclose(state.logits[mask[-1]], before[0][mask[-1]]).all(1).any()
        for stage in range(config.stages):
            assert torch.equal(state.x[stage][~mask[stage]], before[1][stage][~mask[stage]])
        norms = state.x[:-1].norm(dim=-1).numpy()
        np.testing.assert_allclose(state.strength, norms, rtol=1e-5)


def test_closed_tokens_keep_their_logits_though_the_stem_sees_them_change() -> None:
    """The stem runs everywhere, but only open tokens are decoded, with what it sees now."""
    model = settled_network()
    stream, state = PrunedStream(model), new_state(TINY)
    first, other = noise(TINY, 2)
    everything = np.ones((TINY.stages, TINY.tokens), bool)
    before = stream.step(first, everything, state).clone()
    last_only = np.zeros_like(everything)
    last_only[-1, ::2] = True
    after = stream.step(other, last_only, state)
    assert torch.equal(after[1::2], before[1::2])
    assert (after[::2] != before[::2]).any(1).all()


@pytest.mark.parametrize("config", [UNEVEN, DEEP, TINY], ids=lambda c: c.name)
def test_sparse_frames_equal_a_slow_recomputation(config: NetworkConfig) -> None:
    model, rng = random_network(config, seed=4), np.random.default_rng(4)
    stream, state, slow = PrunedStream(model), new_state(config), SlowStream(model)
    mask = np.ones((config.stages, config.tokens), bool)
    for rgb in noise(config, 4, seed=4):
        fast = stream.step(rgb, mask, state).numpy()
        exact = slow.step(rgb, mask)
        np.testing.assert_allclose(fast, exact, atol=2e-5 * np.abs(exact).max())
        mask = nested_mask(rng, config)


def test_first_frame_must_open_everything() -> None:
    stream, state = PrunedStream(random_network()), new_state(UNEVEN)
    mask = np.ones((UNEVEN.stages, UNEVEN.tokens), bool)
    mask[1, 7] = False
    with pytest.raises(ValueError, match="first frame"):
        stream.step(noise(UNEVEN, 1)[0], mask, state)
    assert not state.started


def test_a_frame_with_nothing_open_changes_nothing() -> None:
    stream, state = PrunedStream(random_network()), new_state(UNEVEN)
    frames = noise(UNEVEN, 2)
    mask = np.ones((UNEVEN.stages, UNEVEN.tokens), bool)
    before = stream.step(frames[0], mask, state).clone()
    assert torch.equal(stream.step(frames[1], ~mask, state), before)
