"""A network's blocks made ready to run on few tokens: what never changes is worked out once."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from depth_snn.models.norms import TokenNorm
from depth_snn.models.vit_loihi import Block


class ReadyNorm:
    """A TokenNorm in evaluation as the affine map it is.

    Args:
        norm: The norm; its statistics are read here, once.
    """

    def __init__(self, norm: TokenNorm) -> None:
        self.scale, self.shift = norm.scale_shift()

    def __call__(self, x: Tensor) -> Tensor:
        """Tokens (..., C) to normalised tokens of the same shape."""
        return torch.addcmul(self.shift, x, self.scale)


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
