"""The graph as Lava processes, run behind one import shim."""

from loihi.hardware import hardware_available, require_hardware
from loihi.on_chip import ChipResult, ports_on_chip, simulate_on_loihi2
from loihi.runner import LavaResult, simulate_on_lava
from loihi.shim import lava_available

__all__ = [
    "ChipResult", "LavaResult", "hardware_available", "lava_available", "ports_on_chip",
    "require_hardware", "simulate_on_lava", "simulate_on_loihi2",
]  # fmt: skip
