"""From tokens back to cells: what the token says, plus what the stem saw at each cell."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from depth_snn.config import NetworkConfig


class Decoder(nn.Module):
    """Per token and cell, ReLU of a sum of linear maps, then the classes; no token sees another.

    Args:
        config: Shape of the network.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        cells = config.cells**2
        self.token = nn.Linear(config.dim, cells * config.decoder)
        # Level l has one position per 4^(l−1) cells and speaks to each of them separately.
        self.skips = nn.ModuleList(
            nn.Linear(channels, 4**index * config.decoder, bias=False)
            for index, channels in enumerate(config.stem)
        )
        self.classes = nn.Linear(config.decoder, config.classes)

    def forward(self, x: Tensor, cells: list[Tensor]) -> Tensor:
        """Logits of tokens.

        Args:
            x: Normalised tokens (..., C).
            cells: Stem features of the same tokens by level (..., P, C_level), in Z-order.

        Returns:
            Logits (..., cells²·classes): cells in Z-order, classes innermost.
        """
        shape = (*x.shape[:-1], self.config.cells**2, self.config.decoder)
        total = self.token(x).reshape(shape)
        for skip, seen in zip(self.skips, cells, strict=True):
            total = total + skip(seen).reshape(shape)
        logits: Tensor = self.classes(functional.relu(total))
        return logits.flatten(-2)
