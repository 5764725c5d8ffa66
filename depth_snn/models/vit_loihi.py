"""The Loihi kind of ViT: ReLU, foldable BatchNorm, ReLU linear attention.

Every operation works on one token at a time except the attention state S = Σ kᵢ vᵢᵀ, so a token
that is not computed costs nothing, and a token that changes replaces its own term in S.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from depth_snn.config import NetworkConfig

INPUT_OFFSET = 128
"""Grey level that the network sees as zero."""
INPUT_SCALE = 64.0
"""Grey levels per unit of network input."""


class TokenNorm(nn.BatchNorm1d):
    """BatchNorm over the channels of tokens (..., C); in evaluation it is one affine map."""

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (..., C) to normalised tokens of the same shape."""
        if not self.training:
            scale, shift = self.scale_shift()
            return x * scale + shift
        return super().forward(x.reshape(-1, x.shape[-1])).reshape(x.shape)

    def scale_shift(self) -> tuple[Tensor, Tensor]:
        """Scale and shift, each (C,), that the layer applies in evaluation."""
        assert self.running_mean is not None and self.running_var is not None
        scale = self.weight / torch.sqrt(self.running_var + self.eps)
        return scale, self.bias - self.running_mean * scale


class Block(nn.Module):
    """One encoder block: attention and MLP, each with a residual connection."""

    def __init__(self, config: NetworkConfig, heads: int) -> None:
        super().__init__()
        inner = heads * config.head_dim
        self.heads, self.head_dim = heads, config.head_dim
        self.norm1 = TokenNorm(config.dim)
        self.q = nn.Linear(config.dim, inner)
        self.k = nn.Linear(config.dim, inner)
        self.v = nn.Linear(config.dim, inner)
        self.norm_y = TokenNorm(inner)
        self.proj = nn.Linear(inner, config.dim)
        self.norm2 = TokenNorm(config.dim)
        self.fc1 = nn.Linear(config.dim, config.mlp)
        self.fc2 = nn.Linear(config.mlp, config.dim)

    def qkv(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """φ(q), φ(k) and v of tokens (..., C), each (..., H·d)."""
        z = self.norm1(x)
        return functional.relu(self.q(z)), functional.relu(self.k(z)), self.v(z)

    def finish(self, x: Tensor, y: Tensor) -> Tensor:
        """Output of the block from its input x (..., C) and the attention's result y (..., H·d)."""
        x = x + self.proj(self.norm_y(y))
        return x + self.fc2(functional.relu(self.fc1(self.norm2(x))))

    def forward(self, x: Tensor, attention: str = "linear") -> Tensor:
        """Tokens (B, N, C) to tokens (B, N, C), all of them computed."""
        batch, tokens, _ = x.shape
        q, k, v = (z.view(batch, tokens, self.heads, self.head_dim).transpose(1, 2)
                   for z in self.qkv(x))  # fmt: skip
        if attention == "sdpa":
            y = functional.scaled_dot_product_attention(q, k, v)
        else:
            y = q @ (k.transpose(-2, -1) @ v) / tokens
        return self.finish(x, y.transpose(1, 2).reshape(batch, tokens, -1))


class DepthViTLoihi(nn.Module):
    """Segmentation ViT that converts to Loihi arithmetic (DESIGN: `depth_vit_loihi`).

    Args:
        config: Shape of the network.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Linear(config.inputs, config.dim)
        self.position = nn.Parameter(torch.zeros(config.tokens, config.dim))
        self.blocks = nn.ModuleList(Block(config, heads) for heads in config.heads)
        self.norm = TokenNorm(config.dim)
        self.head = nn.Linear(config.dim, config.outputs)
        nn.init.normal_(self.position, std=0.02)

    def forward(self, windows: Tensor, attention: str = "linear") -> Tensor:
        """Logits of every token.

        Args:
            windows: Pixels (B, N, P), float grey levels 0–255.
            attention: ``"linear"`` is the network; ``"sdpa"`` runs softmax attention on the same
                weights, as the yardstick of time.

        Returns:
            Logits (B, N, cells·cells·classes).
        """
        x = self.embed((windows - INPUT_OFFSET) / INPUT_SCALE) + self.position
        for block in self.blocks:
            x = block(x, attention)
        return self.head(self.norm(x))


def logits_to_image(logits: Tensor, config: NetworkConfig) -> Tensor:
    """Token logits (B, N, cells·cells·classes) to a class map (B, classes, h·cells, w·cells)."""
    (h, w), c = config.grid, config.cells
    x = logits.view(-1, h, w, c, c, config.classes)
    return x.permute(0, 5, 1, 3, 2, 4).reshape(-1, config.classes, h * c, w * c)
