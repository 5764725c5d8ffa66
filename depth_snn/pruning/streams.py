"""Several independent streams over one network."""

from __future__ import annotations

from collections.abc import Sequence

from depth_snn.config import PolicyConfig
from depth_snn.errors import ConfigError
from depth_snn.models.build import Network
from depth_snn.motion.base import Vectors
from depth_snn.pruning.pipeline import Image, Pipeline, Step
from depth_snn.pruning.prices import Prices
from depth_snn.pruning.ready import ReadyNetwork
from depth_snn.recovery.judge import Judge


class Streams:
    """Streams that share a network's weights, and nothing else.

    They run one after the other, so each gives exactly what it would give alone; the judge's
    scratch memory serves all of them. :meth:`Pipeline.swap` on one of ``pipelines`` changes that
    stream alone.

    Attributes:
        pipelines: One for each stream.

    Args:
        model: Network in evaluation mode, heads already cut; its weights are read once.
        policy: What is pruned and when.
        prices: MACs per token and stage, and of the stem.
        judge: How far each token's shown result is off.
        count: Number of streams, 1 or more.

    Raises:
        ConfigError: if there would be no stream.
    """

    def __init__(
        self,
        model: Network | ReadyNetwork,
        policy: PolicyConfig,
        prices: Prices,
        judge: Judge,
        count: int,
    ) -> None:
        if count < 1:
            raise ConfigError(f"{count} streams: expected 1 or more")
        ready = model if isinstance(model, ReadyNetwork) else ReadyNetwork(model)
        self.pipelines = [Pipeline(ready, policy, prices, judge) for _ in range(count)]

    def step(
        self, frames: Sequence[Image], vectors: Sequence[Vectors | None] | None = None
    ) -> list[Step]:
        """Run the next frame of every stream.

        Args:
            frames: One frame (H, W, 3) for each stream, in the streams' order.
            vectors: What each frame's codec knows of its motion, where it came with it.

        Raises:
            ValueError: if there is not one frame for each stream.
        """
        known = [None] * len(frames) if vectors is None else list(vectors)
        if not len(self.pipelines) == len(frames) == len(known):
            raise ValueError(
                f"{len(frames)} frames with {len(known)} sets of vectors for "
                f"{len(self.pipelines)} streams; give one for each"
            )
        steps = zip(self.pipelines, frames, known, strict=True)
        return [pipeline.step(frame, given) for pipeline, frame, given in steps]
