"""The graph as Lava processes, run behind one import shim."""

from loihi.hardware import hardware_available, require_hardware
from loihi.runner import LavaResult, simulate_on_lava
from loihi.shim import lava_available

__all__ = [
    "LavaResult", "hardware_available", "lava_available", "require_hardware", "simulate_on_lava",
]  # fmt: skip
