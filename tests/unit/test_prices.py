"""Prices of work: against torch's own count of operations, and against a count by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from depth_snn.config import NetworkConfig
from depth_snn.models.build import build_network
from depth_snn.pruning.prices import CATEGORIES, prices_of
from tests.unit.small import DEEP, STREET, TINY, TWIN, UNEVEN

CASES = [
    TINY, STREET, UNEVEN, DEEP, replace(STREET, name="cut", heads=(4, 3, 1, 2)),
    replace(STREET, name="large", dim=192, heads=(6,) * 6, mlp=768),
    TWIN, replace(STREET, name="street_vit", kind="vit"),
]  # fmt: skip


@pytest.mark.parametrize("config", CASES, ids=lambda c: c.name)
def test_dense_macs_are_what_torch_counts(config: NetworkConfig) -> None:
    model = build_network(config).eval()
    picture = torch.zeros(1, 3, config.height, config.width)
    # As plain products: the counter does not know torch's fused attention on a CPU.
    plain = sdpa_kernel(SDPBackend.MATH)
    with torch.no_grad(), plain, FlopCounterMode(display=False) as counter:
        model(picture)
    prices = prices_of(config, scored=False)
    norms = sum(2 * config.dim + heads * config.head_dim for heads in config.heads) + config.dim
    if config.kind == "vit":  # squares, scale and affine map of two norms a layer and the last
        norms = 3 * config.dim * (2 * config.layers + 1)
    assert prices.dense["norm"] == norms * config.tokens
    assert 2 * (prices.dense_macs() - prices.dense["norm"]) == counter.get_total_flops()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        levels = model.stem(picture)
    assert 2 * prices.fixed["stem"] == 2 * prices.dense["stem"] == counter.get_total_flops()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model.embed(levels[-1])
    assert 2 * prices.stages[0]["embed"] * config.tokens == counter.get_total_flops()


def test_stage_prices_by_hand() -> None:
    # one level of 5 channels, 12 channels, 3 then 2 heads of 4, MLP 20, 2×2 cells of 6, 5 classes
    prices = prices_of(UNEVEN, scored=True)
    # 16×32 pixels with 3 around them give 10×18 positions that see 4×4 pixels of 3 colours
    assert prices.fixed == {"stem": 10 * 18 * 48 * 5} and prices.fixed_macs() == 43_200
    embed = 16 * 5 * 12
    first = {"norm": 12 + 12 + 12, "qkv": 3 * 12 * 12, "attention": 3 * 3 * 16,
             "projection": 12 * 12, "mlp": 2 * 12 * 20}  # fmt: skip
    second = {"norm": 12 + 8 + 12 + 12, "qkv": 3 * 12 * 8, "attention": 3 * 2 * 16,
              "projection": 8 * 12, "mlp": 2 * 12 * 20,
              "decoder": 12 * 24 + 4 * 5 * 6 + 4 * 6 * 5}  # fmt: skip
    # scores are taken where a block begins: behind the embedding and the first block, not the last
    expected = [embed + 12, sum(first.values()) + 12, sum(second.values())]
    assert prices.per_stage().tolist() == expected
    for category, macs in second.items():
        assert prices.stages[2][category] == macs
    assert prices_of(UNEVEN, scored=False).per_stage().tolist() == [
        embed, sum(first.values()), sum(second.values()),
    ]  # fmt: skip


@pytest.mark.parametrize("scored", [False, True])
def test_executing_everything_costs_the_dense_network_and_its_scores(scored: bool) -> None:
    prices = prices_of(UNEVEN, scored=scored)
    done = prices.executed(np.full(UNEVEN.stages, UNEVEN.tokens))
    scores = UNEVEN.layers * UNEVEN.dim * UNEVEN.tokens if scored else 0
    assert done["score"] == scores
    assert sum(done.values()) == prices.dense_macs() + scores
    assert set(done) == set(CATEGORIES)


def test_executing_some_costs_their_prices() -> None:
    prices = prices_of(UNEVEN, scored=True)
    for computed in ([0, 0, 0], [5, 4, 3], [31, 31, 0]):
        done = prices.executed(np.array(computed))
        tokens = int((prices.per_stage() * computed).sum())
        assert sum(done.values()) == tokens + prices.fixed_macs()
        assert done["stem"] == prices.fixed_macs(), "whatever is open"
    # with all but one token, old terms are taken out and new ones put in: dearer than a rebuild
    nearly, full = (prices.executed(np.array([0, n, 0]))["attention"] for n in (31, 32))
    assert nearly == 31 * 3 * 48 and full == 32 * 2 * 48
