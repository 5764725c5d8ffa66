"""Heads cut physically: sizes, and equality with the full network whose heads are held still."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from conversion.evaluate import evaluate_float
from conversion.from_torch import build_float_graph
from conversion.passes.fold_norms import fold_norms
from depth_snn.models.vit_loihi import DepthViTLoihi
from depth_snn.pruning.heads import cut_heads, head_importance, plan_heads
from tests.unit.small import UNEVEN, noise, pictures, random_network

KEEP = [[0, 2], [1]]


(RGB,) = noise(UNEVEN, 1)
PICTURE = pictures(RGB)


@torch.no_grad()
def held_still(model: DepthViTLoihi, keep: list[list[int]], x: Tensor) -> Tensor:
    """Logits of the full network in which every head not kept shows its mean over training."""
    handles = []
    for block, heads in zip(model.blocks, keep, strict=True):
        kept = np.repeat(np.isin(np.arange(block.heads), heads), block.head_dim)

        def hold(norm: torch.nn.Module, args: tuple[Tensor], kept: object = kept) -> tuple[Tensor]:
            return (torch.where(torch.from_numpy(kept), args[0], norm.running_mean),)

        handles.append(block.norm_y.register_forward_pre_hook(hold))
    try:
        return model(x)
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def test_cutting_nothing_changes_nothing() -> None:
    model = random_network()
    same = cut_heads(model, [[0, 1, 2], [0, 1]])
    assert torch.equal(same(PICTURE), model(PICTURE))
    assert same.config == model.config


@torch.no_grad()
@pytest.mark.parametrize("keep", [KEEP, [[1], [0, 1]], [[0], [0]]])
def test_cut_network_is_the_full_one_with_those_heads_held_at_their_mean(
    keep: list[list[int]],
) -> None:
    model = random_network()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    small = cut_heads(model, keep)
    expected = held_still(model, keep, PICTURE)
    torch.testing.assert_close(small(PICTURE), expected, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(model(PICTURE), expected, atol=1e-3)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_rows_and_columns_are_gone() -> None:
    model = random_network()
    small = cut_heads(model, KEEP)
    assert small.config.heads == (2, 1)
    assert small.blocks[0].q.weight.shape == (8, 12) and small.blocks[1].v.weight.shape == (4, 12)
    assert small.blocks[0].proj.weight.shape == (12, 8)
    # a head has 4 rows of q, k, v with their biases, 4 columns of proj, 4 norms of 2 parameters
    head = 3 * 4 * (12 + 1) + 4 * 12 + 4 * 2
    sizes = [sum(p.numel() for p in m.parameters()) for m in (model, small)]
    assert sizes[0] - sizes[1] == 2 * head


def test_the_least_important_head_goes_first() -> None:
    model = random_network()
    with torch.no_grad():
        model.blocks[0].v.weight[4:8] *= 1e-3  # head 1 of 3
        model.blocks[1].proj.weight[:, :4] *= 1e-3  # head 0 of 2
    assert int(head_importance(model.blocks[0]).argmin()) == 1
    assert plan_heads(model, (0.5, 0.5)) == [[0, 2], [1]]
    assert plan_heads(model, (0.34, 0.34)) == [[0, 2], [0, 1]]
    assert plan_heads(model, (0.0, 0.0)) == [[0, 1, 2], [0, 1]]
    assert [len(k) for k in plan_heads(model, (0.99, 0.99))] == [1, 1]


def test_a_cut_network_converts() -> None:
    small = cut_heads(random_network(), KEEP)
    graph = fold_norms(build_float_graph(small))
    values = evaluate_float(graph, RGB)
    with torch.no_grad():
        expected = small(PICTURE)[0].numpy()
    np.testing.assert_allclose(values["head.out"], expected, rtol=1e-4, atol=1e-4)
    assert values["block1.y"].shape == (32, 8) and values["block2.y"].shape == (32, 4)
