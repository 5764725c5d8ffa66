"""What is shown is carried along with motion, refreshed where computed, and judged by token."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch.nn.functional import grid_sample

from depth_snn.config import NetworkConfig
from depth_snn.pruning.carry import (
    carry,
    put_blocks,
    token_change,
    token_means,
    token_notes,
    window_difference,
)
from depth_snn.pruning.view import View, move_macs
from depth_snn.recovery.judge import ErrorJudge
from depth_snn.windows import STALE_MARGIN, class_map
from tests.unit.small import DEEP, STREET, TINY, UNEVEN
from tests.unit.token_windows import token_windows

F32 = npt.NDArray[np.float32]


def random_map(seed: int, *shape: int) -> F32:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("size", [(9, 13, 3), (4, 4, 64), (1, 6, 1)])
def test_carrying_is_torchs_bilinear_sampling(size: tuple[int, int, int]) -> None:
    height, width, _ = size
    source, flow = random_map(0, *size), 2 * random_map(1, height, width, 2)
    out = np.empty_like(source)
    carry(source, flow, out)
    x = np.arange(width)[None] + flow[..., 0]
    y = np.arange(height)[:, None] + flow[..., 1]
    grid = np.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], -1)
    picture = torch.from_numpy(source).permute(2, 0, 1)[None].double()
    expected = grid_sample(
        picture, torch.from_numpy(grid)[None].double(), padding_mode="border", align_corners=False
    )
    np.testing.assert_allclose(out, expected[0].permute(1, 2, 0).numpy(), atol=1e-4)


def test_no_motion_carries_nothing_away() -> None:
    source = random_map(0, 8, 8, 3)
    out = np.empty_like(source)
    carry(source, np.zeros((8, 8, 2), np.float32), out)
    assert np.array_equal(out, source)


@pytest.mark.parametrize("config", [TINY, UNEVEN, DEEP, STREET], ids=lambda c: c.name)
def test_a_fresh_view_shows_the_networks_classes(config: NetworkConfig) -> None:
    view, rgb = View(config), picture(config, 0)
    logits = random_map(0, config.tokens, config.outputs)
    view.refresh(rgb, stem_features(config, 1), logits, np.ones(config.tokens, bool))
    assert np.array_equal(view.classes(), class_map(logits, config))
    assert np.array_equal(view.picture, rgb) and not view.age.any()


def picture(config: NetworkConfig, seed: int) -> npt.NDArray[np.uint8]:
    size = (config.height, config.width, 3)
    return np.random.default_rng(seed).integers(0, 256, size).astype(np.uint8)


def stem_features(config: NetworkConfig, seed: int) -> F32:
    h, w = config.grid
    return random_map(seed, 2 * h, 2 * w, config.stem[-1])


def test_only_computed_tokens_are_refreshed() -> None:
    view, everything = View(TINY), np.ones(TINY.tokens, bool)
    old, new = picture(TINY, 0), picture(TINY, 1)
    features = stem_features(TINY, 0), stem_features(TINY, 1)
    logits = random_map(0, TINY.tokens, TINY.outputs), random_map(1, TINY.tokens, TINY.outputs)
    view.refresh(old, features[0], logits[0], everything)
    some = np.random.default_rng(2).random(TINY.tokens) < 0.4
    view.refresh(new, features[1], logits[1], some)
    grid = some.reshape(TINY.grid)
    patch = grid.repeat(TINY.patch, 0).repeat(TINY.patch, 1)[..., None]
    assert np.array_equal(view.picture, np.where(patch, new, old))
    pair = grid.repeat(2, 0).repeat(2, 1)[..., None]
    assert np.array_equal(view.features, np.where(pair, features[1], features[0]))
    both = View(TINY)
    both.refresh(old, features[0], np.where(some[:, None], logits[1], logits[0]), everything)
    assert np.array_equal(view.scores, both.scores)
    assert np.array_equal(view.age, np.where(some, 0, 1))


def test_a_moved_picture_is_shown_moved() -> None:
    """The world shifts by one cell: scores, pixels and features all follow."""
    view, config = View(STREET), STREET
    rgb, logits = picture(config, 0), random_map(0, config.tokens, config.outputs)
    view.refresh(rgb, stem_features(config, 0), logits, np.ones(config.tokens, bool))
    before = view.scores.copy(), view.picture.copy(), view.features.copy()
    flow = np.zeros((config.height, config.width, 2), np.float32)
    flow[..., 0] = -4.0  # what is here stood four pixels to the left
    assert view.move(flow) == move_macs(config)
    assert np.array_equal(view.picture[:, 4:], before[1][:, :-4])
    np.testing.assert_allclose(view.scores[:, 2:], before[0][:, :-2], atol=1e-6)
    np.testing.assert_allclose(view.features[:, 1:], before[2][:, :-1], atol=1e-6)


def test_window_difference_is_that_of_the_windows() -> None:
    now, sent = picture(STREET, 0), picture(STREET, 1)
    out = np.empty(STREET.tokens, np.float32)
    window_difference(now, sent, STREET.patch, STALE_MARGIN, out)
    a, b = (token_windows(p, STREET).astype(float) for p in (now, sent))
    np.testing.assert_allclose(out, np.abs(a - b).mean(1), rtol=1e-5)


def blocks(image: npt.NDArray[np.generic], tokens: tuple[int, int]) -> npt.NDArray[np.generic]:
    """A map (h·s, w·s, C) as (N, s², C)."""
    h, w = tokens
    s = image.shape[0] // h
    split = image.reshape(h, s, w, s, -1).transpose(0, 2, 1, 3, 4)
    return split.reshape(h * w, s * s, -1)


def test_what_is_read_of_a_token_by_hand() -> None:
    grid, tokens = STREET.grid, STREET.tokens
    now, sent = stem_features(STREET, 0), stem_features(STREET, 1)
    signed, size = (np.empty((tokens, STREET.stem[-1]), np.float32) for _ in "ab")
    token_change(now, sent, signed, size)
    gap = blocks(now - sent, grid)
    np.testing.assert_allclose(signed, gap.mean(1), atol=1e-5)
    np.testing.assert_allclose(size, np.abs(gap).mean(1), atol=1e-5)
    token_means(now, size)
    np.testing.assert_allclose(size, blocks(now, grid).mean(1), atol=1e-5)
    rgb, old = picture(STREET, 0), picture(STREET, 1)
    flow, age = random_map(2, STREET.height, STREET.width, 2), np.arange(tokens, dtype=np.float32)
    notes = np.empty((tokens, 5), np.float32)
    token_notes(rgb, old, flow, age, notes)
    difference = np.abs(blocks(rgb.astype(float) - old, grid))
    flows = blocks(flow, grid)
    expected = np.stack(
        [
            np.sqrt(difference.mean((1, 2))),
            np.sqrt(difference.max((1, 2)) / 4),
            np.sqrt(np.linalg.norm(flows.mean(1), axis=-1)),
            flows.var(1).sum(-1) ** 0.25,
            np.sqrt(np.minimum(age, 20)),
        ],
        1,
    )
    np.testing.assert_allclose(notes, expected, rtol=1e-3, atol=1e-3)


def test_blocks_are_copied_where_asked() -> None:
    target, source = np.zeros((8, 12, 2)), np.ones((8, 12, 2))
    put_blocks(target, source, np.array([1, 5]), 4)
    wanted = np.zeros((2, 3), bool)
    wanted.flat[[1, 5]] = True
    assert np.array_equal(target[..., 0] > 0, wanted.repeat(4, 0).repeat(4, 1))


def test_slow_drift_adds_up_in_the_judges_eyes() -> None:
    """One grey level a frame never moves by itself; against what was computed it shows."""
    view, judge = View(STREET), ErrorJudge(STREET)
    dark = np.full((STREET.height, STREET.width, 3), 50, np.uint8)
    logits = np.zeros((STREET.tokens, STREET.outputs), np.float32)
    features, flow = (
        stem_features(STREET, 0),
        np.zeros((STREET.height, STREET.width, 2), np.float32),
    )
    view.refresh(dark, features, logits, np.ones(STREET.tokens, bool))
    inside = np.zeros(STREET.grid, bool)
    inside[1:-1, 1:-1] = True  # windows at the edge also see outside, where nothing changes
    for step in range(1, 9):
        view.move(flow)
        change = judge.change(dark + np.uint8(step), features, flow, view)
        np.testing.assert_allclose(change[inside.ravel()], step, rtol=1e-6)
        assert (change[~inside.ravel()] < step).all()
