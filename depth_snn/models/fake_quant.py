"""The Loihi kind of network through the rounding of its integer graph, with gradients.

Weights are folded with their norms and rounded to 8 bits with one step per matrix; activations are
clipped to their range and rounded to the levels that the graph's encoders have. Gradients pass
straight through the rounding (Bengio et al. 2013). The graph chooses steps a power of two apart,
so it may be up to a factor of two coarser than what is simulated here.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from depth_snn.models.norms import TokenNorm
from depth_snn.models.stem import (
    INPUT_OFFSET,
    INPUT_SCALE,
    STRIDE,
    token_cells,
)
from depth_snn.models.vit_loihi import Block, DepthViTLoihi

WEIGHT_LEVELS = 127
LEVELS = {
    "stem": 511, "residual": 2047, "qkv": 127, "y": 255, "hidden": 255, "decoder": 511,
}  # fmt: skip
"""Largest integer of each kind of encoder, as `conversion.quant_config` has them."""


def rounded(x: Tensor, step: Tensor | float) -> Tensor:
    """Nearest multiple of ``step``; its gradient is that of the identity."""
    return x + (torch.round(x / step) * step - x).detach()


def rounded_weight(weight: Tensor) -> Tensor:
    """A matrix with 255 levels between its largest magnitudes."""
    step = weight.detach().abs().max().clamp(min=1e-9) / WEIGHT_LEVELS
    return rounded(weight, step)


class FakeQuant:
    """Runs a network through rounding.

    Args:
        model: Network whose norms use their running statistics.
    """

    def __init__(self, model: DepthViTLoihi) -> None:
        self.model = model
        self.ranges: dict[str, float] = {}
        self.learning = False

    @torch.no_grad()
    def calibrate(self, rgb: Tensor) -> None:
        """Widen the ranges of activations by what pictures (B, 3, H, W) show."""
        self.learning = True
        self(rgb)
        self.learning = False

    def __call__(self, rgb: Tensor) -> Tensor:
        """Logits of every token (B, N, cells²·classes), as the model gives them."""
        model, config = self.model, self.model.config
        x = functional.pad((rgb - INPUT_OFFSET) / INPUT_SCALE, (config.margin,) * 4)
        cells = []
        for index in range(len(config.stem)):
            weight, bias = model.stem.folded(index)
            x = functional.conv2d(x, rounded_weight(weight), bias, STRIDE)
            x = self._encode(f"stem{index}", functional.relu(x), "stem")
            cells.append(token_cells(x, index + 1, config))
        x = functional.conv2d(x, rounded_weight(model.embed.weight), model.embed.bias, STRIDE)
        x = self._encode("embed", x.flatten(2).transpose(1, 2) + model.position, "residual")
        for index, block in enumerate(model.blocks):
            x = self._block(f"block{index}", block, x)
        return self._decode(x, cells)

    def _encode(self, name: str, x: Tensor, kind: str) -> Tensor:
        if self.learning:
            peak = float(torch.quantile(x.detach().float().abs().flatten()[::7], 0.9999))
            self.ranges[name] = max(self.ranges.get(name, 1e-9), peak)
            return x
        top = self.ranges[name]
        return rounded(x.clamp(-top, top), top / LEVELS[kind])

    def _linear(
        self, x: Tensor, weight: Tensor, bias: Tensor | None, norm: TokenNorm | None = None
    ) -> Tensor:
        if norm is not None:
            scale, shift = norm.scale_shift()
            moved = weight @ shift
            bias = moved if bias is None else bias + moved
            weight = weight * scale
        return functional.linear(x, rounded_weight(weight), bias)

    def _block(self, name: str, block: Block, x: Tensor) -> Tensor:
        batch, tokens, _ = x.shape
        parts = []
        for part in ("q", "k", "v"):
            layer = getattr(block, part)
            z = self._linear(x, layer.weight, layer.bias, block.norm1)
            z = z if part == "v" else functional.relu(z)
            z = self._encode(f"{name}.{part}", z, "qkv")
            parts.append(z.view(batch, tokens, block.heads, block.head_dim).transpose(1, 2))
        q, k, v = parts
        y = q @ (k.transpose(-2, -1) @ v / tokens)
        y = self._encode(f"{name}.y", y.transpose(1, 2).reshape(batch, tokens, -1), "y")
        x = x + self._linear(y, block.proj.weight, block.proj.bias, block.norm_y)
        x = self._encode(f"{name}.mid", x, "residual")
        h = functional.relu(self._linear(x, block.fc1.weight, block.fc1.bias, block.norm2))
        h = self._encode(f"{name}.h", h, "hidden")
        x = x + self._linear(h, block.fc2.weight, block.fc2.bias)
        return self._encode(f"{name}.out", x, "residual")

    def _decode(self, x: Tensor, cells: list[Tensor]) -> Tensor:
        decoder, config = self.model.decoder, self.model.config
        shape = (*x.shape[:-1], config.cells**2, config.decoder)
        token = decoder.token
        total = self._linear(x, token.weight, token.bias, self.model.norm).reshape(shape)
        for skip, seen in zip(decoder.skips, cells, strict=True):
            total = total + self._linear(seen, skip.weight, None).reshape(shape)
        hidden = self._encode("decoder", functional.relu(total), "decoder")
        return self._linear(hidden, decoder.classes.weight, decoder.classes.bias).flatten(-2)
