"""Runs a network on a stream, computing only open tokens and reusing the rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from depth_snn.config import NetworkConfig
from depth_snn.models.stem import INPUT_OFFSET, INPUT_SCALE
from depth_snn.models.vit_loihi import DepthViTLoihi
from depth_snn.pruning.gather import cell_positions, patch_positions, take
from depth_snn.pruning.ready import ReadyBlock, ReadyLevel, ReadyNorm

Mask = npt.NDArray[np.bool_]


@dataclass
class StreamState:
    """What a stream remembers: results of every token as last computed. Updated in place.

    Attributes:
        picture: The padded input of the stem, channels last in memory; its margin stays zero.
        x: Entrance of each block and of the decoder (L + 1, N, C).
        kv: φ(k) beside v of each layer (N, 2·H·d).
        s: Attention state of each layer, double precision (H, d, d), exactly Σ k vᵀ up to rounding.
        strength: L2 norm of ``x[:-1]`` (L, N).
        logits: Output (N, cells²·classes), cells in Z-order.
        started: Whether a frame with every token open has been seen.
    """

    picture: Tensor
    x: Tensor
    kv: list[Tensor]
    s: list[Tensor]
    strength: npt.NDArray[np.float32]
    logits: Tensor
    started: bool = False


def new_state(config: NetworkConfig) -> StreamState:
    """Empty memory; the first frame must open every token."""
    height, width = config.height + 2 * config.margin, config.width + 2 * config.margin
    return StreamState(
        picture=torch.zeros(1, height, width, 3).permute(0, 3, 1, 2),
        x=torch.zeros(config.stages, config.tokens, config.dim),
        kv=[torch.zeros(config.tokens, 2 * h * config.head_dim) for h in config.heads],
        s=[torch.zeros(h, config.head_dim, config.head_dim).double() for h in config.heads],
        strength=np.zeros((config.layers, config.tokens), np.float32),
        logits=torch.zeros(config.tokens, config.outputs),
    )


class PrunedStream:
    """Active-query inference over cached keys and values behind a stem that always runs.

    The stem costs a few percent of the network and runs for the whole picture; everything behind
    it runs for open tokens only. A token that is not open keeps its logits.

    Args:
        model: Network in evaluation mode; its weights are read here, once.
        scored: Whether to keep the tokens' L2 norms (needed when tokens are cut).
    """

    @torch.inference_mode()
    def __init__(self, model: DepthViTLoihi, *, scored: bool = True) -> None:
        self.model, self.config, self.scored = model, model.config, scored
        levels = range(len(model.config.stem))
        self.levels = [ReadyLevel(model.stem, level) for level in levels]
        self.patches = patch_positions(self.config)
        self.cells = [cell_positions(self.config, level + 1) for level in levels]
        self.embed = model.embed.weight.permute(0, 2, 3, 1).flatten(1).contiguous()
        self.blocks = [ReadyBlock(block) for block in model.blocks]
        self.norm = ReadyNorm(model.norm)

    def step(self, rgb: npt.NDArray[np.uint8], opened: Mask, state: StreamState) -> Tensor:
        """Compute one frame; see :meth:`stem` and :meth:`run`."""
        return self.run(self.stem(rgb, state), opened, state)

    @torch.inference_mode()
    def run(self, levels: list[Tensor], opened: Mask, state: StreamState) -> Tensor:
        """Compute what is open, behind the stem.

        Args:
            levels: What :meth:`stem` gave for this frame.
            opened: Tokens to compute in each stage (S, N); all of them on the first frame.
            state: Memory, updated in place.

        Returns:
            Logits of every token (N, cells²·classes), reused where nothing was computed.
        """
        if not state.started and not opened.all():
            raise ValueError("the first frame of a stream must open every token in every stage")
        rows = [torch.from_numpy(np.flatnonzero(row)) for row in opened]
        if rows[0].numel():
            self._embed(levels[-1], rows[0], state)
        for layer, block in enumerate(self.blocks):
            if rows[layer + 1].numel():
                self._block(layer, block, rows[layer + 1], state)
        last = rows[-1]
        if last.numel():
            x = self.norm(state.x[-1].index_select(0, last))
            seen = [take(*pair, last) for pair in zip(levels, self.cells, strict=True)]
            state.logits.index_copy_(0, last, self.model.decoder(x, seen))
        state.started = True
        return state.logits

    @torch.inference_mode()
    def stem(self, rgb: npt.NDArray[np.uint8], state: StreamState) -> list[Tensor]:
        """The stem's features of a frame (H, W, 3), one (1, C, h, w) per level, finest first."""
        margin, levels = self.config.margin, []
        inner = state.picture[..., margin:-margin, margin:-margin]
        inner.copy_(torch.from_numpy(rgb).permute(2, 0, 1)).sub_(INPUT_OFFSET).div_(INPUT_SCALE)
        x = state.picture
        for level in self.levels:
            x = level(x)
            levels.append(x)
        return levels

    def _embed(self, coarse: Tensor, rows: Tensor, state: StreamState) -> None:
        if (
            rows.numel() == self.config.tokens
        ):  # as the dense network does, so that both round alike
            x = self.model.embed(coarse).flatten(2).transpose(1, 2)[0]
        else:
            seen = take(coarse, self.patches, rows).flatten(1)
            x = functional.linear(seen, self.embed, self.model.embed.bias)
        self._keep(0, rows, x + self.model.position.index_select(0, rows), state)

    def _block(self, layer: int, block: ReadyBlock, rows: Tensor, state: StreamState) -> None:
        x = state.x[layer].index_select(0, rows)
        q, kv = block.qkv(x)
        if rows.numel() == self.config.tokens:  # every term is new: rebuild, half the work
            # In single precision and in the dense network's own order, so that both round alike.
            state.s[layer] = _outer(kv, block.heads).double()
        else:
            gone = state.kv[layer].index_select(0, rows)
            gone[:, block.inner :].neg_()
            state.s[layer] += _outer(torch.cat([kv, gone]).double(), block.heads)
        state.kv[layer].index_copy_(0, rows, kv)
        heads = q.reshape(rows.numel(), block.heads, -1).transpose(0, 1)
        y = torch.bmm(heads, (state.s[layer] / self.config.tokens).float())
        out = block.finish(x, y.transpose(0, 1).reshape(rows.numel(), -1))
        self._keep(layer + 1, rows, out, state)

    def _keep(self, stage: int, rows: Tensor, x: Tensor, state: StreamState) -> None:
        state.x[stage].index_copy_(0, rows, x)
        if self.scored and stage < self.config.layers:
            state.strength[stage][rows.numpy()] = torch.linalg.vector_norm(x, dim=1).numpy()


def _outer(kv: Tensor, heads: int) -> Tensor:
    """Σ kᵢ vᵢᵀ per head of (n, 2·H·d) tokens, shape (H, d, d), in the precision of the input."""
    keys, values = kv.view(kv.shape[0], 2, heads, -1).permute(1, 2, 0, 3)
    return torch.bmm(keys.transpose(1, 2), values)
