"""The float twin on a stream: open tokens query the cached keys and values of all tokens."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from depth_snn.pruning.stream import PrunedStream, StreamState


class SoftmaxStream(PrunedStream):
    """Active-query inference of the float twin.

    Softmax attention has no state that a token could be taken out of, so n open tokens meet all N
    cached keys: n·N scores a layer, never N·N, and never all at once where torch fuses attention.

    Args:
        model: Network in evaluation mode, or one made ready; its weights are read once.
        scored: Whether to keep the tokens' L2 norms (needed when tokens are cut).

    Raises:
        ConfigError: if the network is of another kind.
    """

    kind = "vit"

    def write(self, layer: int, kv: Tensor, rows: Tensor, state: StreamState) -> None:
        """Take in new keys and values (n, 2·H·d) of some tokens (n,)."""
        state.kv[layer].index_copy_(0, rows, kv)

    def query(self, layer: int, q: Tensor, state: StreamState) -> Tensor:
        """What queries (n, H·d) find among the keys and values of all tokens, (n, H·d)."""
        heads, kv = self.parts.blocks[layer].heads, state.kv[layer]
        # With a batch axis, which torch's fused attention asks for.
        keys, values = kv.view(1, kv.shape[0], 2, heads, -1).permute(2, 0, 3, 1, 4)
        queries = q.reshape(1, q.shape[0], heads, -1).transpose(1, 2)
        y = functional.scaled_dot_product_attention(queries, keys, values)
        return y[0].transpose(0, 1).reshape(q.shape[0], -1)
