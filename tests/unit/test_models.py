"""The two networks: stem geometry, decoder order, and the twin against timm."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from timm.models.vision_transformer import VisionTransformer
from torch.nn import functional

from conversion.nodes import WEIGHT_MAX
from conversion.quant_config import QuantConfig
from depth_snn.config import NetworkConfig
from depth_snn.errors import ConfigError, InputError
from depth_snn.models.build import build_network
from depth_snn.models.fake_quant import LEVELS, WEIGHT_LEVELS, FakeQuant
from depth_snn.models.stem import (
    INPUT_OFFSET,
    cells_to_image,
    level_crop,
    level_shape,
    token_cells,
    token_patches,
)
from depth_snn.models.transfer import load_by_name, resize_positions, twin_to_loihi
from depth_snn.models.vit import DepthViT
from depth_snn.models.vit_loihi import DepthViTLoihi
from tests.unit.small import random_network

NANO = NetworkConfig(
    name="nano", height=32, width=64, stem=(4, 6), dim=8, heads=(2, 2), head_dim=4, mlp=32,
    decoder=4,
)  # fmt: skip
DEEP = replace(NANO, stem=(3, 4, 5), height=32, width=64, region=1)


def pictures(config: NetworkConfig, count: int = 2) -> torch.Tensor:
    rng = np.random.default_rng(0)
    shape = (count, 3, config.height, config.width)
    return torch.from_numpy(rng.integers(0, 256, shape)).float()


@pytest.mark.parametrize("config", [NANO, DEEP, replace(NANO, stem=(5,))], ids=lambda c: c.stem)
def test_a_token_sees_its_own_square_of_pixels_and_nothing_else(config: NetworkConfig) -> None:
    """The embedding changes with pixels inside the token's window, never with pixels outside."""
    model = random_network(config)
    rgb = pictures(config, 1)
    tokens = model.tokens(rgb)[0][0]
    row, column = 1, 1
    index = row * config.grid[1] + column
    top, left = row * config.patch - config.margin, column * config.patch - config.margin
    mask = torch.zeros(config.height, config.width, dtype=torch.bool)
    inside = [slice(max(0, s), s + config.window) for s in (top, left)]
    mask[inside[0], inside[1]] = True
    outside = torch.where(mask, rgb, 255 - rgb)
    assert torch.equal(model.tokens(outside)[0][0, index], tokens[index])
    last = (min(top + config.window, config.height), min(left + config.window, config.width))
    for y, x in ((last[0] - 1, last[1] - 1), (max(0, top), max(0, left))):
        edge = torch.zeros_like(mask)
        edge[y], edge[:, x] = True, True
        touched = torch.where(mask & edge, 255 - rgb, rgb)
        assert not torch.equal(model.tokens(touched)[0][0, index], tokens[index])


@pytest.mark.parametrize("config", [NANO, DEEP], ids=lambda c: c.stem)
def test_levels_have_the_shapes_they_say(config: NetworkConfig) -> None:
    model = random_network(config)
    levels = model.stem(pictures(config))
    for level, features in enumerate(levels, 1):
        assert tuple(features.shape[2:]) == level_shape(config, level)
    patches = token_patches(levels[-1], config)
    direct = patches @ model.embed.weight.flatten(1).T + model.embed.bias
    conv = model.embed(levels[-1]).flatten(2).transpose(1, 2)
    assert torch.allclose(direct, conv, atol=1e-4)


@pytest.mark.parametrize("config", [NANO, DEEP], ids=lambda c: c.stem)
def test_cells_come_back_where_they_were(config: NetworkConfig) -> None:
    side = config.cells
    shape = (1, 1, config.grid[0] * side, config.grid[1] * side)
    image = torch.arange(float(np.prod(shape))).view(shape)
    crop = level_crop(config, 1)
    padded = functional.pad(image, (crop,) * 4)
    cells = token_cells(padded, 1, config)
    assert torch.equal(cells_to_image(cells, config), image)
    # The four children of a coarse position are neighbours in the order of the finer level.
    coarse = functional.avg_pool2d(image, 2)
    crop = level_crop(config, 2)
    parents = token_cells(functional.pad(coarse, (crop,) * 4), 2, config)
    assert torch.equal(cells.view(1, config.tokens, -1, 4).mean(-1), parents[..., 0])


def test_folded_stem_is_the_stem() -> None:
    model = random_network(NANO)
    x = functional.pad((pictures(NANO) - INPUT_OFFSET) / 64.0, (NANO.margin,) * 4)
    for index, features in enumerate(model.stem(pictures(NANO))):
        weight, bias = model.stem.folded(index)
        x = functional.relu(functional.conv2d(x, weight, bias, 2))
        assert torch.allclose(x, features, atol=1e-4)


def test_rounding_is_close_and_gradients_pass() -> None:
    model = random_network(NANO)
    rounding = FakeQuant(model)
    rgb = pictures(NANO, 4)
    rounding.calibrate(rgb)
    with torch.no_grad():
        exact, near = model(rgb), rounding(rgb)
    assert 0 < (exact - near).abs().mean() < 0.1 * exact.std()
    rounding(rgb).square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_the_twin_starts_the_student() -> None:
    twin = build_network(replace(NANO, kind="vit"))
    student = build_network(NANO)
    report = load_by_name(student, twin_to_loihi(twin))  # type: ignore[arg-type]
    assert not report.misfits and not report.unused
    new = [name for name in report.missing if "norm_y" not in name and ".running_" not in name]
    assert report.missing and not new, "all but the norms' statistics comes from the twin"
    assert isinstance(twin, DepthViT) and isinstance(student, DepthViTLoihi)
    assert torch.equal(student.blocks[1].k.weight, twin.blocks[1].attn.qkv.weight[8:16])


def test_positions_move_to_another_grid() -> None:
    flat = torch.full((1, 197, 4), 2.0)  # 14 × 14 and a class token
    assert torch.allclose(resize_positions(flat, (16, 32)), torch.full((512, 4), 2.0), atol=1e-5)
    ramp = torch.arange(8.0)[:, None] * torch.ones(16)  # 8 × 16
    there = resize_positions(ramp.reshape(1, 128, 1), (16, 32)).view(16, 32)
    assert (there[1:] > there[:-1]).all() and there.std(1).max() < 1e-4
    with pytest.raises(InputError, match="fit no known grid"):
        resize_positions(torch.zeros(1, 7, 4), (2, 2))


def test_timm_weights_load_by_name_and_the_blocks_agree() -> None:
    """timm's encoder is the witness: same weights, same tokens in, same tokens out."""
    torch.manual_seed(3)
    timm = VisionTransformer(
        img_size=(32, 64), patch_size=8, embed_dim=8, depth=2, num_heads=2, num_classes=10
    ).eval()
    twin = build_network(replace(NANO, kind="vit")).eval()
    assert isinstance(twin, DepthViT)
    report = load_by_name(twin, timm.state_dict())
    assert {n.split(".")[0] for n in report.loaded} == {"blocks", "norm"}
    assert len(report.loaded) == 2 * 12 + 2
    assert [r.split(" ")[0] for r in report.resized] == ["pos_embed"]
    assert {n.split(".")[0] for n in report.unused} == {"cls_token", "patch_embed", "head"}
    assert all(n.split(".")[0] in ("stem", "embed", "decoder") for n in report.missing)
    assert "misfits" not in report.text() and "26 tensors loaded" in report.text()
    x = torch.randn(2, NANO.tokens, 8)
    with torch.no_grad():
        expected, found = x, x
        for theirs, ours in zip(timm.blocks, twin.blocks, strict=True):
            expected, found = theirs(expected), ours(found)
        assert torch.allclose(timm.norm(expected), twin.norm(found), atol=1e-5)


def test_weights_of_another_width_are_reported_not_loaded() -> None:
    twin = build_network(replace(NANO, kind="vit"))
    before = twin.blocks[0].mlp.fc1.weight.clone()
    report = load_by_name(twin, {"blocks.0.mlp.fc1.weight": torch.zeros(5, 8)})
    assert report.misfits == ("blocks.0.mlp.fc1.weight (5, 8), not (32, 8)",)
    assert torch.equal(twin.blocks[0].mlp.fc1.weight, before) and not report.loaded


def test_shapes_that_do_not_suit() -> None:
    with pytest.raises(ConfigError, match="3 heads of 4 do not make 8 channels"):
        build_network(replace(NANO, kind="vit", heads=(2, 3)))
    with pytest.raises(ValueError, match="the network takes"):
        random_network(NANO)(torch.zeros(1, 3, 16, 16))


def test_rounding_in_training_has_the_levels_of_the_graph() -> None:
    graph = QuantConfig()
    assert {kind: getattr(graph, f"{kind}_max") for kind in LEVELS} == LEVELS
    assert WEIGHT_LEVELS == WEIGHT_MAX
