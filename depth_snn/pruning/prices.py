"""Multiply-accumulates of one token in one stage, by category; plain integers.

An affine norm costs one MAC per channel, a score one per channel. Activations, additions of
residuals and comparisons are not MACs and are not charged. Changing a token's term in the attention
state costs two outer products (old out, new in).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from depth_snn.config import NetworkConfig

CATEGORIES = (
    "motion", "gate", "score", "embed", "norm", "qkv", "attention", "projection", "mlp", "head",
)  # fmt: skip
"""Categories of the ledger; every executed MAC falls in exactly one."""


@dataclass(frozen=True)
class Prices:
    """MACs per token of every stage.

    Attributes:
        tokens: Number of tokens N.
        stages: For each stage, MACs of one computed token by category.
        dense: MACs of the whole network on one frame, nothing pruned, by category.
    """

    tokens: int
    stages: tuple[dict[str, int], ...]
    dense: dict[str, int]

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
        """MACs by category when ``computed`` (S,) tokens run in each stage.

        Where all tokens run, the attention state is built anew: one outer product per token, not
        the two that the price charges.
        """
        out = dict.fromkeys(CATEGORIES, 0)
        for stage, count in zip(self.stages, computed.tolist(), strict=True):
            for category, macs in stage.items():
                rebuilt = category == "attention" and count == self.tokens
                out[category] += (macs // 3 * 2 if rebuilt else macs) * count
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
    stages = [{"embed": config.inputs * config.dim, "score": score}]
    dense = dict.fromkeys(CATEGORIES, 0)
    dense["embed"] = config.inputs * config.dim * config.tokens
    for heads in config.heads:
        inner, state = heads * config.head_dim, heads * config.head_dim**2
        stage = {
            "norm": config.dim + inner + config.dim,
            "qkv": 3 * config.dim * inner,
            "attention": 3 * state,
            "projection": inner * config.dim,
            "mlp": 2 * config.dim * config.mlp,
            "score": score,
        }
        stages.append(stage)
        for category, macs in stage.items():
            per_token = {"attention": 2 * state, "score": 0}.get(category, macs)
            dense[category] += per_token * config.tokens
    stages[-1]["score"] = 0  # no block follows, so nothing is scored behind the last one
    head = {"norm": config.dim, "head": config.dim * config.outputs}
    for category, macs in head.items():
        stages[-1][category] = stages[-1].get(category, 0) + macs
        dense[category] += macs * config.tokens
    return Prices(config.tokens, tuple(stages), dense)
