"""One conformance case: a graph with inputs, how overflow is treated, and what is known of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from conversion.cases.building import Case, IntArray
from conversion.graph import Graph

Mode = Literal["strict", "chip", "unbounded"]
"""A value outside its register raises, wraps, or grows (docs/fixed_point.md §9)."""

Values = Mapping[str, IntArray]
"""By ``"node.port"``, or by another name; int64, frames first."""


def as_shown(values: Values) -> Values:
    """The values an engine shows, unchanged."""
    return values


@dataclass(frozen=True, eq=False)
class Known:
    """Values that come from no engine of this project: recorded, or worked out by hand.

    Args:
        values: Integers (F, *shape); where F is below the frames of a run, its first F count.
        read: Makes arrays of the same names from what an engine shows by frame.
    """

    values: Values
    read: Callable[[Values], Values] = as_shown


@dataclass(frozen=True, eq=False)
class ConformanceCase:
    """A graph and inputs on which all engines must agree.

    Args:
        name: ``family/what``; stable, since ledger and reports speak of it.
        build: Makes graph and inputs, the same at every call.
        mode: How a value outside its register is treated.
        known: Gives, from the graph, what the ports must show; None where nothing is known.

    ``build`` raises MissingDependency or InputError where a package or a file is not at hand.
    """

    name: str
    build: Callable[[], Case]
    mode: Mode = "strict"
    known: Callable[[Graph], Known] | None = None

    @property
    def family(self) -> str:
        """First part of the name."""
        return self.name.partition("/")[0]
