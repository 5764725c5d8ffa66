"""The ways a Lava run can fail, brought about on purpose, and what is left after each of them."""

from loihi.failures.cases import CASES, Case, Outcome, run_case

__all__ = ["CASES", "Case", "Outcome", "run_case"]
