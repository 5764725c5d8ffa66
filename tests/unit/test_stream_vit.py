"""The float twin on a stream: dense with nothing pruned, no drift, and no N×N scores."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode

from depth_snn.config import NetworkConfig, PolicyConfig
from depth_snn.errors import ConfigError
from depth_snn.models.vit import DepthViT
from depth_snn.pruning.factory import make_stream
from depth_snn.pruning.pipeline import Pipeline
from depth_snn.pruning.prices import prices_of
from depth_snn.pruning.stream import PrunedStream, new_state
from depth_snn.pruning.stream_vit import SoftmaxStream
from depth_snn.recovery.judge_file import make_judge
from tests.unit.small import (
    STREET,
    TINY,
    TWIN,
    UNEVEN,
    dense_logits,
    noise,
    random_network,
    random_twin,
    scene_frames,
)

TINY_TWIN = replace(TINY, name="tiny_twin", kind="vit")
STREET_TWIN = replace(STREET, name="street_twin", kind="vit")
CLOSE, SETTLED = 1e-5, 1e-4
"""Relative to the largest logit: with everything open; once halves of a still picture were."""


def everything(config: NetworkConfig) -> npt.NDArray[np.bool_]:
    return np.ones((config.stages, config.tokens), bool)


def partial(rng: np.random.Generator, config: NetworkConfig) -> npt.NDArray[np.bool_]:
    shares = np.linspace(0.6, 0.3, config.stages)
    return rng.random(config.tokens)[None] < shares[:, None]


def difference(logits: torch.Tensor, model: DepthViT, rgb: npt.NDArray[np.uint8]) -> float:
    dense = dense_logits(model, rgb)
    return float(np.abs(logits.numpy() - dense).max() / np.abs(dense).max())


@pytest.mark.parametrize("config", [TWIN, TINY_TWIN, STREET_TWIN], ids=lambda c: c.name)
def test_with_every_token_open_it_is_the_dense_network(config: NetworkConfig) -> None:
    model, rng = random_twin(config), np.random.default_rng(1)
    stream, state = SoftmaxStream(model), new_state(config)
    for index, rgb in enumerate(noise(config, 5)):
        sparse = index in (1, 2)
        mask = partial(rng, config) if sparse else everything(config)
        logits = stream.step(rgb, mask, state)
        assert sparse or difference(logits, model, rgb) <= CLOSE


@pytest.mark.parametrize("config", [TWIN, TINY_TWIN], ids=lambda c: c.name)
def test_halves_of_a_still_picture_reach_the_dense_network(config: NetworkConfig) -> None:
    model, rng = random_twin(config), np.random.default_rng(2)
    stream, state, frames = SoftmaxStream(model), new_state(config), noise(config, 6)
    stream.step(frames[0], everything(config), state)
    for index in range(10):
        stream.step(frames[index % 6], partial(rng, config), state)
    half = np.arange(config.tokens) % 2 == 0
    for sweep in range(config.stages):
        for side in (half, ~half):
            logits = stream.step(frames[5], np.repeat(side[None], config.stages, 0), state)
        if not sweep:
            assert difference(logits, model, frames[5]) > SETTLED, "one sweep cannot be enough"
    assert difference(logits, model, frames[5]) <= SETTLED


def test_closed_tokens_keep_their_results_and_their_keys_are_seen() -> None:
    model, (first, other) = random_twin(TWIN), noise(TWIN, 2)
    stream, state = SoftmaxStream(model), new_state(TWIN)
    before = stream.step(first, everything(TWIN), state).clone()
    keys = [kv.clone() for kv in state.kv]
    mask = np.zeros((TWIN.stages, TWIN.tokens), bool)
    mask[:, ::3] = True
    after = stream.step(other, mask, state)
    closed = ~mask[0]
    assert torch.equal(after[closed], before[closed])
    assert (after[mask[0]] != before[mask[0]]).any(1).all()
    for old, new in zip(keys, state.kv, strict=True):
        assert torch.equal(old[closed], new[closed])
        assert (old[mask[0]] != new[mask[0]]).any(1).all()
    # Another past of the closed tokens gives another result of the open ones.
    stranger = new_state(TWIN)
    stream.step(other, everything(TWIN), stranger)
    alone = stream.step(other, mask, stranger)
    assert not torch.allclose(alone[mask[0]], after[mask[0]])


class Largest(TorchDispatchMode):
    """Notes the largest tensor that any operation makes."""

    size = 0

    def __torch_dispatch__(
        self, func: torch._ops.OpOverload, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        with self:  # what an operation is made of counts too
            out = func.decompose(*args, **(kwargs or {}))
        if out is NotImplemented:
            out = func(*args, **(kwargs or {}))
        for made in out if isinstance(out, tuple | list) else (out,):
            if isinstance(made, torch.Tensor):
                self.size = max(self.size, made.numel())
        return out


def test_no_scores_of_all_tokens_by_all_tokens_are_made() -> None:
    small = replace(STREET_TWIN, stem=(4, 4), dim=16, heads=(2,), head_dim=8, mlp=16, decoder=2)
    model, tokens = random_twin(small), small.tokens
    stream, state = SoftmaxStream(model), new_state(small)
    frames, sparse = noise(small, 2), everything(small)
    sparse[:, ::4] = False
    levels = [stream.stem(frames[0], state), stream.stem(frames[1], state)]
    for seen, mask in zip(levels, (everything(small), sparse), strict=True):
        with Largest() as largest:
            stream.run(seen, mask, state)
        assert 0 < largest.size < tokens * tokens
    with sdpa_kernel(SDPBackend.MATH), Largest() as largest:  # that the probe would see them
        stream.run(levels[0], everything(small), state)
    assert largest.size >= tokens * tokens


@pytest.mark.parametrize("static", ["reuse", "downsample"])
def test_pipeline_runs_the_twin_and_is_dense_at_zero_thresholds(static: str) -> None:
    model, prices = random_twin(TINY_TWIN), prices_of(TINY_TWIN, scored=True)
    policy = PolicyConfig(tau_px=0, tau_stale=0, token_rate=(0.0,), recovery=False, static=static)
    zero = Pipeline(model, policy, prices, make_judge("error", TINY_TWIN))
    lively = replace(policy, tau_px=0.7, tau_stale=4.0, token_rate=(0.5,), recovery=True)
    pruned = Pipeline(model, lively, prices, make_judge("error", TINY_TWIN))
    work = []
    for rgb in scene_frames(TINY_TWIN, 8):
        step = zero.step(rgb)
        assert difference(torch.from_numpy(step.logits), model, rgb) <= CLOSE
        assert sum(step.decision.executed(prices).values()) == prices.dense_macs() + (
            TINY.layers * TINY.dim * TINY.tokens  # scores
        )
        work.append(sum(pruned.step(rgb).decision.executed(prices).values()))
    assert max(work[1:]) < prices.dense_macs()


def test_a_query_costs_two_products_with_every_key() -> None:
    prices = prices_of(TWIN, scored=False)
    done = prices.executed(np.array([9, 7, 5]))
    assert done["attention"] == (7 + 5) * 2 * 32 * 4 * 3, "32 keys, 3 heads of 4"
    assert np.array_equal(prices.own_per_stage(), prices.per_stage()), "nothing is ever cheaper"
    assert prices.dense["attention"] == 2 * 2 * 32 * 32 * 12


def test_streams_refuse_the_other_kind() -> None:
    with pytest.raises(ConfigError, match="kind 'vit'"):
        PrunedStream(random_twin())
    with pytest.raises(ConfigError, match="kind 'loihi'"):
        SoftmaxStream(random_network(UNEVEN))
    with pytest.raises(ConfigError, match="build_network"):
        make_stream(DepthViT(replace(TWIN, kind="loihi")))
    assert isinstance(make_stream(random_twin()), SoftmaxStream)
    assert type(make_stream(random_network())) is PrunedStream
