"""Runs a network on a stream, computing only open tokens and reusing the rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from depth_snn.config import NetworkConfig
from depth_snn.models.vit_loihi import INPUT_OFFSET, INPUT_SCALE, Block, DepthViTLoihi

Mask = npt.NDArray[np.bool_]


@dataclass
class StreamState:
    """What a stream remembers: results of every token as last computed. Updated in place.

    Attributes:
        x: Entrance of each block and of the head (L + 1, N, C).
        k, v: φ(k) and v of each layer (N, H·d).
        s: Attention state of each layer, double precision (H, d, d), exactly Σ k vᵀ up to rounding.
        strength: L2 norm of ``x[:-1]`` (L, N).
        logits: Output (N, cells·cells·classes).
        started: Whether a frame with every token open has been seen.
    """

    x: Tensor
    k: list[Tensor]
    v: list[Tensor]
    s: list[Tensor]
    strength: npt.NDArray[np.float32]
    logits: Tensor
    started: bool = False


def new_state(config: NetworkConfig) -> StreamState:
    """Empty memory; the first frame must open every token."""
    inner = [h * config.head_dim for h in config.heads]
    return StreamState(
        x=torch.zeros(config.stages, config.tokens, config.dim),
        k=[torch.zeros(config.tokens, i) for i in inner],
        v=[torch.zeros(config.tokens, i) for i in inner],
        s=[torch.zeros(h, config.head_dim, config.head_dim).double() for h in config.heads],
        strength=np.zeros((config.layers, config.tokens), np.float32),
        logits=torch.zeros(config.tokens, config.outputs),
    )


class PrunedStream:
    """Active-query inference over cached keys and values.

    Args:
        model: Network in evaluation mode.
        scored: Whether to keep the tokens' L2 norms (needed when tokens are cut).
    """

    def __init__(self, model: DepthViTLoihi, *, scored: bool = True) -> None:
        self.model, self.config, self.scored = model, model.config, scored

    @torch.inference_mode()
    def step(self, windows: npt.NDArray[np.uint8], opened: Mask, state: StreamState) -> Tensor:
        """Compute one frame.

        Args:
            windows: Pixels of every token (N, P); only open tokens are read.
            opened: Tokens to compute in each stage (S, N); all of them on the first frame.
            state: Memory, updated in place.

        Returns:
            Logits of every token (N, cells·cells·classes), reused where nothing was computed.
        """
        if not state.started and not opened.all():
            raise ValueError("the first frame of a stream must open every token in every stage")
        rows = [torch.from_numpy(np.flatnonzero(row)) for row in opened]
        if rows[0].numel():
            self._embed(windows, rows[0], state)
        for layer, block in enumerate(self.model.blocks):
            if rows[layer + 1].numel():
                self._block(layer, block, rows[layer + 1], state)
        last = rows[-1]
        if last.numel():
            x = state.x[-1].index_select(0, last)
            state.logits.index_copy_(0, last, self.model.head(self.model.norm(x)))
        state.started = True
        return state.logits

    def _embed(self, windows: npt.NDArray[np.uint8], rows: Tensor, state: StreamState) -> None:
        pixels = torch.from_numpy(windows[rows.numpy()]).float()
        x = self.model.embed((pixels - INPUT_OFFSET) / INPUT_SCALE)
        self._keep(0, rows, x + self.model.position.index_select(0, rows), state)

    def _block(self, layer: int, block: Block, rows: Tensor, state: StreamState) -> None:
        x = state.x[layer].index_select(0, rows)
        q, k, v = block.qkv(x)
        old_k, old_v = state.k[layer], state.v[layer]
        if rows.numel() == self.config.tokens:  # every term is new: rebuild, half the work
            # In single precision and in the dense network's own order, so that both round alike.
            state.s[layer] = _outer(k, v, block.heads).double()
        else:
            state.s[layer] += _outer(k.double(), v.double(), block.heads)
            gone_k, gone_v = old_k.index_select(0, rows), old_v.index_select(0, rows)
            state.s[layer] -= _outer(gone_k.double(), gone_v.double(), block.heads)
        old_k.index_copy_(0, rows, k)
        old_v.index_copy_(0, rows, v)
        heads = q.view(rows.numel(), block.heads, block.head_dim).transpose(0, 1)
        y = torch.bmm(heads, (state.s[layer] / self.config.tokens).float())
        out = block.finish(x, y.transpose(0, 1).reshape(rows.numel(), -1))
        self._keep(layer + 1, rows, out, state)

    def _keep(self, stage: int, rows: Tensor, x: Tensor, state: StreamState) -> None:
        state.x[stage].index_copy_(0, rows, x)
        if self.scored and stage < self.config.layers:
            state.strength[stage][rows.numpy()] = torch.linalg.vector_norm(x, dim=1).numpy()


def _outer(k: Tensor, v: Tensor, heads: int) -> Tensor:
    """Σ kᵢ vᵢᵀ per head of (n, H·d) tokens, shape (H, d, d), in the precision of the inputs."""
    keys, values = (z.view(z.shape[0], heads, -1).transpose(0, 1) for z in (k, v))
    return torch.bmm(keys.transpose(1, 2), values)
