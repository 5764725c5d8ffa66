"""Squares of pixels by which tokens are judged stale, and class maps from Z-ordered logits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from depth_snn.config import NetworkConfig
from depth_snn.models.stem import cells_to_image
from depth_snn.windows import STALE_MARGIN, class_map
from tests.unit.slow_stream import z_order
from tests.unit.small import DEEP, STREET, UNEVEN, noise
from tests.unit.token_windows import PAD_VALUE, token_windows


@pytest.mark.parametrize("config", [UNEVEN, DEEP], ids=lambda c: c.name)
def test_windows_are_squares_around_patches(config: NetworkConfig) -> None:
    (rgb,) = noise(config, 1)
    windows, side = token_windows(rgb, config), config.patch + 2 * STALE_MARGIN
    assert windows.shape == (config.tokens, side * side * 3)
    for token in range(config.tokens):
        row, column = divmod(token, config.grid[1])
        square = windows[token].reshape(side, side, 3)
        for y, x in ((0, 0), (STALE_MARGIN, STALE_MARGIN), (side - 1, 2), (side - 1, side - 1)):
            at = row * config.patch - STALE_MARGIN + y, column * config.patch - STALE_MARGIN + x
            inside = 0 <= at[0] < config.height and 0 <= at[1] < config.width
            assert square[y, x].tolist() == (rgb[at].tolist() if inside else [PAD_VALUE] * 3)


@pytest.mark.parametrize("config", [UNEVEN, DEEP, STREET], ids=lambda c: c.name)
@pytest.mark.parametrize("kind", [np.float32, np.int64])
def test_class_map_by_hand(config: NetworkConfig, kind: type) -> None:
    rng = np.random.default_rng(0)
    logits = rng.integers(-9, 10, (config.tokens, config.outputs)).astype(kind)  # with ties
    found = class_map(logits, config)
    assert found.shape == (config.height, config.width) and found.dtype == np.uint8
    cells, tokens = {}, logits.reshape(config.tokens, -1, config.classes)
    for token, values in enumerate(tokens):
        top, left = (config.cells * i for i in divmod(token, config.grid[1]))
        for cell, (row, column) in enumerate(z_order(len(config.stem))):
            cells[top + row, left + column] = values[cell].tolist()
    last_row, last_column = config.height // 2 - 1, config.width // 2 - 1
    for y, x in [*rng.integers(0, (config.height, config.width), (200, 2)).tolist(), [0, 0]]:
        total = [0] * config.classes
        for r, weight_r in ((y // 2, 3), (y // 2 + (1 if y % 2 else -1), 1)):
            for c, weight_c in ((x // 2, 3), (x // 2 + (1 if x % 2 else -1), 1)):
                place = min(max(r, 0), last_row), min(max(c, 0), last_column)
                total = [
                    t + weight_r * weight_c * v for t, v in zip(total, cells[place], strict=True)
                ]
        assert found[y, x] == total.index(max(total))


@pytest.mark.parametrize("config", [UNEVEN, DEEP, STREET], ids=lambda c: c.name)
def test_class_map_is_the_order_of_the_networks(config: NetworkConfig) -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(config.tokens, config.outputs)).astype(np.float32)
    cells = torch.from_numpy(logits).view(1, config.tokens, -1, config.classes)
    image = interpolate(cells_to_image(cells, config), scale_factor=2, mode="bilinear")
    assert np.array_equal(class_map(logits, config), image.argmax(1)[0].numpy())


def test_class_map_is_exact_in_large_integers(config: NetworkConfig = STREET) -> None:
    logits = np.full((config.tokens, config.outputs), 2**40, np.int64)
    logits[:, 3 :: config.classes] += 1  # one in 2^40: lost in float32
    assert (class_map(logits, config) == 3).all()
