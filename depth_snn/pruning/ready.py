"""A network's parts made ready to run frame by frame: what never changes is worked out once.

Every value is computed in the order in which the network computes it, so that both round alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from depth_snn.errors import ConfigError
from depth_snn.models.build import Network
from depth_snn.models.norms import TokenNorm, batch_norm_affine
from depth_snn.models.stem import STRIDE, Stem
from depth_snn.models.vit import DepthViT, TwinBlock
from depth_snn.models.vit_loihi import Block, DepthViTLoihi
from depth_snn.pruning.gather import cell_positions, patch_positions, take


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


class Encoder(Protocol):
    """An encoder block around its attention.

    Attributes:
        heads: Heads H.
        inner: Channels of all heads together, H·d.
    """

    heads: int
    inner: int

    def qkv(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Queries (n, H·d), and keys beside values (n, 2·H·d), of tokens (n, C)."""

    def finish(self, x: Tensor, y: Tensor) -> Tensor:
        """Output of the block from its input x (n, C) and the attention's result y (n, H·d)."""


class ReadyBlock:
    """An encoder block of the Loihi kind with q, k and v in one matrix.

    Args:
        block: The block in evaluation mode; its weights are read here, once.
        tokens: Tokens of a whole picture.
    """

    def __init__(self, block: Block, tokens: int) -> None:
        self.heads, parts = block.heads, (block.q, block.k, block.v)
        self.inner = block.heads * block.head_dim
        self.weight = torch.cat([part.weight for part in parts])
        self.bias = torch.cat([part.bias for part in parts])
        self.norms = tuple(ReadyNorm(n) for n in (block.norm1, block.norm_y, block.norm2))
        self.block, self.tokens = block, tokens
        # With the norms in front of them folded in: six passes over the tokens less.
        pairs = ((self.weight, self.bias), *((m.weight, m.bias) for m in (block.proj, block.fc1)))
        self.folded = [_folded(*pair, n) for pair, n in zip(pairs, self.norms, strict=True)]

    def qkv(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """φ(q) (n, H·d), and φ(k) beside v (n, 2·H·d), of tokens (n, C)."""
        if len(x) == self.tokens:  # as the dense network does, so that both round alike
            z = functional.linear(self.norms[0](x), self.weight, self.bias)
        else:
            z = functional.linear(x, *self.folded[0])
        functional.relu_(z[:, : 2 * self.inner])
        return z[:, : self.inner], z[:, self.inner :]

    def finish(self, x: Tensor, y: Tensor) -> Tensor:
        """Output of the block from its input x (n, C) and the attention's result y (n, H·d)."""
        if len(x) == self.tokens:
            x = x + self.block.proj(self.norms[1](y))
            hidden = functional.relu_(self.block.fc1(self.norms[2](x)))
        else:
            x = functional.linear(y, *self.folded[1]).add_(x)
            hidden = functional.relu_(functional.linear(x, *self.folded[2]))
        out: Tensor = self.block.fc2(hidden).add_(x)
        return out


def _folded(weight: Tensor, bias: Tensor, norm: ReadyNorm) -> tuple[Tensor, Tensor]:
    """Weight and bias of a linear map with the affine map before it folded in."""
    return weight * norm.scale, bias + weight @ norm.shift


class ReadyTwinBlock:
    """An encoder block of the float twin; its matrix of q, k and v is one already.

    Args:
        block: The block in evaluation mode.
    """

    def __init__(self, block: TwinBlock) -> None:
        self.heads, self.inner = block.attn.heads, block.attn.proj.in_features
        self.block = block

    def qkv(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Queries (n, H·d), and keys beside values (n, 2·H·d), of tokens (n, C)."""
        z = self.block.attn.qkv(self.block.norm1(x))
        return z[:, : self.inner], z[:, self.inner :]

    def finish(self, x: Tensor, y: Tensor) -> Tensor:
        """Output of the block from its input x (n, C) and the attention's result y (n, H·d)."""
        x = x + self.block.attn.proj(y)
        out: Tensor = x + self.block.mlp(self.block.norm2(x))
        return out


class ReadyNetwork:
    """A whole network of either kind, made ready once for any number of streams.

    Args:
        model: Network in evaluation mode; its weights are read here, once.

    Raises:
        ConfigError: if its shape names another kind than it is.
    """

    @torch.inference_mode()
    def __init__(self, model: Network) -> None:
        self.config = model.config
        kind = "vit" if isinstance(model, DepthViT) else "loihi"
        if kind != self.config.kind:
            raise ConfigError(
                f"network {self.config.name}: its shape says kind {self.config.kind!r}, but it is "
                f"built as {kind!r}; build it with build_network"
            )
        levels = range(len(self.config.stem))
        self.levels = [ReadyLevel(model.stem, level) for level in levels]
        self.patches = patch_positions(self.config)
        self.cells = [cell_positions(self.config, level + 1) for level in levels]
        self.embedding = model.embed
        self.rows = model.embed.weight.permute(0, 2, 3, 1).flatten(1).contiguous()
        self.decoder = model.decoder
        self.blocks: list[Encoder]
        self.norm: Callable[[Tensor], Tensor]
        if isinstance(model, DepthViT):
            self.position = model.pos_embed[0]
            self.blocks, self.norm = [ReadyTwinBlock(b) for b in model.blocks], model.norm
        else:
            self.position = model.position
            self.blocks, self.norm = self._loihi_blocks(model), ReadyNorm(model.norm)

    def _loihi_blocks(self, model: DepthViTLoihi) -> list[Encoder]:
        return [ReadyBlock(block, self.config.tokens) for block in model.blocks]

    def embedded(self, coarse: Tensor, rows: Tensor) -> Tensor:
        """Tokens with their positions.

        Args:
            coarse: The stem's last level (1, C, h, w).
            rows: Numbers of the tokens (n,).

        Returns:
            (n, dim).
        """
        if rows.numel() == self.config.tokens:
            # As the dense network does, so that both round alike.
            x = self.embedding(coarse).flatten(2).transpose(1, 2)[0].index_select(0, rows)
        else:
            seen = take(coarse, self.patches, rows).flatten(1)
            x = functional.linear(seen, self.rows, self.embedding.bias)
        out: Tensor = x + self.position.index_select(0, rows)
        return out

    def decoded(self, levels: list[Tensor], x: Tensor, rows: Tensor) -> Tensor:
        """Logits (n, cells²·classes) of tokens whose last features are x (n, dim)."""
        seen = [take(*pair, rows) for pair in zip(levels, self.cells, strict=True)]
        out: Tensor = self.decoder(self.norm(x), seen)
        return out
