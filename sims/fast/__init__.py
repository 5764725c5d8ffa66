"""The fast simulator: the integers of docs/fixed_point.md, with work proportional to events."""

from sims.fast.batch import simulate_batch
from sims.fast.simulator import FastSimulator, simulate
from sims.fast.stream import stream

__all__ = ["FastSimulator", "simulate", "simulate_batch", "stream"]
