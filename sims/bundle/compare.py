"""Whether a run gave what a bundle expects, port by port and step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from depth_snn.errors import EngineError
from sims.bundle.manifest import PortRow
from sims.result import Difference, first_difference

IntArray = npt.NDArray[np.int64]

SHIFTS = tuple(range(-4, 17))
"""Shifts in steps at which values that differ are looked for, to say what may have happened."""


@dataclass(frozen=True)
class PortReport:
    """One port of a comparison.

    Attributes:
        key: ``"node.port"``.
        values: Integers compared.
        mismatches: Of these, how many differ.
        first: The first of them, or None.
        shift: Steps by which the run showed exactly what was expected, too late (above 0) or too
            early; None where nothing differs, or no shift explains it.
    """

    key: str
    values: int
    mismatches: int
    first: Difference | None
    shift: int | None


def compare_port(row: PortRow, expected: IntArray, got: IntArray, first: int) -> PortReport:
    """Compare the steps that both have.

    Args:
        row: The port in the manifest.
        expected: Values (rows, *shape), from ``row.first_step`` on.
        got: Values of the run (steps, *shape), from ``first`` on.
        first: Step of the run's first row.

    Raises:
        EngineError: The run does not show the port, or no step is common.
    """
    if got.shape[1:] != expected.shape[1:]:
        raise EngineError(f"{row.key!r}: the run shows {got.shape[1:]}, not {expected.shape[1:]}")
    lo = max(first, row.first_step)
    hi = min(first + len(got), row.first_step + len(expected))
    if lo >= hi:
        raise EngineError(f"{row.key!r}: the run shows none of the steps that are expected")
    want = expected[lo - row.first_step : hi - row.first_step]
    have = got[lo - first : hi - first]
    differs = int((want != have).sum())
    if not differs:
        return PortReport(row.key, want.size, 0, None, None)
    found = first_difference({row.key: want}, {row.key: have})
    assert found is not None
    at = Difference(found.step + lo, found.key, found.index, found.left, found.right)
    return PortReport(row.key, want.size, differs, at, _shift(want, got, lo - first))


def compare(
    rows: tuple[PortRow, ...],
    expected: Mapping[str, IntArray],
    got: Mapping[str, IntArray],
    first: Mapping[str, int],
) -> tuple[PortReport, ...]:
    """Compare all ports; see :func:`compare_port`."""
    missing = [row.key for row in rows if row.key not in got]
    if missing:
        raise EngineError(f"the run shows no values of {missing[0]!r}")
    return tuple(compare_port(r, expected[r.key], got[r.key], first[r.key]) for r in rows)


def _shift(want: IntArray, got: IntArray, offset: int) -> int | None:
    """The smallest shift at which at least half of the expected steps lie in the run and match."""
    if not want.any():
        return None  # silence would match anywhere
    for shift in sorted(SHIFTS, key=abs):
        lo = offset + shift
        there = got[max(lo, 0) : lo + len(want)]
        here = want[max(-lo, 0) :][: len(there)]
        enough = 2 * len(here) >= len(want) and here.any()
        if enough and len(there) == len(here) and np.array_equal(there, here):
            return shift
    return None
