"""Multiply-accumulates of one token in one stage, and of a frame's stem, by category.

Plain integers. An affine norm costs one MAC per channel of a token, a layer norm three (squares,
scale, affine map), a score one; norms behind the stem's convolutions fold into them. Activations,
the softmax, divisions by constants, additions and comparisons are not MACs and are not charged.
Changing a token's term in the state of linear attention costs two outer products (old out, new in);
a softmax query meets every token's key and value. The stem runs for the whole picture, the margin
around it included.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from depth_snn.config import NetworkConfig
from depth_snn.pruning.plan import POOL

CATEGORIES = (
    "motion", "gate", "score", "stem", "embed", "norm", "qkv", "attention", "projection", "mlp",
    "decoder",
)  # fmt: skip
"""Categories of the ledger; every executed MAC falls in exactly one."""
KERNEL_AREA = 16
"""Positions that a convolution of the stem, or the embedding, sees."""
POOLED = POOL * POOL
"""Tokens that a coarse token stands for."""


@dataclass(frozen=True)
class Prices:
    """MACs per token of every stage, and of what every frame runs.

    Attributes:
        tokens: Number of tokens N.
        stages: For each stage, MACs of one computed token by category.
        outer: For each stage, MACs of one outer product k vᵀ within its attention; the price holds
            two of them. 0 where there is no attention state.
        coarse: MACs by category of four tokens that run as one coarse token through all stages,
            without its term in the attention state.
        fixed: MACs that every frame executes whatever is open, by category.
        dense: MACs of the whole network on one frame, nothing pruned, by category.
    """

    tokens: int
    stages: tuple[dict[str, int], ...]
    outer: tuple[int, ...]
    coarse: dict[str, int]
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

        Where all tokens of a stage run, the attention state is built anew with one outer product
        of the two, so that much is certain.
        """
        return self.per_stage() - np.array(self.outer, np.int64)

    def executed(
        self, computed: npt.NDArray[np.int64], pooled: int | None = None
    ) -> dict[str, int]:
        """MACs by category of a frame.

        Args:
            computed: Tokens that run in each stage (S,).
            pooled: Blocks of four that run as one coarse token; None where static tokens are
                reused.
        """
        out = dict.fromkeys(CATEGORIES, 0) | self.fixed
        for category, row in self.executed_by_stage(computed, pooled).items():
            out[category] += int(row.sum())
        for category, macs in self.coarse.items():
            out[category] += macs * (pooled or 0)
        return out

    def executed_by_stage(
        self, computed: npt.NDArray[np.int64], pooled: int | None = None
    ) -> dict[str, npt.NDArray[np.int64]]:
        """MACs by category and stage, each (S,), without what every frame runs and coarse tokens.

        Where all tokens run, the attention state is built anew: one outer product per token, not
        the two that the price charges. With coarse tokens it is built anew in every frame: one for
        each token that is not pooled, whether it runs or not, and one for each coarse token.
        """
        out = {category: np.zeros(len(self.stages), np.int64) for category in CATEGORIES}
        for index, count in enumerate(computed.tolist()):
            for category, macs in self.stages[index].items():
                out[category][index] = macs * count
            terms = count if count == self.tokens else 2 * count
            if pooled is not None:
                terms = self.tokens - (POOLED - 1) * pooled
            out["attention"][index] += self.outer[index] * (terms - 2 * count)
        return out

    def dense_macs(self) -> int:
        """MACs of one dense frame."""
        return sum(self.dense.values())


def prices_of(config: NetworkConfig, *, scored: bool) -> Prices:
    """Prices of a network.

    Args:
        config: Its kind and shape, with the heads that are left.
        scored: Whether tokens are scored for cutting.
    """
    score = config.dim if scored else 0
    stages = [{"embed": KERNEL_AREA * config.stem[-1] * config.dim, "score": score}]
    stages += [_block(config, heads) | {"score": score} for heads in config.heads]
    stages[-1]["score"] = 0  # no block follows, so nothing is scored behind the last one
    last = {"norm": _norm_macs(config), "decoder": _decoder(config)}
    stages[-1] |= {"norm": stages[-1]["norm"] + last["norm"], "decoder": last["decoder"]}
    outer = (0, *(_outer(config, heads) for heads in config.heads))
    fixed = {"stem": _stem(config)}
    # A coarse token runs once where four would; embedded and decoded are all four.
    coarse = dict.fromkeys(CATEGORIES, 0)
    dense = coarse | fixed
    for stage, product in zip(stages, outer, strict=True):
        for category, macs in stage.items():
            # A dense network builds its attention state anew and scores nothing.
            per_token = {"attention": macs - product, "score": 0}.get(category, macs)
            dense[category] += per_token * config.tokens
            times = POOLED if category in ("embed", "decoder") else 1
            coarse[category] += times * (per_token - (product if category == "attention" else 0))
    coarse["norm"] += (POOLED - 1) * last["norm"]
    return Prices(config.tokens, tuple(stages), outer, coarse, fixed, dense)


def _stem(config: NetworkConfig) -> int:
    """MACs of the stem on one picture: every position of every level, those at the margin too."""
    macs, height, width = 0, config.height + 2 * config.margin, config.width + 2 * config.margin
    for entering, leaving in pairwise((3, *config.stem)):
        height, width = height // 2 - 1, width // 2 - 1  # kernel 4, stride 2, no padding
        macs += height * width * KERNEL_AREA * entering * leaving
    return macs


def _norm_macs(config: NetworkConfig) -> int:
    """MACs of one norm over the channels of a token."""
    return (3 if config.kind == "vit" else 1) * config.dim


def _outer(config: NetworkConfig, heads: int) -> int:
    """MACs of one token's term k vᵀ in the attention state; softmax attention has no state."""
    return 0 if config.kind == "vit" else heads * config.head_dim**2


def _block(config: NetworkConfig, heads: int) -> dict[str, int]:
    """MACs of one token in one encoder block."""
    inner, soft = heads * config.head_dim, config.kind == "vit"
    return {
        # The Loihi kind has a norm behind its attention too.
        "norm": 2 * _norm_macs(config) + (0 if soft else inner),
        "qkv": 3 * config.dim * inner,
        "attention": inner * (2 * config.tokens if soft else 3 * config.head_dim),
        "projection": inner * config.dim,
        "mlp": 2 * config.dim * config.mlp,
    }


def _decoder(config: NetworkConfig) -> int:
    """MACs of one token in the decoder: its own map, the skips, and the classes of its cells."""
    seen = config.dim + sum(config.stem) + config.classes
    return config.cells**2 * config.decoder * seen
