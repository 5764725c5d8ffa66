"""The convolution stem: every level halves the picture; the last convolution makes the tokens.

All convolutions are 4×4 with stride 2 and without padding; only the picture is padded, once, by
``config.margin`` grey pixels. So a position at any level depends on pixels alone, never on
padded features, and what a token sees is a square of pixels centred on its patch: it can be
computed for the whole picture or token by token with the same result.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from depth_snn.config import NetworkConfig
from depth_snn.models.norms import batch_norm_affine

KERNEL, STRIDE = 4, 2
INPUT_OFFSET = 128
"""Grey level that the network sees as zero; padding has it too."""
INPUT_SCALE = 64.0
"""Grey levels per unit of network input."""


def level_shape(config: NetworkConfig, level: int) -> tuple[int, int]:
    """Rows and columns of a level: 0 is the padded picture, 1 the first convolution's output."""
    extra = 2 * level_crop(config, level)
    return config.height // 2**level + extra, config.width // 2**level + extra


def level_crop(config: NetworkConfig, level: int) -> int:
    """Rows and columns around a level's positions that belong to no token."""
    return int(2 ** (len(config.stem) + 1 - level)) - 1


class Stem(nn.Module):
    """Convolution, BatchNorm, ReLU for each level.

    Args:
        config: Shape of the network.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        channels = (3, *config.stem)
        self.convs = nn.ModuleList(
            nn.Conv2d(i, o, KERNEL, STRIDE, bias=False) for i, o in pairwise(channels)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(o) for o in config.stem)

    def forward(self, rgb: Tensor) -> list[Tensor]:
        """Features of every level.

        Args:
            rgb: Pictures (B, 3, H, W), float grey levels 0–255.

        Returns:
            One tensor (B, C, h, w) per level, finest first; see :func:`level_shape`.
        """
        x = (rgb - INPUT_OFFSET) / INPUT_SCALE
        x = functional.pad(x, (self.config.margin,) * 4)
        levels = []
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = functional.relu(self._normed(conv(x), norm))
            levels.append(x)
        return levels

    def _normed(self, x: Tensor, norm: nn.BatchNorm2d) -> Tensor:
        if self.training:
            out: Tensor = norm(x)
            return out
        # One affine map, as the pruned stream computes it, so that both round alike.
        scale, shift = batch_norm_affine(norm)
        return torch.addcmul(shift[:, None, None], x, scale[:, None, None])

    def folded(self, level: int) -> tuple[Tensor, Tensor]:
        """Weight (C_out, C_in, 4, 4) and bias (C_out,) of a level with its norm folded in."""
        scale, shift = batch_norm_affine(self.norms[level])
        return self.convs[level].weight * scale[:, None, None, None], shift


def token_patches(coarse: Tensor, config: NetworkConfig) -> Tensor:
    """What the embedding sees of the coarsest level, one row per token.

    Args:
        coarse: The last level of :class:`Stem` (B, C, h, w).
        config: Shape of the network.

    Returns:
        (B, N, 16·C), ordered like a convolution weight: channel, row, column.
    """
    columns = functional.unfold(coarse, KERNEL, stride=STRIDE)
    assert columns.shape[-1] == config.tokens
    return columns.transpose(1, 2)


def token_cells(level_map: Tensor, level: int, config: NetworkConfig) -> Tensor:
    """A level's positions sorted by the token they belong to.

    Args:
        level_map: Features (B, C, h, w) of level ``level`` (1 is the finest).
        level: Number of the level.
        config: Shape of the network.

    Returns:
        (B, N, P, C) with P positions per token in Z-order: the four children of a coarse
        position are neighbours, so a value of level l + 1 covers four consecutive ones of level l.
    """
    crop = level_crop(config, level)
    inner = level_map[:, :, crop:-crop, crop:-crop] if crop else level_map
    batch, channels = inner.shape[:2]
    (h, w), depth = config.grid, len(config.stem) + 1 - level
    split = inner.reshape(batch, channels, h, *(2,) * depth, w, *(2,) * depth)
    rows, columns = range(3, 3 + depth), range(4 + depth, 4 + 2 * depth)
    zigzag = [axis for pair in zip(rows, columns, strict=True) for axis in pair]
    order = (0, 2, 3 + depth, *zigzag, 1)
    return split.permute(order).reshape(batch, config.tokens, 4**depth, channels)


def cells_to_image(cells: Tensor, config: NetworkConfig) -> Tensor:
    """Values of cells in Z-order (B, N, cells², C) to a map (B, C, h·cells, w·cells)."""
    (h, w), depth = config.grid, len(config.stem)
    batch, channels = cells.shape[0], cells.shape[-1]
    split = cells.reshape(batch, h, w, *(2,) * (2 * depth), channels)
    rows = [3 + 2 * k for k in range(depth)]
    columns = [4 + 2 * k for k in range(depth)]
    order = (0, 3 + 2 * depth, 1, *rows, 2, *columns)
    return split.permute(order).reshape(batch, channels, h * config.cells, w * config.cells)


def check_picture(rgb: Tensor, config: NetworkConfig) -> None:
    """Refuse pictures of another size than the network's.

    Raises:
        ValueError: naming both sizes.
    """
    wanted = (3, config.height, config.width)
    if tuple(rgb.shape[1:]) != wanted:
        raise ValueError(f"pictures of shape {tuple(rgb.shape[1:])}, the network takes {wanted}")


def embedding(config: NetworkConfig) -> nn.Conv2d:
    """The convolution that makes one token of 4×4 positions of the coarsest level."""
    return nn.Conv2d(config.stem[-1], config.dim, KERNEL, STRIDE)


@torch.no_grad()
def init_linear(module: nn.Module) -> None:
    """Truncated normal of 0.02 for Linear layers, zero biases: how ViTs usually start."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
