"""BatchNorm over the channels of tokens or positions; in evaluation one affine map that folds."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class TokenNorm(nn.BatchNorm1d):
    """BatchNorm over the last axis (..., C)."""

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (..., C) to normalised tokens of the same shape."""
        if not self.training:
            scale, shift = self.scale_shift()
            return x * scale + shift
        return super().forward(x.reshape(-1, x.shape[-1])).reshape(x.shape)

    def scale_shift(self) -> tuple[Tensor, Tensor]:
        """Scale and shift, each (C,), that the layer applies in evaluation."""
        return batch_norm_affine(self)


def batch_norm_affine(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Scale and shift, each (C,), of a BatchNorm in evaluation."""
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return scale, norm.bias - norm.running_mean * scale
