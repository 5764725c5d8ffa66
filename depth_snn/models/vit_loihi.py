"""The Loihi kind of ViT: ReLU, foldable BatchNorm, ReLU linear attention.

Behind the stem every operation works on one token at a time except the attention state
S = Σ kᵢ vᵢᵀ, so a token that is not computed costs nothing, and a token that changes replaces its
own term in S.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from depth_snn.config import NetworkConfig
from depth_snn.models.decoder import Decoder
from depth_snn.models.norms import TokenNorm
from depth_snn.models.stem import Stem, check_picture, embedding, init_linear, token_cells


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
            y = q @ (k.transpose(-2, -1) @ v / tokens)
        return self.finish(x, y.transpose(1, 2).reshape(batch, tokens, -1))


class DepthViTLoihi(nn.Module):
    """Segmentation ViT that converts to Loihi arithmetic (DESIGN: `depth_vit_loihi`).

    Args:
        config: Shape of the network.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.stem = Stem(config)
        self.embed = embedding(config)
        self.position = nn.Parameter(Tensor(config.tokens, config.dim))
        self.blocks = nn.ModuleList(Block(config, heads) for heads in config.heads)
        self.norm = TokenNorm(config.dim)
        self.decoder = Decoder(config)
        nn.init.trunc_normal_(self.position, std=0.02)
        self.blocks.apply(init_linear)

    def tokens(self, rgb: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Embedded tokens (B, N, C) and the stem's cells by level of pictures (B, 3, H, W)."""
        check_picture(rgb, self.config)
        levels = self.stem(rgb)
        x = self.embed(levels[-1]).flatten(2).transpose(1, 2) + self.position
        return x, [token_cells(f, i + 1, self.config) for i, f in enumerate(levels)]

    def forward(self, rgb: Tensor, attention: str = "linear") -> Tensor:
        """Logits of every token.

        Args:
            rgb: Pictures (B, 3, H, W), float grey levels 0–255.
            attention: ``"linear"`` is the network; ``"sdpa"`` runs softmax attention on the same
                weights, as the yardstick of time.

        Returns:
            Logits (B, N, cells²·classes), cells in Z-order.
        """
        x, cells = self.tokens(rgb)
        for block in self.blocks:
            x = block(x, attention)
        logits: Tensor = self.decoder(self.norm(x), cells)
        return logits
