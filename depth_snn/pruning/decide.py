"""Decides before a frame runs which tokens are computed and which restored; NumPy only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from depth_snn.config import NetworkConfig, PolicyConfig
from depth_snn.motion.sources import MotionSource, make_source, staleness
from depth_snn.neurons.bodies import make_body
from depth_snn.neurons.lif_integer import LIFParams
from depth_snn.pruning.plan import schedule
from depth_snn.pruning.prices import Prices
from depth_snn.recovery.drive import Gradient, drive_macs, feature_gradient, region_drive
from depth_snn.recovery.restore import (
    Restored,
    RestoreParams,
    restore_step,
    restore_zeros,
)
from depth_snn.windows import token_windows

REUSED, COMPUTED, RESTORED, CUT = range(4)
"""What happened to a token in a frame."""

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Decision:
    """One frame's decision and what it rests on.

    Attributes:
        rgb: The frame (H, W, 3).
        residual_px: Motion of each token beyond the camera's, pixels (N,).
        drive: Input of the gate neurons (R,).
        membrane: Their potential before reset, 1/64 drive units (R,).
        spikes: Their spikes (R,).
        sched: Tokens the pruned stream computes in each stage (S, N).
        restored: Open mask, admitted regions, own and restored MACs.
        motion_macs, gate_macs: Work spent on deciding.
        stem_macs: Work of the network that every frame executes.
    """

    rgb: npt.NDArray[np.uint8]
    residual_px: npt.NDArray[np.float32]
    drive: npt.NDArray[np.int64]
    membrane: npt.NDArray[np.int64]
    spikes: Mask
    sched: Mask
    restored: Restored
    motion_macs: int
    gate_macs: int
    stem_macs: int

    @property
    def fixed_macs(self) -> int:
        """Exactly counted work that runs in every frame; the base of the cap starts here."""
        return self.gate_macs + self.stem_macs

    def token_state(self) -> npt.NDArray[np.uint8]:
        """REUSED, COMPUTED, RESTORED or CUT for every token (N,)."""
        opened = self.restored.open
        state = np.where(opened[0], COMPUTED, REUSED)
        state = np.where(opened[0] & ~opened[-1], CUT, state)
        restored = (opened & ~self.sched).any(0)
        return np.where(restored, RESTORED, state).astype(np.uint8)


class Decider:
    """Motion, gates, schedule and cap of one stream; remembers the last frame and what was sent.

    Args:
        config: Shape of the network, with the heads that are left.
        policy: Thresholds, rates and gate.
        prices: MACs per token and stage, and of the stem.
    """

    def __init__(self, config: NetworkConfig, policy: PolicyConfig, prices: Prices) -> None:
        self.config, self.policy, gate = config, policy, policy.gate
        self.token_rates = policy.rates("token_rate", config.layers)
        self.source: MotionSource = make_source(policy.motion, config)
        reset: Literal["zero", "subtract"] = "zero" if gate.reset == "zero" else "subtract"
        self.body = make_body(
            gate.body, config.regions, LIFParams(dv=gate.dv, vth=gate.vth, reset=reset)
        )
        self.params = RestoreParams(
            region_of=config.region_of(), price=prices.per_stage(),
            own_price=prices.own_per_stage(), regions=config.regions,
            hold=gate.hold, cap_percent=gate.cap_percent, refill_percent=gate.refill_percent,
            capacity=prices.dense_macs(),
        )  # fmt: skip
        self.restore_state = restore_zeros(config.regions)
        gate_macs = drive_macs(config) + 2 * config.regions + config.stages * config.tokens
        self.gate_macs = gate_macs if policy.recovery else 0
        self.stem_macs = prices.fixed_macs()
        self.last_rgb: npt.NDArray[np.uint8] | None = None
        self.last_gradient: Gradient | None = None
        self.sent: npt.NDArray[np.uint8] | None = None

    def decide(
        self, rgb: npt.NDArray[np.uint8], strength: npt.NDArray[np.float32] | None
    ) -> Decision:
        """Decide the next frame of the stream.

        Args:
            rgb: The frame (H, W, 3).
            strength: L2 norms of the tokens at each block's entrance, as last computed (L, N);
                None on the first frame.
        """
        windows = token_windows(rgb, self.config)
        residual, active, motion_macs = self._active(rgb, windows)
        sched = schedule(active, strength, self.token_rates)
        drive = self._drive(rgb)
        spikes, membrane = self.body.step(drive)
        restored, self.restore_state = restore_step(
            spikes, membrane, sched, self.gate_macs + self.stem_macs, self.restore_state,
            self.params,
        )  # fmt: skip
        self._remember(rgb, windows, restored.open[-1])
        return Decision(
            rgb, residual, drive, membrane, spikes, sched, restored, motion_macs, self.gate_macs,
            self.stem_macs,
        )  # fmt: skip

    def _drive(self, rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
        """D_t of every region; silence when recovery is off."""
        if not self.policy.recovery:
            return np.zeros(self.config.regions, np.int64)
        gradient = feature_gradient(rgb, self.config)
        before, self.last_gradient = self.last_gradient, gradient
        return region_drive(gradient, before, self.config)

    def _active(
        self, rgb: npt.NDArray[np.uint8], windows: npt.NDArray[np.uint8]
    ) -> tuple[npt.NDArray[np.float32], Mask, int]:
        """Residual motion, tokens that moved or went stale, and the MACs of finding out."""
        tokens = self.config.tokens
        if self.last_rgb is None or self.sent is None:
            return np.zeros(tokens, np.float32), np.ones(tokens, bool), 0
        motion = self.source.measure(self.last_rgb, rgb)
        change = staleness(windows, self.sent)
        # Flow on flat walls is noise: motion counts only where pixels changed at least a little.
        seen = change >= self.policy.tau_stale / 2
        moved = (motion.residual_px >= self.policy.tau_px) & seen
        stale = change >= self.policy.tau_stale
        return motion.residual_px, moved | stale, motion.macs + windows.size

    def _remember(
        self, rgb: npt.NDArray[np.uint8], windows: npt.NDArray[np.uint8], sent: Mask
    ) -> None:
        # A token that was cut on the way has not sent its change: it stays stale and comes back.
        self.last_rgb = rgb
        if self.sent is None:
            self.sent = windows.copy()
        self.sent[sent] = windows[sent]
