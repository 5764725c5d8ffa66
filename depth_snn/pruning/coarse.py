"""Static tokens pooled: a 2×2 block in which nothing is open runs as one coarse token."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from depth_snn.pruning.plan import block_tokens, pooled_blocks
from depth_snn.pruning.prices import POOLED
from depth_snn.pruning.stream import Mask, PrunedStream, StreamState, outer, rows_of


class CoarseStream:
    """A stream under the policy ``static = "downsample"``.

    The coarse token is the mean of the block's four embedded tokens. It runs through all blocks
    and stands for four tokens in the attention. A token of the block leaves each block as its own
    embedding plus what was added to the coarse token so far, and is decoded with its own skips.

    What is remembered of the four are these features, and the coarse key and value for each: when
    one of them opens later, the other three keep them. Their L2 norms stay those of the last time
    they ran themselves, so pooling costs no scores.

    Args:
        stream: What runs the same network with reuse.
    """

    def __init__(self, stream: PrunedStream) -> None:
        self.stream, self.parts, self.config = stream, stream.parts, stream.config
        self.blocks = block_tokens(self.config)

    def stem(self, rgb: npt.NDArray[np.uint8], state: StreamState) -> list[Tensor]:
        """See :meth:`PrunedStream.stem`."""
        return self.stream.stem(rgb, state)

    def step(self, rgb: npt.NDArray[np.uint8], opened: Mask, state: StreamState) -> Tensor:
        """Compute one frame; see :meth:`stem` and :meth:`run`."""
        return self.run(self.stem(rgb, state), opened, state)

    @torch.inference_mode()
    def run(self, levels: list[Tensor], opened: Mask, state: StreamState) -> Tensor:
        """Compute what is open, and pooled what is static; see :meth:`PrunedStream.run`."""
        rows = rows_of(opened, state)
        members = torch.from_numpy(self.blocks[pooled_blocks(opened, self.blocks)])
        flat, stream = members.flatten(), self.stream
        if rows[0].numel():
            stream.keep(0, rows[0], self.parts.embedded(levels[-1], rows[0]), state)
        fine = self.parts.embedded(levels[-1], flat)
        state.x[0].index_copy_(0, flat, fine)
        own = fine.view(-1, POOLED, self.config.dim)
        entering = coarse = own.mean(1)
        for layer in range(self.config.layers):
            coarse = self._block(layer, rows[layer + 1], coarse, members, state)
            moved = own + (coarse - entering)[:, None]
            state.x[layer + 1].index_copy_(0, flat, moved.flatten(0, 1))
        stream.decode(levels, torch.cat([rows[-1], flat]), state)
        state.started = True
        return state.logits

    def _block(
        self, layer: int, rows: Tensor, coarse: Tensor, members: Tensor, state: StreamState
    ) -> Tensor:
        """Coarse tokens (c, C) behind a block; open tokens are kept in the state."""
        block, count = self.parts.blocks[layer], rows.numel()
        x = torch.cat([state.x[layer].index_select(0, rows), coarse])
        q, kv = block.qkv(x)
        self._write(layer, kv[:count], kv[count:], rows, members, state)
        if not len(x):
            return coarse
        out = block.finish(x, self.stream.query(layer, q, state))
        self.stream.keep(layer + 1, rows, out[:count], state)
        return out[count:]

    def _write(
        self, layer: int, kv: Tensor, coarse: Tensor, rows: Tensor, members: Tensor,
        state: StreamState,
    ) -> None:  # fmt: skip
        """Take in new keys and values of open (n, 2·H·d) and coarse tokens (c, 2·H·d)."""
        block, cache = self.parts.blocks[layer], state.kv[layer]
        cache.index_copy_(0, rows, kv)
        # Four equal keys weigh in a softmax what one weighs with log 4 added to its score.
        cache.index_copy_(0, members.flatten(), coarse.repeat_interleave(POOLED, 0))
        if state.s:  # built anew, with one term for each coarse token
            single = torch.ones(self.config.tokens, dtype=torch.bool)
            single[members.flatten()] = False
            heavy = coarse.clone()
            heavy[:, block.inner :] *= POOLED
            terms = torch.cat([cache[single], heavy])
            state.s[layer] = outer(terms, block.heads).double()
