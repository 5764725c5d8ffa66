"""Where in the stem's maps each token's positions lie, so that only open tokens are gathered."""

from __future__ import annotations

import torch
from torch import Tensor

from depth_snn.config import NetworkConfig
from depth_snn.models.stem import KERNEL, level_shape, token_cells, token_patches


def cell_positions(config: NetworkConfig, level: int) -> Tensor:
    """Flat positions in a level's map of each token's cells (N, P), in Z-order."""
    return token_cells(_numbered(config, level), level, config)[0, :, :, 0].long()


def patch_positions(config: NetworkConfig) -> Tensor:
    """Flat positions in the coarsest map of what each token's embedding sees (N, 16), row-major."""
    patches = token_patches(_numbered(config, len(config.stem)), config)
    return patches.view(config.tokens, KERNEL * KERNEL).long()


def take(level_map: Tensor, positions: Tensor, rows: Tensor) -> Tensor:
    """Features of some tokens' positions.

    Args:
        level_map: One level (1, C, h, w), channels last in memory.
        positions: Of every token (N, P).
        rows: Numbers of the tokens (n,).

    Returns:
        (n, P, C).
    """
    wanted = positions.index_select(0, rows)
    flat = level_map.permute(0, 2, 3, 1).flatten(0, 2)
    return flat.index_select(0, wanted.view(-1)).view(*wanted.shape, flat.shape[-1])


def _numbered(config: NetworkConfig, level: int) -> Tensor:
    """A level's map (1, 1, h, w) whose values are its own flat positions, exact as doubles."""
    height, width = level_shape(config, level)
    return torch.arange(height * width).double().view(1, 1, height, width)
