"""The stream that suits a network's kind and a policy."""

from __future__ import annotations

from depth_snn.models.build import Network
from depth_snn.pruning.coarse import CoarseStream
from depth_snn.pruning.ready import ReadyNetwork
from depth_snn.pruning.stream import PrunedStream
from depth_snn.pruning.stream_vit import SoftmaxStream

Stream = PrunedStream | CoarseStream
"""Anything that runs a network's frames on a state."""


def make_stream(
    model: Network | ReadyNetwork, *, scored: bool = True, static: str = "reuse"
) -> Stream:
    """A stream of either kind of network.

    Args:
        model: Network in evaluation mode, or one made ready, which shares its weights.
        scored: Whether to keep the tokens' L2 norms (needed when tokens are cut).
        static: What becomes of static tokens, as in :class:`~depth_snn.config.PolicyConfig`.
    """
    kind = SoftmaxStream if model.config.kind == SoftmaxStream.kind else PrunedStream
    stream = kind(model, scored=scored)
    return CoarseStream(stream) if static == "downsample" else stream
