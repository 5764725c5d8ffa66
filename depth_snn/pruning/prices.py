"""Multiply-accumulates of one token in one stage, and of a frame's stem, by category.

Plain integers. An affine norm costs one MAC per channel of a token, a score one per channel; norms
behind the stem's convolutions fold into them. Activations, additions of residuals and comparisons
are not MACs and are not charged. Changing a token's term in the attention state costs two outer
products (old out, new in). The stem runs for the whole picture, the margin around it included.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from depth_snn.config import NetworkConfig

CATEGORIES = (
    "motion", "gate", "score", "stem", "embed", "norm", "qkv", "attention", "projection", "mlp",
    "decoder",
)  # fmt: skip
"""Categories of the ledger; every executed MAC falls in exactly one."""
KERNEL_AREA = 16
"""Positions that a convolution of the stem, or the embedding, sees."""


@dataclass(frozen=True)
class Prices:
    """MACs per token of every stage, and of what every frame runs.

    Attributes:
        tokens: Number of tokens N.
        stages: For each stage, MACs of one computed token by category.
        fixed: MACs that every frame executes whatever is open, by category.
        dense: MACs of the whole network on one frame, nothing pruned, by category.
    """

    tokens: int
    stages: tuple[dict[str, int], ...]
    fixed: dict[str, int]
    dense: dict[str, int]

    def fixed_macs(self) -> int:
        """MACs that every frame executes whatever is open."""
        return sum(self.fixed.values())

    def per_stage(self) -> npt.NDArray[np.int64]:
        """MACs of one token in each stage, all categories, shape (S,)."""
        return np.array([sum(stage.values()) for stage in self.stages], np.int64)

    def own_per_stage(self) -> npt.NDArray[np.int64]:
        """Lower bound of the MACs one token executes in each stage, shape (S,).

        Where all tokens of a stage run, the attention state is built anew at two thirds of its
        price, so that much is certain.
        """
        rebate = [stage.get("attention", 0) // 3 for stage in self.stages]
        return self.per_stage() - np.array(rebate, np.int64)

    def executed(self, computed: npt.NDArray[np.int64]) -> dict[str, int]:
        """MACs by category of a frame in which ``computed`` (S,) tokens run in each stage."""
        out = dict.fromkeys(CATEGORIES, 0) | self.fixed
        for category, row in self.executed_by_stage(computed).items():
            out[category] += int(row.sum())
        return out

    def executed_by_stage(
        self, computed: npt.NDArray[np.int64]
    ) -> dict[str, npt.NDArray[np.int64]]:
        """MACs by category and stage, each (S,), without what every frame runs.

        Where all tokens run, the attention state is built anew: one outer product per token, not
        the two that the price charges.

        Args:
            computed: Tokens that run in each stage (S,).
        """
        out = {category: np.zeros(len(self.stages), np.int64) for category in CATEGORIES}
        for index, count in enumerate(computed.tolist()):
            for category, macs in self.stages[index].items():
                rebuilt = category == "attention" and count == self.tokens
                out[category][index] = (macs // 3 * 2 if rebuilt else macs) * count
        return out

    def dense_macs(self) -> int:
        """MACs of one dense frame."""
        return sum(self.dense.values())


def prices_of(config: NetworkConfig, *, scored: bool) -> Prices:
    """Prices of a network.

    Args:
        config: Its shape, with the heads that are left.
        scored: Whether tokens are scored for cutting.
    """
    score = config.dim if scored else 0
    stages = [{"embed": KERNEL_AREA * config.stem[-1] * config.dim, "score": score}]
    stages += [_block(config, heads) | {"score": score} for heads in config.heads]
    stages[-1]["score"] = 0  # no block follows, so nothing is scored behind the last one
    stages[-1]["norm"] += config.dim
    stages[-1]["decoder"] = _decoder(config)
    fixed = {"stem": _stem(config)}
    dense = dict.fromkeys(CATEGORIES, 0) | fixed
    for stage in stages:
        for category, macs in stage.items():
            # A dense network builds its attention state anew and scores nothing.
            per_token = {"attention": macs // 3 * 2, "score": 0}.get(category, macs)
            dense[category] += per_token * config.tokens
    return Prices(config.tokens, tuple(stages), fixed, dense)


def _stem(config: NetworkConfig) -> int:
    """MACs of the stem on one picture: every position of every level, those at the margin too."""
    macs, height, width = 0, config.height + 2 * config.margin, config.width + 2 * config.margin
    for entering, leaving in pairwise((3, *config.stem)):
        height, width = height // 2 - 1, width // 2 - 1  # kernel 4, stride 2, no padding
        macs += height * width * KERNEL_AREA * entering * leaving
    return macs


def _block(config: NetworkConfig, heads: int) -> dict[str, int]:
    """MACs of one token in one encoder block."""
    inner = heads * config.head_dim
    return {
        "norm": config.dim + inner + config.dim,
        "qkv": 3 * config.dim * inner,
        "attention": 3 * inner * config.head_dim,
        "projection": inner * config.dim,
        "mlp": 2 * config.dim * config.mlp,
    }


def _decoder(config: NetworkConfig) -> int:
    """MACs of one token in the decoder: its own map, the skips, and the classes of its cells."""
    seen = config.dim + sum(config.stem) + config.classes
    return config.cells**2 * config.decoder * seen
