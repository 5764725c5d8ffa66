"""The reference simulator: plain Python integers and loops, written from docs/fixed_point.md alone.

It is the oracle of the conformance tests and the only simulator that goes step by step, with a ring
of values on every edge. It shares no arithmetic with the other simulators.
"""

from sims.reference.run import ReferenceResult, simulate

__all__ = ["ReferenceResult", "simulate"]
