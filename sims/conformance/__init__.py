"""One set of cases on every engine, compared exactly (docs/conformance.md)."""

from sims.conformance.answer import Answer, Engine
from sims.conformance.engines import fast_engine, reference_engine
from sims.conformance.ledger import Ledger, load_ledger
from sims.conformance.run import Report, Verdict, run_set

__all__ = [
    "Answer", "Engine", "Ledger", "Report", "Verdict", "fast_engine", "load_ledger",
    "reference_engine", "run_set",
]  # fmt: skip
