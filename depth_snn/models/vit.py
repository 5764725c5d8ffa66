"""The float twin: LayerNorm, GELU, softmax attention; same stem and decoder as the Loihi kind.

Its parameters are named like timm's VisionTransformer, so that timm's weights load by name.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from depth_snn.config import NetworkConfig
from depth_snn.errors import ConfigError
from depth_snn.models.decoder import Decoder
from depth_snn.models.stem import Stem, check_picture, embedding, init_linear, token_cells


class Attention(nn.Module):
    """Softmax attention through SDPA; q, k and v come from one matrix."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (B, N, C) to tokens (B, N, C)."""
        batch, tokens, dim = x.shape
        q, k, v = (
            self.qkv(x).view(batch, tokens, 3, self.heads, dim // self.heads)
            .permute(2, 0, 3, 1, 4)
        )  # fmt: skip
        if v.dtype is torch.bfloat16 and v.device.type == "cpu":
            # Only training gets here: torch's fused attention is slow in bfloat16 on CPUs, and
            # autocast would write the N×N scores a second time, in float32.
            with torch.autocast("cpu", enabled=False):
                y = ((q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)).softmax(-1) @ v
        else:
            y = functional.scaled_dot_product_attention(q, k, v)
        out: Tensor = self.proj(y.transpose(1, 2).reshape(batch, tokens, dim))
        return out


class Mlp(nn.Module):
    """Two linear layers with a GELU between them."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (..., C) to tokens (..., C)."""
        out: Tensor = self.fc2(functional.gelu(self.fc1(x)))
        return out


class TwinBlock(nn.Module):
    """One pre-norm encoder block (Dosovitskiy et al. 2021)."""

    def __init__(self, config: NetworkConfig, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.dim, eps=1e-6)
        self.attn = Attention(config.dim, heads)
        self.norm2 = nn.LayerNorm(config.dim, eps=1e-6)
        self.mlp = Mlp(config.dim, config.mlp)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (B, N, C) to tokens (B, N, C)."""
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class DepthViT(nn.Module):
    """Segmentation ViT in floats (DESIGN: `depth_vit`).

    Args:
        config: Shape of the network; heads times their width must be the width of the stream.

    Raises:
        ConfigError: if they are not.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        wrong = [h for h in config.heads if h * config.head_dim != config.dim]
        if wrong:
            raise ConfigError(
                f"network {config.name}: {wrong[0]} heads of {config.head_dim} do not make "
                f"{config.dim} channels, as a vit needs"
            )
        self.config = config
        self.stem = Stem(config)
        self.embed = embedding(config)
        self.pos_embed = nn.Parameter(Tensor(1, config.tokens, config.dim))
        self.blocks = nn.ModuleList(TwinBlock(config, heads) for heads in config.heads)
        self.norm = nn.LayerNorm(config.dim, eps=1e-6)
        self.decoder = Decoder(config)
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        self.blocks.apply(init_linear)

    def forward(self, rgb: Tensor) -> Tensor:
        """Logits of every token.

        Args:
            rgb: Pictures (B, 3, H, W), float grey levels 0–255.

        Returns:
            Logits (B, N, cells²·classes), cells in Z-order.
        """
        check_picture(rgb, self.config)
        levels = self.stem(rgb)
        x = self.embed(levels[-1]).flatten(2).transpose(1, 2) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        cells = [token_cells(f, i + 1, self.config) for i, f in enumerate(levels)]
        logits: Tensor = self.decoder(self.norm(x), cells)
        return logits
