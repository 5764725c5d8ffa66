"""The verdict on one case and engine, and what all verdicts come to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

from sims.conformance.ledger import Entry

Word = Literal["agrees", "differs", "excepted", "stale", "not run"]
BAD: tuple[Word, ...] = ("differs", "stale")
"""Verdicts that fail the set. ``stale``: the ledger excepts what agrees."""
REPORT_FORMAT = 1
"""Version of the JSON report. 1: the first."""


@dataclass(frozen=True)
class Verdict:
    """What became of one case on one engine.

    Args:
        case: Name of the case.
        engine: Name of the engine.
        word: The verdict.
        values: Integers compared.
        mismatches: Integers that differ, those of excepted cases too.
        note: The first difference, the reason of the exception, or why it was not run.
        seconds: Wall time of the engine; of cases that shared a run an equal part of it.
    """

    case: str
    engine: str
    word: Word
    values: int = 0
    mismatches: int = 0
    note: str = ""
    seconds: float = 0.0

    def __str__(self) -> str:
        note = f": {self.note}" if self.note else ""
        numbers = f", {self.values} integers" if self.values else ""
        return f"{self.word:8} {self.engine:10} {self.case}{numbers}{note}"


@dataclass(frozen=True)
class Report:
    """All verdicts of a run.

    Args:
        verdicts: In the order they were reached.
        unused: Entries of the ledger that no case needed; errors, where the whole set was run.
    """

    verdicts: tuple[Verdict, ...]
    unused: tuple[Entry, ...] = field(default=())

    @property
    def compared(self) -> tuple[Verdict, ...]:
        """Verdicts behind which stands a comparison."""
        return tuple(v for v in self.verdicts if v.word in ("agrees", "differs", "stale"))

    @property
    def cases(self) -> int:
        """Cases that at least one engine was compared on."""
        return len({v.case for v in self.compared})

    @property
    def comparisons(self) -> int:
        """Pairs of case and engine that were compared."""
        return len(self.compared)

    @property
    def values(self) -> int:
        """Integers compared, with repetition by each engine."""
        return sum(v.values for v in self.compared)

    @property
    def mismatches(self) -> int:
        """Integers that differ, outside the ledger."""
        return sum(v.mismatches for v in self.compared)

    @property
    def good(self) -> bool:
        """Whether something was compared, nothing differs, and the ledger is exact."""
        return bool(self.compared) and not self.unused and not self.of(*BAD)

    def of(self, *words: Word) -> tuple[Verdict, ...]:
        """Verdicts of these words."""
        return tuple(v for v in self.verdicts if v.word in words)

    def summary(self) -> list[str]:
        """Totals in a few lines."""
        counts = Counter(v.word for v in self.verdicts)
        words = ", ".join(f"{count} {word}" for word, count in sorted(counts.items()))
        lines = [
            f"{self.cases} cases, {self.comparisons} comparisons, {self.values} integers: "
            f"{self.mismatches} differ",
            *self._by_engine(),
            f"verdicts: {words or 'none'}",
        ]
        lines += [
            f"the ledger's entry for {e.engine} on {', '.join(e.cases)} is needed by no case; "
            "remove it"
            for e in self.unused
        ]
        return lines

    def _by_engine(self) -> list[str]:
        """Why there are more comparisons than cases: each case is compared on several engines."""
        counts = Counter(v.engine for v in self.compared)
        known = {"reference": " (cases with a known answer)"}
        parts = [f"{engine} {count}{known.get(engine, '')}" for engine, count in counts.items()]
        return [f"comparisons, a case on an engine: {', '.join(parts)}"] if parts else []

    def as_json(self) -> dict[str, Any]:
        """The report as plain data, with a format version."""
        return {
            "format": REPORT_FORMAT,
            "cases": self.cases,
            "comparisons": self.comparisons,
            "values": self.values,
            "mismatches": self.mismatches,
            "good": self.good,
            "unused_exceptions": [f"{e.engine}: {', '.join(e.cases)}" for e in self.unused],
            "verdicts": [
                {**vars(v), "seconds": round(v.seconds, 4)} for v in self.verdicts
            ],
        }  # fmt: skip
