"""Runs a network on a stream, computing only open tokens and reusing the rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from depth_snn.config import NetworkConfig
from depth_snn.errors import ConfigError
from depth_snn.models.build import Network
from depth_snn.models.stem import INPUT_OFFSET, INPUT_SCALE
from depth_snn.pruning.ready import ReadyNetwork

Mask = npt.NDArray[np.bool_]


@dataclass
class StreamState:
    """What a stream remembers: results of every token as last computed. Updated in place.

    Attributes:
        picture: The padded input of the stem, channels last in memory; its margin stays zero.
        x: Entrance of each block and of the decoder (L + 1, N, C).
        kv: Key beside value of each layer (N, 2·H·d); in linear attention φ(k), never negative.
        s: Attention state of each layer, double precision (H, d, d), exactly Σ k vᵀ up to rounding;
            empty for softmax attention, which has none.
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
    """Empty memory of a network of either kind; the first frame must open every token."""
    linear = config.kind != "vit"
    height, width = config.height + 2 * config.margin, config.width + 2 * config.margin
    return StreamState(
        picture=torch.zeros(1, height, width, 3).permute(0, 3, 1, 2),
        x=torch.zeros(config.stages, config.tokens, config.dim),
        kv=[torch.zeros(config.tokens, 2 * h * config.head_dim) for h in config.heads],
        s=[
            torch.zeros(h, config.head_dim, config.head_dim).double()
            for h in config.heads
            if linear
        ],
        strength=np.zeros((config.layers, config.tokens), np.float32),
        logits=torch.zeros(config.tokens, config.outputs),
    )


class PrunedStream:
    """Active-query inference over cached keys and values behind a stem that always runs.

    The stem costs a few percent of the network and runs for the whole picture; everything behind
    it runs for open tokens only. A token that is not open keeps its logits. A stream remembers
    nothing itself, so one serves any number of states.

    Args:
        model: Network in evaluation mode, or one made ready; its weights are read once.
        scored: Whether to keep the tokens' L2 norms (needed when tokens are cut).

    Raises:
        ConfigError: if the network is of another kind than the stream runs.
    """

    kind = "loihi"

    def __init__(self, model: Network | ReadyNetwork, *, scored: bool = True) -> None:
        self.parts = model if isinstance(model, ReadyNetwork) else ReadyNetwork(model)
        self.config, self.scored = self.parts.config, scored
        if self.config.kind != self.kind:
            raise ConfigError(
                f"network {self.config.name}: kind {self.config.kind!r}, and this stream runs "
                f"{self.kind!r}; make_stream chooses the right one"
            )

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
        rows = rows_of(opened, state)
        if rows[0].numel():
            self.keep(0, rows[0], self.parts.embedded(levels[-1], rows[0]), state)
        for layer in range(self.config.layers):
            if rows[layer + 1].numel():
                self._block(layer, rows[layer + 1], state)
        self.decode(levels, rows[-1], state)
        state.started = True
        return state.logits

    @torch.inference_mode()
    def stem(self, rgb: npt.NDArray[np.uint8], state: StreamState) -> list[Tensor]:
        """The stem's features of a frame (H, W, 3), one (1, C, h, w) per level, finest first."""
        margin, levels = self.config.margin, []
        inner = state.picture[..., margin:-margin, margin:-margin]
        inner.copy_(torch.from_numpy(rgb).permute(2, 0, 1)).sub_(INPUT_OFFSET).div_(INPUT_SCALE)
        x = state.picture
        for level in self.parts.levels:
            x = level(x)
            levels.append(x)
        return levels

    def write(self, layer: int, kv: Tensor, rows: Tensor, state: StreamState) -> None:
        """Take in new keys and values (n, 2·H·d) of some tokens (n,)."""
        block = self.parts.blocks[layer]
        if rows.numel() == self.config.tokens:  # every term is new: rebuild, half the work
            # In single precision and in the dense network's own order, so that both round alike.
            state.s[layer] = outer(kv, block.heads).double()
        else:
            gone = state.kv[layer].index_select(0, rows)
            gone[:, block.inner :].neg_()
            state.s[layer] += outer(torch.cat([kv, gone]).double(), block.heads)
        state.kv[layer].index_copy_(0, rows, kv)

    def query(self, layer: int, q: Tensor, state: StreamState) -> Tensor:
        """What queries (n, H·d) find in the attention of a layer, (n, H·d)."""
        heads = q.reshape(q.shape[0], self.parts.blocks[layer].heads, -1).transpose(0, 1)
        y = torch.bmm(heads, (state.s[layer] / self.config.tokens).float())
        return y.transpose(0, 1).reshape(q.shape[0], -1)

    def keep(self, stage: int, rows: Tensor, x: Tensor, state: StreamState) -> None:
        """Remember features x (n, C) of some tokens (n,) at the entrance of a block."""
        state.x[stage].index_copy_(0, rows, x)
        if self.scored and stage < self.config.layers:
            state.strength[stage][rows.numpy()] = torch.linalg.vector_norm(x, dim=1).numpy()

    def decode(self, levels: list[Tensor], rows: Tensor, state: StreamState) -> None:
        """Logits of some tokens (n,) from what is remembered of them behind the last block."""
        if rows.numel():
            x = state.x[-1].index_select(0, rows)
            state.logits.index_copy_(0, rows, self.parts.decoded(levels, x, rows))

    def _block(self, layer: int, rows: Tensor, state: StreamState) -> None:
        block = self.parts.blocks[layer]
        x = state.x[layer].index_select(0, rows)
        q, kv = block.qkv(x)
        self.write(layer, kv, rows, state)
        self.keep(layer + 1, rows, block.finish(x, self.query(layer, q, state)), state)


def rows_of(opened: Mask, state: StreamState) -> list[Tensor]:
    """Numbers of the open tokens in each stage.

    Raises:
        ValueError: if the first frame of a stream does not open everything.
    """
    if not state.started and not opened.all():
        raise ValueError("the first frame of a stream must open every token in every stage")
    return [torch.from_numpy(np.flatnonzero(row)) for row in opened]


def outer(kv: Tensor, heads: int) -> Tensor:
    """Σ kᵢ vᵢᵀ per head of (n, 2·H·d) tokens, shape (H, d, d), in the precision of the input."""
    keys, values = kv.view(kv.shape[0], 2, heads, -1).permute(1, 2, 0, 3)
    return torch.bmm(keys.transpose(1, 2), values)
