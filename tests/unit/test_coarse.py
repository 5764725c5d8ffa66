"""Static tokens pooled by fours: the right result, an exact ledger, the cap, and who may ask."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import torch

from depth_snn.cli.chain.setup import prepare
from depth_snn.config import GateConfig, NetworkConfig, PolicyConfig
from depth_snn.errors import ConfigError
from depth_snn.models.build import Network
from depth_snn.models.stem import token_cells
from depth_snn.models.vit import DepthViT
from depth_snn.models.vit_loihi import DepthViTLoihi
from depth_snn.pruning.coarse import CoarseStream
from depth_snn.pruning.factory import make_stream
from depth_snn.pruning.pipeline import Pipeline
from depth_snn.pruning.plan import block_tokens, pooled_blocks
from depth_snn.pruning.prices import prices_of
from depth_snn.pruning.stream import PrunedStream, new_state
from depth_snn.recovery.judge_file import make_judge
from tests.unit.slow_coarse import SlowCoarse
from tests.unit.small import (
    DEEP,
    TINY,
    TWIN,
    UNEVEN,
    dense_logits,
    enliven,
    noise,
    pictures,
    random_network,
    random_twin,
    scene_frames,
    settled_network,
)

CLOSE = 1e-5
"""Sums in another order, relative to the largest logit."""
POOLING = PolicyConfig(
    tau_px=0.7, tau_stale=4.0, token_rate=(0.5,), static="downsample",
    gate=GateConfig(dv=1024, vth=50, hold=2, cap_percent=60, refill_percent=60),
)  # fmt: skip


def everything(config: NetworkConfig) -> npt.NDArray[np.bool_]:
    return np.ones((config.stages, config.tokens), bool)


def network_of(config: NetworkConfig) -> Network:
    if config.kind == "vit":
        return random_twin(config)
    model = random_network(config, seed=4)
    enliven(model)
    return model


def test_blocks_are_squares_of_four_and_odd_edges_are_in_none() -> None:
    assert block_tokens(DEEP).tolist() == [[0, 1, 3, 4]], "a grid of 2×3"
    blocks = block_tokens(UNEVEN)
    assert blocks[0].tolist() == [0, 1, 8, 9] and blocks[-1].tolist() == [22, 23, 30, 31]
    assert sorted(blocks.ravel()) == list(range(UNEVEN.tokens))
    opened = np.zeros((3, UNEVEN.tokens), bool)
    opened[2, 9] = opened[0, 31] = True
    assert np.flatnonzero(~pooled_blocks(opened, blocks)).tolist() == [0, len(blocks) - 1]


@pytest.mark.parametrize("config", [UNEVEN, DEEP, TINY, TWIN], ids=lambda c: c.name)
def test_with_every_token_open_it_is_the_dense_network(config: NetworkConfig) -> None:
    model, (first, other) = network_of(config), noise(config, 2)
    stream, state = make_stream(model, static="downsample"), new_state(config)
    stream.step(first, everything(config), state)
    stream.step(other, ~everything(config), state)
    for rgb in (other, first):
        logits, dense = (
            stream.step(rgb, everything(config), state).numpy(),
            dense_logits(model, rgb),
        )
        assert np.abs(logits - dense).max() <= CLOSE * np.abs(dense).max()


@torch.inference_mode()
def dense_with_means(
    model: Network, rgb: npt.NDArray[np.uint8], pooled: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """The dense network on a list of tokens in which each of a pooled block is the block's mean."""
    levels = model.stem(pictures(rgb))
    position = model.pos_embed if isinstance(model, DepthViT) else model.position
    own = model.embed(levels[-1]).flatten(2).transpose(1, 2) + position
    before = own.clone()
    for block in pooled:
        before[0, block] = own[0, block].mean(0)
    x = before
    for layer in model.blocks:
        x = layer(x)
    cells = [token_cells(f, i + 1, model.config) for i, f in enumerate(levels)]
    logits = model.decoder(model.norm(own + (x - before)), cells)
    return np.asarray(logits[0].numpy())


@pytest.mark.parametrize("config", [UNEVEN, TINY, TWIN], ids=lambda c: c.name)
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_pooled_tokens_weigh_four_times_in_the_attention(
    config: NetworkConfig, share: float
) -> None:
    model, (first, rgb) = network_of(config), noise(config, 2)
    stream, state = make_stream(model, static="downsample"), new_state(config)
    stream.step(first, everything(config), state)
    blocks = block_tokens(config)
    whole = np.random.default_rng(0).random(len(blocks)) < share
    opened = np.zeros((config.stages, config.tokens), bool)
    opened[:, blocks[whole].ravel()] = True
    logits = stream.step(rgb, opened, state).numpy()
    exact = dense_with_means(model, rgb, blocks[~whole])
    assert np.abs(logits - exact).max() <= CLOSE * np.abs(exact).max()
    # A block taken once instead of four times, or as its own four tokens, would be seen.
    assert np.abs(dense_logits(model, rgb) - exact).max() > 100 * CLOSE * np.abs(exact).max()


@pytest.mark.parametrize("config", [UNEVEN, DEEP], ids=lambda c: c.name)
def test_mixed_frames_equal_a_slow_recomputation(config: NetworkConfig) -> None:
    model, rng = network_of(config), np.random.default_rng(4)
    assert isinstance(model, DepthViTLoihi)
    stream, state = CoarseStream(PrunedStream(model)), new_state(config)
    slow, mask, pooled = SlowCoarse(model), everything(config), []
    for rgb in noise(config, 5, seed=4):
        fast, exact = stream.step(rgb, mask, state).numpy(), slow.step(rgb, mask)
        np.testing.assert_allclose(fast, exact, atol=2e-5 * np.abs(exact).max())
        pooled.append(len(slow.pooled(mask)))
        draw = rng.random(config.tokens)
        mask = draw[None] < np.linspace(0.3, 0.1, config.stages)[:, None]
    assert max(pooled) > 0, "nothing was pooled, so nothing was tested"


def test_attention_state_serves_a_stream_with_reuse_afterwards() -> None:
    """The cached keys and values are those in the state, whatever was pooled."""
    model, rng, frames = random_network(UNEVEN), np.random.default_rng(1), noise(UNEVEN, 4)
    plain, state = PrunedStream(model), new_state(UNEVEN)
    coarse = CoarseStream(plain)
    plain.step(frames[0], everything(UNEVEN), state)
    for rgb in frames:
        mask = np.repeat(rng.random(UNEVEN.tokens)[None] < 0.15, UNEVEN.stages, 0)
        coarse.step(rgb, mask, state)
        plain.step(rgb, mask, state)
    for layer, heads in enumerate(UNEVEN.heads):
        k, v = state.kv[layer].double().view(UNEVEN.tokens, 2, heads, -1).unbind(1)
        exact = torch.einsum("nha,nhb->hab", k, v)
        assert (state.s[layer] - exact).abs().max() <= 1e-6 * exact.abs().max()


def test_ledger_by_hand() -> None:
    # 32 tokens of 12 channels; 3 then 2 heads of 4; MLP 20; 2×2 cells of 6, stem of 5, 5 classes
    prices = prices_of(UNEVEN, scored=True)
    done = prices.executed(np.array([5, 4, 3]), pooled=6)
    # six coarse tokens stand for 24; 8 others are in the attention state, 5 of them open
    assert done["embed"] == (5 + 24) * 16 * 5 * 12
    assert done["score"] == (5 + 4) * 12, "coarse tokens are not scored"
    assert done["norm"] == (4 + 6) * 36 + (3 + 6) * 32 + (3 + 24) * 12
    assert done["qkv"] == (4 + 6) * 3 * 12 * 12 + (3 + 6) * 3 * 12 * 8
    assert done["attention"] == (4 + 6 + 8 + 6) * 3 * 16 + (3 + 6 + 8 + 6) * 2 * 16
    assert done["projection"] == (4 + 6) * 12 * 12 + (3 + 6) * 8 * 12
    assert done["mlp"] == (4 + 6 + 3 + 6) * 2 * 12 * 20
    assert done["decoder"] == (3 + 24) * (12 * 24 + 4 * 5 * 6 + 4 * 6 * 5)
    assert done["stem"] == prices.fixed_macs()
    # nothing pooled: the state is still built anew from all 32
    nothing = prices.executed(np.array([0, 1, 0]), pooled=0)
    assert nothing["attention"] == 33 * 3 * 16 + 32 * 2 * 16
    whole = np.full(3, 32)
    assert prices.executed(whole, pooled=0) == prices.executed(whole)


def test_softmax_ledger_by_hand() -> None:
    done = prices_of(TWIN, scored=False).executed(np.array([5, 4, 3]), pooled=6)
    assert done["attention"] == (4 + 6 + 3 + 6) * 2 * 32 * 12, "each query meets 32 keys"
    assert done["norm"] == (4 + 6 + 3 + 6) * 6 * 12 + (3 + 24) * 3 * 12


@pytest.mark.parametrize("config", [TINY, replace(TINY, name="twin", kind="vit")], ids=["l", "v"])
def test_pipeline_pools_what_is_static_within_the_cap(config: NetworkConfig) -> None:
    model: Network = random_twin(config) if config.kind == "vit" else settled_network(config)
    prices = prices_of(config, scored=True)
    pipeline = Pipeline(model, POOLING, prices, make_judge("error", config))
    blocks, restored, some = block_tokens(config), 0, 0
    for index, rgb in enumerate(scene_frames(config, 12)):
        shown = pipeline.view.scores.copy()
        step = pipeline.step(rgb)
        decision = step.decision
        assert decision.pooled is not None
        assert np.array_equal(decision.pooled, pooled_blocks(decision.restored.open, blocks))
        own = replace(
            decision, pooled=pooled_blocks(decision.sched, blocks),
            restored=decision.restored._replace(open=decision.sched),
        )  # fmt: skip
        ran, planned = (sum(d.executed(prices).values()) for d in (decision, own))
        out = decision.restored
        assert ran - planned <= out.spent_macs
        assert out.base_macs <= planned + decision.gate_macs
        restored += out.spent_macs > 0
        if index and decision.pooled.any():
            some += 1
            assert not np.array_equal(pipeline.view.scores, shown)
            ages = pipeline.view.age[blocks[decision.pooled]]
            assert (ages > 0).all(), "a coarse result is no reason to forget the drift"
    assert restored and some > 3, "the scene was too quiet to test anything"


def test_a_still_picture_is_pooled_whole_and_shown_again() -> None:
    model, prices = settled_network(), prices_of(TINY, scored=True)
    pipeline = Pipeline(model, POOLING, prices, make_judge("error", TINY))
    rgb = scene_frames(TINY, 1)[0]
    first = pipeline.step(rgb)
    assert first.decision.pooled is not None and not first.decision.pooled.any()
    fine = first.logits.copy()
    still = pipeline.step(rgb)
    assert still.decision.pooled is not None and still.decision.pooled.all()
    exact = dense_with_means(model, rgb, block_tokens(TINY))
    np.testing.assert_allclose(still.logits, exact, atol=CLOSE * np.abs(exact).max())
    assert not np.allclose(still.logits, fine)
    done = still.decision.executed(prices)
    for category in ("qkv", "attention", "projection", "mlp"):
        assert 4 * done[category] == prices.dense[category]


def test_the_integer_graph_refuses_to_pool() -> None:
    with pytest.raises(ConfigError) as refusal:
        prepare("tiny", replace(POOLING))
    assert "static is 'downsample'; expected 'reuse'" in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("wrong", ["pool", "", "Reuse"])
def test_unknown_static_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigError, match="expected 'reuse' or 'downsample'"):
        PolicyConfig.from_dict({"static": wrong}, "a.toml")
    assert PolicyConfig.from_dict({"static": "downsample"}).static == "downsample"
