"""Where each token's positions lie in the stem's maps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from depth_snn.config import NetworkConfig
from depth_snn.models.stem import Stem, token_cells, token_patches
from depth_snn.pruning.gather import cell_positions, patch_positions, take
from tests.unit.slow_stream import z_order
from tests.unit.small import DEEP, STREET, UNEVEN, noise, pictures


@pytest.mark.parametrize("config", [UNEVEN, DEEP, STREET], ids=lambda c: c.name)
def test_where_a_tokens_positions_lie(config: NetworkConfig) -> None:
    """By hand: cells lie within a token's own patch, the embedding sees one more around it."""
    for level in range(1, len(config.stem) + 1):
        depth = len(config.stem) + 1 - level
        crop, across = 2**depth - 1, config.width // 2**level + 2 * (2**depth - 1)
        found = cell_positions(config, level).tolist()
        for token in (0, 1, config.grid[1], config.tokens - 1):
            top, left = (2**depth * i + crop for i in divmod(token, config.grid[1]))
            wanted = [(top + r) * across + left + c for r, c in z_order(depth)]
            assert found[token] == wanted
    across, found = config.width // 2 ** len(config.stem) + 2, patch_positions(config).tolist()
    for token in (0, config.tokens - 1):
        top, left = (2 * i for i in divmod(token, config.grid[1]))
        assert found[token] == [(top + r) * across + left + c for r, c in np.ndindex(4, 4)]


@torch.no_grad()
@pytest.mark.parametrize("config", [UNEVEN, DEEP], ids=lambda c: c.name)
def test_taking_rows_is_sorting_the_map_and_choosing(config: NetworkConfig) -> None:
    levels = Stem(config).eval()(pictures(*noise(config, 1)))
    rows = torch.tensor([1, 4, 5])
    for index, level in enumerate(levels):
        wanted = token_cells(level, index + 1, config)[0, rows]
        assert torch.equal(take(level, cell_positions(config, index + 1), rows), wanted)
    seen = take(levels[-1], patch_positions(config), rows)
    channels_first = seen.transpose(1, 2).flatten(1)
    assert torch.equal(channels_first, token_patches(levels[-1], config)[0, rows])
