"""Decides before a frame runs which tokens are computed and which restored; NumPy only."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from depth_snn.config import GateConfig, NetworkConfig, PolicyConfig
from depth_snn.pruning.plan import block_tokens, pooled_blocks, schedule
from depth_snn.pruning.prices import Prices
from depth_snn.recovery.judge import pixel_error, pixel_error_macs
from depth_snn.recovery.restore import Restored, RestoreParams, restore_step, restore_zeros
from depth_snn.recovery.rules import Rule, Scene, make_rule

REUSED, COMPUTED, RESTORED, CUT = range(4)
"""What happened to a token in a frame."""

F32 = npt.NDArray[np.float32]
Image = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Decision:
    """One frame's decision and what it rests on.

    Attributes:
        rgb: The frame (H, W, 3).
        residual_px: Motion of each token beyond the camera's, pixels (N,).
        change: How far what it shows may be off, in the judge's units (N,).
        drive: Input of the gate neurons (R,).
        membrane: Their potential before reset, 1/64 drive units (R,).
        spikes: Their spikes (R,).
        sched: Tokens the pruned stream computes in each stage (S, N).
        restored: Open mask, admitted regions, own and restored MACs.
        motion_macs, gate_macs: Work spent on deciding.
        stem_macs: Work of the network that every frame executes.
        pooled: Blocks of four that run as one coarse token (B,); None where static tokens are
            reused.
    """

    rgb: npt.NDArray[np.uint8]
    residual_px: npt.NDArray[np.float32]
    change: npt.NDArray[np.float32]
    drive: npt.NDArray[np.int64]
    membrane: npt.NDArray[np.int64]
    spikes: Mask
    sched: Mask
    restored: Restored
    motion_macs: int
    gate_macs: int
    stem_macs: int
    pooled: Mask | None = None

    @property
    def fixed_macs(self) -> int:
        """Exactly counted work that runs in every frame; the base of the cap starts here."""
        return self.gate_macs + self.stem_macs

    def executed(self, prices: Prices) -> dict[str, int]:
        """MACs of the network in this frame by category, without motion and gates."""
        pooled = None if self.pooled is None else int(self.pooled.sum())
        return prices.executed(self.restored.open.sum(1), pooled)

    def token_state(self) -> npt.NDArray[np.uint8]:
        """REUSED, COMPUTED, RESTORED or CUT for every token (N,); pooled ones count as REUSED."""
        opened = self.restored.open
        state = np.where(opened[0], COMPUTED, REUSED)
        state = np.where(opened[0] & ~opened[-1], CUT, state)
        restored = (opened & ~self.sched).any(0)
        return np.where(restored, RESTORED, state).astype(np.uint8)


class Decider:
    """Schedule, recovery and cap of one stream.

    Args:
        config: Shape of the network, with the heads that are left.
        policy: Thresholds, rates and gate.
        prices: MACs per token and stage, and of the stem.
        judge_macs: MACs of one frame's judgement of the tokens.
        rule: Who asks to be restored; None for the policy's spikes, or for nobody.
    """

    def __init__(
        self,
        config: NetworkConfig,
        policy: PolicyConfig,
        prices: Prices,
        judge_macs: int,
        rule: Rule | None = None,
    ) -> None:
        self.config, self._given_rule = config, rule is not None
        self.rule = rule or _rule_of(policy, config)
        self.restore_state = restore_zeros(config.regions)
        self._set(policy, prices, judge_macs)

    def swap(self, policy: PolicyConfig, prices: Prices, judge_macs: int) -> None:
        """Go on under another policy.

        What the gate has saved and owes stays, unless nothing is to be restored any more: then
        what it owes is dropped. The gate's neurons keep their potentials unless a setting of
        theirs changes: then they start at rest. A rule that was given stays.

        Raises:
            ConfigError: if the policy does not suit the network; nothing has changed then.
            MissingDependency: if the new body of the neurons is not installed; likewise.
        """
        policy.rates("token_rate", self.config.layers)
        if not self._given_rule and _asking(policy) != _asking(self.policy):
            self.rule = _rule_of(policy, self.config)
            if not policy.recovery:
                nothing = restore_zeros(self.config.regions)
                self.restore_state = nothing._replace(level=self.restore_state.level)
        self._set(policy, prices, judge_macs)

    def _set(self, policy: PolicyConfig, prices: Prices, judge_macs: int) -> None:
        """All that follows from a policy, given who asks."""
        config, gate = self.config, policy.gate
        self.policy, self.token_rates = policy, policy.rates("token_rate", config.layers)
        self.params = RestoreParams(
            region_of=config.region_of(), price=prices.per_stage(),
            own_price=prices.own_per_stage(), regions=config.regions,
            hold=gate.hold, cap_percent=gate.cap_percent, refill_percent=gate.refill_percent,
            capacity=prices.dense_macs(),
        )  # fmt: skip
        self.blocks = block_tokens(config) if policy.static == "downsample" else None
        restoring = config.stages * config.tokens if self.rule.macs else 0
        plain = pixel_error_macs(config) if policy.pruned_by == "pixels" else 0
        self.gate_macs = judge_macs + plain + self.rule.macs + restoring
        self.stem_macs = prices.fixed_macs()

    def decide(self, scene: Scene, motion_macs: int, strength: F32 | None) -> Decision:
        """Decide the next frame of the stream.

        Args:
            scene: What is known of the frame; before anything was shown it is computed whole.
            motion_macs: Work spent on motion and on carrying the view along it.
            strength: L2 norms of the tokens at each block's entrance, as last computed (L, N);
                None on the first frame.
        """
        sched = schedule(self._active(scene), strength, self.token_rates)
        ask = self.rule.ask(scene)
        restored, self.restore_state = restore_step(
            ask.spikes, ask.membrane, sched, self.gate_macs + self.stem_macs, self.restore_state,
            self.params,
        )  # fmt: skip
        pooled = None if self.blocks is None else pooled_blocks(restored.open, self.blocks)
        return Decision(
            scene.rgb, scene.motion, scene.change, ask.drive, ask.membrane, ask.spikes, sched,
            restored, motion_macs, self.gate_macs, self.stem_macs, pooled,
        )  # fmt: skip

    def _active(self, scene: Scene) -> Mask:
        """Tokens that went stale, or moved by themselves and changed at least a little."""
        policy = self.policy
        if not scene.view.started:
            return np.ones(self.config.tokens, bool)
        change = scene.change
        if policy.pruned_by == "pixels":
            change = pixel_error(scene.rgb, scene.view)
        tau = policy.tau_ego if scene.ego and policy.tau_ego else policy.tau_stale
        moved = (scene.motion >= policy.tau_px) & (change >= tau * policy.moved_share)
        out: Mask = moved | (change >= tau)
        return out


def _rule_of(policy: PolicyConfig, config: NetworkConfig) -> Rule:
    return make_rule("spikes" if policy.recovery else "none", config, policy.gate)


def _asking(policy: PolicyConfig) -> tuple[bool, GateConfig]:
    """What of a policy the neurons themselves depend on."""
    bare = GateConfig()
    gate = replace(
        policy.gate, hold=bare.hold, cap_percent=bare.cap_percent,
        refill_percent=bare.refill_percent,
    )  # fmt: skip
    return policy.recovery, gate
