"""The pruned stream: equal to the dense network with nothing pruned, exact reuse, no drift."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn

from depth_snn.config import NetworkConfig
from depth_snn.models.vit_loihi import DepthViTLoihi
from depth_snn.pruning.stream import PrunedStream, StreamState, new_state
from depth_snn.windows import token_windows
from tests.unit.small import (
    UNEVEN,
    WEIGHTS,
    random_network,
    scene_frames,
    shipped_network,
    tiny_network,
)

F64 = npt.NDArray[np.float64]
Windows = npt.NDArray[np.uint8]


@torch.inference_mode()
def dense_logits(model: DepthViTLoihi, windows: Windows) -> npt.NDArray[np.float32]:
    return model(torch.from_numpy(windows)[None].float())[0].numpy()


def frames_of(config: NetworkConfig, count: int) -> list[Windows]:
    return [token_windows(rgb, config) for rgb in scene_frames(config.name, count)]


def noise(config: NetworkConfig, count: int, seed: int = 0) -> list[Windows]:
    rng = np.random.default_rng(seed)
    shape = (config.tokens, config.inputs)
    return [rng.integers(0, 256, shape).astype(np.uint8) for _ in range(count)]


def nested_mask(rng: np.random.Generator, config: NetworkConfig) -> npt.NDArray[np.bool_]:
    draw = rng.random(config.tokens)
    shares = np.linspace(0.6, 0.3, config.stages)
    return draw[None] < shares[:, None]


@pytest.mark.parametrize("path", WEIGHTS, ids=lambda p: p.stem)
def test_shipped_network_with_nothing_pruned_is_the_dense_network(path: Path) -> None:
    model = shipped_network(path)
    config = model.config
    stream, state = PrunedStream(model), new_state(config)
    everything = np.ones((config.stages, config.tokens), bool)
    rng, worst = np.random.default_rng(1), 0.0
    for index, windows in enumerate(frames_of(config, 6)):
        sparse = index in (2, 3)
        mask = nested_mask(rng, config) if sparse else everything
        logits = stream.step(windows, mask, state).numpy()
        if not sparse:
            worst = max(worst, float(np.abs(logits - dense_logits(model, windows)).max()))
    assert worst <= 1e-5


def state_errors(config: NetworkConfig, state: StreamState) -> list[tuple[F64, float]]:
    """Attention state minus Σ k vᵀ of what is remembered, and the sum's size, for each layer."""
    out = []
    for layer, heads in enumerate(config.heads):
        shape = (config.tokens, heads, config.head_dim)
        k, v = (t[layer].numpy().astype(float).reshape(shape) for t in (state.k, state.v))
        exact = np.einsum("nha,nhb->hab", k, v)
        out.append((state.s[layer].numpy() - exact, float(np.abs(exact).max())))
    return out


@pytest.mark.parametrize("path", WEIGHTS, ids=lambda p: p.stem)
def test_sparse_frames_leave_no_drift(path: Path) -> None:
    """On a still frame, opening one half after the other reaches the dense network."""
    model = shipped_network(path)
    config = model.config
    stream, state = PrunedStream(model), new_state(config)
    rng = np.random.default_rng(2)
    frames = frames_of(config, 6)
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
    assert np.abs(logits.numpy() - dense_logits(model, frames[5])).max() <= 1e-5


def partial_mask(rng: np.random.Generator, config: NetworkConfig) -> npt.NDArray[np.bool_]:
    """Random tokens of each stage within those of the stage before; never all, so no rebuild."""
    shares = np.sort(rng.uniform(0.05, 0.9, config.stages))[::-1]
    return rng.permutation(config.tokens)[None] < (shares * config.tokens)[:, None]


def settled_difference(model: DepthViTLoihi, windows: Windows, state: StreamState) -> float:
    """Largest difference from the dense network once masks have covered a still frame in halves.

    The state is left as it was.
    """
    config, state = model.config, deepcopy(state)
    half = np.arange(config.tokens) % 2 == 0
    for _ in range(config.layers + 2):
        for side in (half, ~half):
            opened = np.repeat(side[None], config.stages, 0)
            logits = PrunedStream(model).step(windows, opened, state)
    return float(np.abs(logits.numpy() - dense_logits(model, windows)).max())


MANY_FRAMES, FEW_FRAMES = 10_000, 100
GROWTH = 3
"""Factor by which the difference may grow from few frames to many: single-precision noise."""


@pytest.mark.slow
def test_ten_thousand_sparse_frames_leave_no_drift() -> None:
    model, rng = tiny_network(), np.random.default_rng(11)
    config, frames = model.config, frames_of(model.config, 60)
    stream, state = PrunedStream(model), new_state(config)
    stream.step(frames[0], np.ones((config.stages, config.tokens), bool), state)
    first, found = state_errors(config, state), {}
    for count in range(1, MANY_FRAMES):
        windows = frames[int(rng.integers(len(frames)))]
        stream.step(windows, partial_mask(rng, config), state)
        if count + 1 in (FEW_FRAMES, MANY_FRAMES):
            found[count + 1] = settled_difference(model, frames[-1], state)
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


def test_tokens_that_are_not_opened_keep_their_results_exactly() -> None:
    model = random_network()
    config, rng = model.config, np.random.default_rng(0)
    stream, state = PrunedStream(model), new_state(config)
    frames = noise(config, 6)
    stream.step(frames[0], np.ones((config.stages, config.tokens), bool), state)
    for windows in frames[1:]:
        before = state.logits.clone(), state.x.clone(), state.strength.copy()
        mask = nested_mask(rng, config)
        stream.step(windows, mask, state)
        assert torch.equal(state.logits[~mask[-1]], before[0][~mask[-1]])
        assert not torch.isclose(state.logits[mask[-1]], before[0][mask[-1]]).all(1).any()
        for stage in range(config.stages):
            assert torch.equal(state.x[stage][~mask[stage]], before[1][stage][~mask[stage]])
        norms = state.x[:-1].norm(dim=-1).numpy()
        np.testing.assert_allclose(state.strength, norms, rtol=1e-5)


class SlowStream:
    """The stream again from its definition, token by token in double precision."""

    def __init__(self, model: DepthViTLoihi) -> None:
        self.config = model.config
        self.model = model
        c = model.config
        self.x = [np.zeros((c.tokens, c.dim)) for _ in range(c.stages)]
        self.k = [np.zeros((c.tokens, h, c.head_dim)) for h in c.heads]
        self.v = [np.zeros((c.tokens, h, c.head_dim)) for h in c.heads]
        self.logits = np.zeros((c.tokens, c.outputs))

    @staticmethod
    def linear(layer: nn.Linear, x: F64) -> F64:
        weight, bias = (p.detach().numpy().astype(float) for p in (layer.weight, layer.bias))
        return weight @ x + bias

    @staticmethod
    def norm(layer: nn.BatchNorm1d, x: F64) -> F64:
        w, b, mean, var = (
            t.detach().numpy().astype(float)
            for t in (layer.weight, layer.bias, layer.running_mean, layer.running_var)
        )
        return (x - mean) / np.sqrt(var + layer.eps) * w + b

    def step(self, windows: Windows, mask: npt.NDArray[np.bool_]) -> F64:
        m, c = self.model, self.config
        position = m.position.detach().numpy().astype(float)
        for i in np.flatnonzero(mask[0]):
            self.x[0][i] = self.linear(m.embed, (windows[i] - 128.0) / 64) + position[i]
        for layer, block in enumerate(m.blocks):
            rows, split = np.flatnonzero(mask[layer + 1]), (c.heads[layer], c.head_dim)
            queries = {}
            for i in rows:
                z = self.norm(block.norm1, self.x[layer][i])
                queries[i] = np.maximum(self.linear(block.q, z), 0).reshape(split)
                self.k[layer][i] = np.maximum(self.linear(block.k, z), 0).reshape(split)
                self.v[layer][i] = self.linear(block.v, z).reshape(split)
            for i in rows:
                y = np.zeros(split)
                for j in range(c.tokens):
                    weight = (queries[i] * self.k[layer][j]).sum(1, keepdims=True)
                    y += weight * self.v[layer][j] / c.tokens
                mid = self.x[layer][i] + self.linear(block.proj, self.norm(block.norm_y, y.ravel()))
                hidden = np.maximum(self.linear(block.fc1, self.norm(block.norm2, mid)), 0)
                self.x[layer + 1][i] = mid + self.linear(block.fc2, hidden)
        for i in np.flatnonzero(mask[-1]):
            self.logits[i] = self.linear(m.head, self.norm(m.norm, self.x[-1][i]))
        return self.logits


def test_sparse_frames_equal_a_slow_recomputation() -> None:
    model = random_network(seed=4)
    config, rng = model.config, np.random.default_rng(4)
    stream, state, slow = PrunedStream(model), new_state(config), SlowStream(model)
    mask = np.ones((config.stages, config.tokens), bool)
    for windows in noise(config, 5, seed=4):
        fast = stream.step(windows, mask, state).numpy()
        exact = slow.step(windows, mask)
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
