"""The fast simulator: the integers of docs/fixed_point.md, with work proportional to events."""

from sims.fast.simulator import FastSimulator, simulate

__all__ = ["FastSimulator", "simulate"]
