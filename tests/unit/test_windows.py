"""Squares of pixels by which tokens are judged stale, and class maps from Z-ordered logits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from depth_snn.config import NetworkConfig
from depth_snn.models.stem import cells_to_image
from depth_snn.windows import PAD_VALUE, STALE_MARGIN, class_map, token_windows
from tests.unit.slow_stream import z_order
from tests.unit.small import DEEP, STREET, UNEVEN, noise


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
    found, pixels = class_map(logits, config), config.patch // config.cells
    assert found.shape == (config.height, config.width) and found.dtype == np.uint8
    cells = logits.reshape(config.tokens, -1, config.classes)
    for token in {0, 1, config.grid[1], config.tokens - 1}:
        top, left = (config.patch * i for i in divmod(token, config.grid[1]))
        for cell, (row, column) in enumerate(z_order(len(config.stem))):
            values = cells[token, cell].tolist()
            y, x = top + row * pixels, left + column * pixels
            square = found[y : y + pixels, x : x + pixels]
            assert (square == values.index(max(values))).all()


@pytest.mark.parametrize("config", [UNEVEN, DEEP, STREET], ids=lambda c: c.name)
def test_class_map_is_the_order_of_the_networks(config: NetworkConfig) -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(config.tokens, config.outputs)).astype(np.float32)
    cells = torch.from_numpy(logits).view(1, config.tokens, -1, config.classes)
    image = cells_to_image(cells, config).argmax(1)[0].numpy()
    side = config.height // image.shape[0]
    assert np.array_equal(class_map(logits, config), image.repeat(side, 0).repeat(side, 1))
