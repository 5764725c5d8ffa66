"""Pooled static tokens once more, slowly and from their definition."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from depth_snn.models.vit_loihi import Block
from tests.unit.slow_stream import F64, Image, SlowStream

Term = tuple[F64, F64, int]
"""Key and value (H, d), and how many tokens have them."""


class SlowCoarse(SlowStream):
    """Unit by unit in double precision; every query meets a list of keys with multiplicities."""

    def pooled(self, mask: npt.NDArray[np.bool_]) -> list[list[int]]:
        (h, w), found = self.config.grid, []
        for row in range(0, h - 1, 2):
            for column in range(0, w - 1, 2):
                i = row * w + column
                block = [i, i + 1, i + w, i + w + 1]
                if not mask[:, block].any():
                    found.append(block)
        return found

    def heads(self, block: Block, part: str, x: F64) -> F64:
        z = self.linear(getattr(block, part), self.norm(block.norm1, x))
        return (z if part == "v" else np.maximum(z, 0)).reshape(block.heads, block.head_dim)

    def behind(self, block: Block, x: F64, terms: list[Term]) -> F64:
        q = self.heads(block, "q", x)
        y = sum(count * (q * k).sum(1, keepdims=True) * v for k, v, count in terms)
        y = np.ravel(y) / self.config.tokens
        mid = x + self.linear(block.proj, self.norm(block.norm_y, y))
        hidden = np.maximum(self.linear(block.fc1, self.norm(block.norm2, mid)), 0)
        return mid + self.linear(block.fc2, hidden)

    def step(self, rgb: Image, mask: npt.NDArray[np.bool_]) -> F64:
        blocks = self.pooled(mask)
        inside = {i for block in blocks for i in block}
        for i in [*np.flatnonzero(mask[0]), *inside]:
            self.x[0][i] = self.embed(rgb, i)
        entering = [np.mean([self.x[0][i] for i in block], 0) for block in blocks]
        coarse = list(entering)
        for layer, block in enumerate(self.model.blocks):
            rows = np.flatnonzero(mask[layer + 1])
            for i in rows:
                self.k[layer][i] = self.heads(block, "k", self.x[layer][i])
                self.v[layer][i] = self.heads(block, "v", self.x[layer][i])
            terms: list[Term] = []
            for members, x in zip(blocks, coarse, strict=True):
                k, v = self.heads(block, "k", x), self.heads(block, "v", x)
                terms.append((k, v, 4))
                for i in members:
                    self.k[layer][i], self.v[layer][i] = k, v
            single = [i for i in range(self.config.tokens) if i not in inside]
            terms += [(self.k[layer][i], self.v[layer][i], 1) for i in single]
            for i in rows:
                self.x[layer + 1][i] = self.behind(block, self.x[layer][i], terms)
            coarse = [self.behind(block, x, terms) for x in coarse]
        for members, before, after in zip(blocks, entering, coarse, strict=True):
            for i in members:
                self.x[-1][i] = self.x[0][i] + after - before
        for i in [*np.flatnonzero(mask[-1]), *inside]:
            self.logits[i] = self.decode(rgb, i)
        return self.logits
