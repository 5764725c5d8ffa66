"""Settings of the recovery gate; plain data without torch."""

from __future__ import annotations

from dataclasses import dataclass

from depth_snn.errors import ConfigError


@dataclass(frozen=True)
class GateConfig:
    """The recovery gate: a LIF per region and the cap on what it may restore.

    Attributes:
        dv: Voltage decay out of 4096; β = (4096 − dv)/4096.
        vth: Threshold γ in units of the drive.
        reset: ``"subtract"`` or ``"zero"``.
        hold: Frames one spike restores its region for.
        cap_percent: Restored work allowed in any frame, percent of the pruned stream's own.
        refill_percent: Restored work allowed in the long run, same unit.
        body: Which body of the neuron runs: ``"loihi"``, ``"snntorch"`` or ``"norse"``.
        drive: ``"change"``: the judged change of the region's tokens; ``"gradient"``: D_t, the
            proposal's.
        gain: Units of drive for one of judged change.
        gain_pixels: Units of drive for one grey level by which a token's pixels differ from those
            it was computed on: the second input of the neuron, which hears what a judge misses.
        adapt: Units of drive that every spike takes from its region's later drive; what is taken
            halves from frame to frame.
    """

    dv: int = 2048
    vth: int = 250
    reset: str = "subtract"
    hold: int = 4
    cap_percent: int = 15
    refill_percent: int = 10
    body: str = "loihi"
    drive: str = "gradient"
    gain: int = 16
    gain_pixels: int = 0
    adapt: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.dv <= 4096:
            raise ConfigError(f"gate.dv {self.dv} is outside 0..4096")
        if not 0 < self.vth < 2**17:
            raise ConfigError(f"gate.vth {self.vth} is outside 1..131071")
        if self.reset not in ("subtract", "zero"):
            raise ConfigError(f"gate.reset {self.reset!r}: expected 'subtract' or 'zero'")
        if self.body not in ("loihi", "snntorch", "norse"):
            raise ConfigError(f"gate.body {self.body!r}: expected loihi, snntorch or norse")
        if self.drive not in ("gradient", "change"):
            raise ConfigError(f"gate.drive {self.drive!r}: expected gradient or change")
        if not 1 <= self.gain < 2**15:
            raise ConfigError(f"gate.gain {self.gain} is outside 1..32767")
        for key in ("gain_pixels", "adapt"):
            if not 0 <= getattr(self, key) < 2**15:
                raise ConfigError(f"gate.{key} {getattr(self, key)} is outside 0..32767")
        if self.hold < 1:
            raise ConfigError(f"gate.hold {self.hold} must be at least 1 frame")
        for key in ("cap_percent", "refill_percent"):
            if not 0 <= getattr(self, key) <= 1000:
                raise ConfigError(f"gate.{key} {getattr(self, key)} is outside 0..1000")
