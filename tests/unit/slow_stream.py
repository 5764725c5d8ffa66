"""The pruned stream once more, slowly and from its definition."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from torch import nn

from depth_snn.models.vit_loihi import DepthViTLoihi

F64 = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]


def z_order(depth: int) -> list[tuple[int, int]]:
    """Rows and columns of 4^depth cells: quadrants in reading order, each one likewise inside."""
    if depth == 0:
        return [(0, 0)]
    half, inner = 2 ** (depth - 1), z_order(depth - 1)
    return [(y * half + r, x * half + c) for y in (0, 1) for x in (0, 1) for r, c in inner]


class SlowStream:
    """Token by token in double precision.

    A token's stem is computed from nothing but the square of pixels that the token sees.
    """

    def __init__(self, model: DepthViTLoihi) -> None:
        self.config = model.config
        self.model = model
        c = model.config
        self.x = [np.zeros((c.tokens, c.dim)) for _ in range(c.stages)]
        self.k = [np.zeros((c.tokens, h, c.head_dim)) for h in c.heads]
        self.v = [np.zeros((c.tokens, h, c.head_dim)) for h in c.heads]
        self.logits = np.zeros((c.tokens, c.outputs))

    @staticmethod
    def linear(layer: nn.Linear, x: F64) -> F64:
        weight = layer.weight.detach().double().numpy()
        return weight @ x + (0 if layer.bias is None else layer.bias.detach().double().numpy())

    @staticmethod
    def norm(layer: nn.Module, x: F64) -> F64:
        w, b, mean, var = (
            t.detach().numpy().astype(float)
            for t in (layer.weight, layer.bias, layer.running_mean, layer.running_var)
        )
        return (x - mean) / np.sqrt(var + layer.eps) * w + b

    @staticmethod
    def convolve(layer: nn.Conv2d, x: F64) -> F64:
        """(h, w, C_in) to (h', w', C_out): 4×4 positions each, two apart."""
        weight, side = layer.weight.detach().double().numpy(), len(x) // 2 - 1
        out = np.zeros((side, side, len(weight)))
        for row, column in np.ndindex(side, side):
            seen = x[2 * row : 2 * row + 4, 2 * column : 2 * column + 4]
            out[row, column] = np.einsum("ochw,hwc->o", weight, seen)
        return out

    def see(self, rgb: Image, token: int) -> list[F64]:
        """The stem's levels over the square of pixels that one token sees."""
        c, stem = self.config, self.model.stem
        padded = np.pad((rgb - 128.0) / 64, ((c.margin, c.margin), (c.margin, c.margin), (0, 0)))
        top, left = (c.patch * i for i in divmod(token, c.grid[1]))
        level, levels = padded[top : top + c.window, left : left + c.window], []
        for conv, norm in zip(stem.convs, stem.norms, strict=True):
            level = np.maximum(self.norm(norm, self.convolve(conv, level)), 0)
            levels.append(level)
        return levels

    def embed(self, rgb: Image, token: int) -> F64:
        coarse = self.see(rgb, token)[-1]
        assert coarse.shape[:2] == (4, 4)
        bias, position = self.model.embed.bias, self.model.position[token]
        (out,) = self.convolve(self.model.embed, coarse)[0]
        return out + (bias + position).detach().double().numpy()

    def decode(self, rgb: Image, token: int) -> F64:
        c, decoder = self.config, self.model.decoder
        said = self.linear(decoder.token, self.norm(self.model.norm, self.x[-1][token]))
        levels, logits = self.see(rgb, token), []
        for cell in range(c.cells**2):
            total = said[cell * c.decoder : (cell + 1) * c.decoder]
            for index, (skip, level) in enumerate(zip(decoder.skips, levels, strict=True)):
                crop = (len(level) - 2 ** (len(levels) - index)) // 2
                row, column = z_order(len(levels) - index)[cell // 4**index]
                part = cell % 4**index * c.decoder
                seen = self.linear(skip, level[crop + row, crop + column])
                total = total + seen[part : part + c.decoder]
            logits.append(self.linear(decoder.classes, np.maximum(total, 0)))
        return np.concatenate(logits)

    def step(self, rgb: Image, mask: npt.NDArray[np.bool_]) -> F64:
        m, c = self.model, self.config
        for i in np.flatnonzero(mask[0]):
            self.x[0][i] = self.embed(rgb, i)
        for layer, block in enumerate(m.blocks):
            rows, split = np.flatnonzero(mask[layer + 1]), (c.heads[layer], c.head_dim)
            queries = {}
            for i in rows:
                z = self.norm(block.norm1, self.x[layer][i])
                queries[i] = np.maximum(self.linear(block.q, z), 0).reshape(split)
                self.k[layer][i] = np.maximum(self.linear(block.k, z), 0).reshape(split)
                self.v[layer][i] = self.linear(block.v, z).reshape(split)
            for i in rows:
                y = np.zeros(split)
                for j in range(c.tokens):
                    weight = (queries[i] * self.k[layer][j]).sum(1, keepdims=True)
                    y += weight * self.v[layer][j] / c.tokens
                mid = self.x[layer][i] + self.linear(block.proj, self.norm(block.norm_y, y.ravel()))
                hidden = np.maximum(self.linear(block.fc1, self.norm(block.norm2, mid)), 0)
                self.x[layer + 1][i] = mid + self.linear(block.fc2, hidden)
        for i in np.flatnonzero(mask[-1]):
            self.logits[i] = self.decode(rgb, i)
        return self.logits
