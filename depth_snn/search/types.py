"""What the parts of a search agree on: points, tasks, outcomes, and three protocols.

Everything is minimised. A point lies in the unit cube; what its coordinates mean is the genome's
affair. An *evaluation* is one candidate on one set of clips; a candidate may have several.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

OK, FAILED, TIMEOUT, CRASHED = "ok", "failed", "timeout", "crashed"
"""How an evaluation ended: measured; raised an error; ran past its deadline; took its process
with it."""


@dataclass(frozen=True)
class Task:
    """One evaluation to make.

    Attributes:
        number: Its place in the history, from 0.
        candidate: The candidate's number, from 0.
        point: Where it lies in the unit cube.
        clips: Number of the set of clips it is measured on.
    """

    number: int
    candidate: int
    point: tuple[float, ...]
    clips: int


@dataclass(frozen=True)
class Outcome:
    """What an evaluation came to.

    Attributes:
        status: ``OK``, ``FAILED``, ``TIMEOUT`` or ``CRASHED``.
        measures: What was measured, by name; empty unless ``OK``. The objectives are among them.
        violation: By how much constraints are violated, as a sum of relative excesses; 0 for none.
        error: One line on what went wrong; empty if ``OK``.
        seconds: Wall time; it never decides anything.
    """

    status: str
    measures: Mapping[str, float] = field(default_factory=dict)
    violation: float = 0.0
    error: str = ""
    seconds: float = 0.0


class Problem(Protocol):
    """What is searched. It is sent to other processes, so it must be picklable and small."""

    @property
    def dimensions(self) -> int:
        """Coordinates of a point."""

    @property
    def objectives(self) -> tuple[str, ...]:
        """Names of the measures to minimise."""

    @property
    def scales(self) -> tuple[float, ...]:
        """A value of each objective that counts as 1.

        Hypervolumes are taken in these units below the corner (1, …, 1).
        """

    @property
    def sets(self) -> int:
        """Number of sets of clips; they are numbered from 0."""

    def evaluate(self, point: Sequence[float], clips: int) -> tuple[dict[str, float], float]:
        """Measures and violation of a point on a set of clips; may raise, hang or crash.

        The same point and set give the same answer in every process.
        """

    def starts(self) -> list[tuple[float, ...]]:
        """Known-good points; the first is the reference that the others are compared with."""

    def facts(self) -> dict[str, Any]:
        """What the search rests on, JSON-able; a store of other facts is not resumed."""


class Executor(Protocol):
    """Makes evaluations, here or elsewhere."""

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Outcome]]:
        """Outcomes in the order in which they come; every task has exactly one."""

    def close(self) -> None:
        """Stop what was started."""


class Algorithm(Protocol):
    """Proposes points and learns from what became of them. Deterministic for its seed.

    Attributes:
        name: What tables and the command line call it.
    """

    name: str

    def ask(self) -> list[Floats]:
        """The next generation's points (n,), all within the unit cube."""

    def tell(self, candidates: Sequence[int], points: Sequence[Floats], losses: Floats) -> None:
        """What became of the generation.

        Args:
            candidates: Their numbers.
            points: Where they lie; in the first generation, starts are among them.
            losses: Objectives in units of their scales (m, k); those of a failed or infeasible one
                are worse than those of every feasible one.
        """

    def retell(self, losses: Mapping[int, Floats]) -> None:
        """Better estimates (k,) of candidates that were told before; unknown ones are ignored."""

    def kept(self) -> list[int]:
        """Candidates whose losses still matter to it, such as parents."""
