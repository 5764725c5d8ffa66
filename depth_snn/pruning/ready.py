"""A network's parts made ready to run frame by frame: what never changes is worked out once.

Every value is computed in the order in which the network computes it, so that both round alike.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from depth_snn.models.norms import TokenNorm, batch_norm_affine
from depth_snn.models.stem import STRIDE, Stem
from depth_snn.models.vit_loihi import Block


class ReadyLevel:
    """One level of the stem on channels-last maps, several times faster than layer by layer.

    Args:
        stem: The stem in evaluation mode; its weights are read here, once.
        level: Number of the level, from 0.
    """

    def __init__(self, stem: Stem, level: int) -> None:
        weight, norm = stem.convs[level].weight, stem.norms[level]
        self.weight = weight.contiguous(memory_format=torch.channels_last)
        # Folded into the weights they would round otherwise than the network does.
        self.scale, self.shift = batch_norm_affine(norm)

    def __call__(self, x: Tensor) -> Tensor:
        """Features (1, C, h, w) of a map (1, C_in, h_in, w_in), channels last in memory."""
        raw = functional.conv2d(x, self.weight, None, STRIDE).permute(0, 2, 3, 1)
        normed = functional.relu_(torch.addcmul(self.shift, raw, self.scale))
        return normed.permute(0, 3, 1, 2)


class ReadyNorm:
    """A TokenNorm in evaluation as the affine map it is.

    Args:
        norm: The norm; its statistics are read here, once.
    """

    def __init__(self, norm: TokenNorm) -> None:
        self.scale, self.shift = norm.scale_shift()

    def __call__(self, x: Tensor) -> Tensor:
        """Tokens (..., C) to normalised tokens of the same shape."""
        return (x * self.scale).add_(self.shift)


class ReadyBlock:
    """An encoder block with q, k and v in one matrix.

    Args:
        block: The block in evaluation mode; its weights are read here, once.
    """

    def __init__(self, block: Block) -> None:
        self.heads, parts = block.heads, (block.q, block.k, block.v)
        self.inner = block.heads * block.head_dim
        self.weight = torch.cat([part.weight for part in parts])
        self.bias = torch.cat([part.bias for part in parts])
        self.norms = tuple(ReadyNorm(n) for n in (block.norm1, block.norm_y, block.norm2))
        self.block = block

    def qkv(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """φ(q) (n, H·d), and φ(k) beside v (n, 2·H·d), of tokens (n, C)."""
        z = functional.linear(self.norms[0](x), self.weight, self.bias)
        functional.relu_(z[:, : 2 * self.inner])
        return z[:, : self.inner], z[:, self.inner :]

    def finish(self, x: Tensor, y: Tensor) -> Tensor:
        """Output of the block from its input x (n, C) and the attention's result y (n, H·d)."""
        x = x + self.block.proj(self.norms[1](y))
        hidden = functional.relu_(self.block.fc1(self.norms[2](x)))
        out: Tensor = x + self.block.fc2(hidden)
        return out
