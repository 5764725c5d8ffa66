"""One stream from frame to classes: motion, stem, judgement, decision, network, view."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from depth_snn.config import PolicyConfig
from depth_snn.errors import ConfigError
from depth_snn.models.build import Network
from depth_snn.models.stem import level_crop
from depth_snn.motion.base import Motion, Vectors
from depth_snn.motion.sources import make_source
from depth_snn.pruning.decide import Decider, Decision
from depth_snn.pruning.factory import make_stream
from depth_snn.pruning.memory import held_bytes
from depth_snn.pruning.plan import block_tokens, pooled_blocks
from depth_snn.pruning.prices import Prices, prices_of
from depth_snn.pruning.ready import ReadyNetwork
from depth_snn.pruning.stream import new_state
from depth_snn.pruning.view import View
from depth_snn.recovery.judge import Judge
from depth_snn.recovery.judge_file import make_judge
from depth_snn.recovery.rules import Rule, Scene

F32 = npt.NDArray[np.float32]
Image = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Sight:
    """What is known of a frame before anything behind the stem runs.

    Attributes:
        rgb: The frame (H, W, 3).
        motion: Motion from the last frame; None on the first.
        motion_macs: Work spent on it, and on carrying the view along.
        levels: The stem's features, finest first.
        features: The last of them inside the margin (h·2, w·2, C).
    """

    rgb: Image
    motion: Motion | None
    motion_macs: int
    levels: list[Tensor]
    features: F32


@dataclass(frozen=True, eq=False)
class Step:
    """What a frame came to.

    Attributes:
        decision: What was computed, and why.
        motion: Motion from the last frame; None on the first.
        logits: Of every token as last computed (N, cells²·classes).
        classes: Class of every pixel (H, W).
    """

    decision: Decision
    motion: Motion | None
    logits: F32
    classes: Image


class Pipeline:
    """Everything between a frame and its classes, for one stream.

    Args:
        model: Network of either kind in evaluation mode, heads already cut; or one made ready,
            which shares its weights with other streams.
        policy: What is pruned and when.
        prices: MACs per token and stage, and of the stem.
        judge: How far each token's shown result is off.
        rule: Who asks to be restored; None for the policy's.
    """

    def __init__(
        self,
        model: Network | ReadyNetwork,
        policy: PolicyConfig,
        prices: Prices,
        judge: Judge,
        rule: Rule | None = None,
    ) -> None:
        self.config, self.policy, self.judge = model.config, policy, judge
        self.prices = prices
        self.source = make_source(policy.motion, model.config)
        self.decider = Decider(model.config, policy, prices, judge.macs, rule)
        self.stream = make_stream(model, scored=policy.cuts_tokens, static=policy.static)
        self.state, self.view = new_state(model.config), View(model.config)
        self._last: Image | None = None
        crop = level_crop(model.config, len(model.config.stem))
        self._inner = slice(crop, -crop) if crop else slice(None)

    def step(
        self,
        rgb: Image,
        vectors: Vectors | None = None,
        lap: Callable[[str], None] = lambda name: None,
    ) -> Step:
        """Run one frame.

        Args:
            rgb: The frame (H, W, 3).
            vectors: What its codec knows of its motion, where it came with it.
            lap: Told when "decide" and "network" are over.
        """
        sight = self.look(rgb, vectors)
        strength = self.state.strength if self.state.started else None
        decision = self.decider.decide(self.scene(sight), sight.motion_macs, strength)
        lap("decide")
        logits = self.run(sight, decision.restored.open)
        lap("network")
        return Step(decision, sight.motion, logits, self.view.classes())

    def swap(self, policy: PolicyConfig, judge: Judge | None = None) -> int:
        """Go on under another policy from the next frame on; nothing remembered is lost.

        Everything may change but ``head_rate``. What the restore gate has saved and owes stays;
        see :meth:`Decider.swap`. ``prices`` follow where tokens are newly scored, or no longer.

        Args:
            policy: What is pruned and when.
            judge: How far each token's shown result is off; None for the one in use where the
                policy names the same, and else for the one it names.

        Returns:
            MACs of the change itself, which no frame is charged: the norms of all tokens where
            they were not kept before and are needed now, else 0.

        Raises:
            ConfigError: if the policy cuts other heads, or does not suit the network; nothing has
                changed then.
        """
        config, old = self.config, self.policy
        if policy.rates("head_rate", config.layers) != old.rates("head_rate", config.layers):
            raise ConfigError(
                f"head_rate {policy.head_rate} instead of {old.head_rate}: cut heads have left the "
                "weights, so it cannot change while a stream runs; start a new pipeline"
            )
        source = self.source if policy.motion == old.motion else make_source(policy.motion, config)
        if judge is None:
            judge = self.judge if policy.judge == old.judge else make_judge(policy.judge, config)
        scored, prices = policy.cuts_tokens, self.prices
        if scored != old.cuts_tokens:
            prices = prices_of(config, scored=scored)
        self.decider.swap(policy, prices, judge.macs)
        self.policy, self.prices, self.judge, self.source = policy, prices, judge, source
        self.stream = make_stream(self.stream.parts, scored=scored, static=policy.static)
        return self._score_anew() if scored and not old.cuts_tokens else 0

    def memory_bytes(self) -> dict[str, int]:
        """Bytes of the arrays this stream holds between frames, without the network's weights.

        Returns:
            ``state``: results of every token, and the restore gate's; ``view``: what is shown and
            on what evidence; ``buffers``: the last frame, and what the motion source, the judge
            and the gate's neurons keep.
        """
        seen: set[int] = set()
        parts = {
            "state": (self.state, self.decider.restore_state),
            "view": (self.view,),
            "buffers": (self._last, self.source, self.judge, self.decider.rule),
        }
        return {name: held_bytes(*things, seen=seen) for name, things in parts.items()}

    def look(self, rgb: Image, vectors: Vectors | None = None) -> Sight:
        """Motion and stem of the next frame; carries the view to it."""
        motion, macs = None, 0
        if self._last is not None:
            motion = self.source.measure(self._last, rgb, vectors)
            macs = motion.macs
            if self.policy.carry:
                macs += self.view.move(motion.flow)
        self._last = rgb
        levels = self.stream.stem(rgb, self.state)
        return Sight(rgb, motion, macs, levels, self._features(levels))

    def change(self, sight: Sight) -> F32 | None:
        """What the judge says of each token (N,); None on the first frame."""
        if sight.motion is None:
            return None
        return self.judge.change(sight.rgb, sight.features, sight.motion.flow, self.view)

    def scene(self, sight: Sight) -> Scene:
        """What the decision rests on; on the first frame nothing has changed."""
        nothing = np.zeros(self.config.tokens, np.float32)
        change = self.change(sight)
        if change is None or sight.motion is None:
            return Scene(sight.rgb, nothing, nothing, False, self.view)
        motion = sight.motion
        return Scene(sight.rgb, change, motion.residual_px, motion.ego, self.view)

    def run(self, sight: Sight, opened: npt.NDArray[np.bool_]) -> F32:
        """Compute open tokens (S, N) and show them; returns the logits of every token."""
        logits: F32 = self.stream.run(sight.levels, opened, self.state).numpy()
        pooled = None
        if self.policy.static == "downsample":
            blocks = block_tokens(self.config)
            pooled = np.zeros(self.config.tokens, bool)
            pooled[blocks[pooled_blocks(opened, blocks)]] = True
        self.view.refresh(sight.rgb, sight.features, logits, opened[-1], pooled)
        return logits

    def _score_anew(self) -> int:
        """Norms of every token as last computed; returns MACs."""
        if not self.state.started:
            return 0
        entering = self.state.x[:-1]
        self.state.strength[:] = torch.linalg.vector_norm(entering, dim=-1).numpy()
        return entering.numel()

    def _features(self, levels: list[Tensor]) -> F32:
        """The stem's last level inside the margin (h·2, w·2, C)."""
        inner = levels[-1][0, :, self._inner, self._inner]
        out: F32 = np.ascontiguousarray(inner.permute(1, 2, 0).numpy())
        return out
