"""What an engine answers to a case, and what an engine is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from conversion.cases.case import Mode
from conversion.graph import Graph
from sims.counts import NodeCounts

IntArray = npt.NDArray[np.int64]
Inputs = Mapping[str, IntArray]


@dataclass(frozen=True, eq=False)
class Answer:
    """What one engine shows for one case.

    Args:
        values: By ``"node.port"``, (T, *shape); row f is what the port shows at step f + lag.
        by_step: The same by step, (T + largest lag, *shape), from engines that go step by step.
        counts: Events by node, from engines that count.
        overflow: Why the engine refused the case; empty where it did not.
    """

    values: Mapping[str, IntArray] = field(default_factory=dict)
    by_step: Mapping[str, IntArray] | None = None
    counts: Mapping[str, NodeCounts] | None = None
    overflow: str = ""


@dataclass(frozen=True, eq=False)
class Engine:
    """Something that runs graphs.

    Args:
        name: What verdicts and the ledger call it.
        answer: Runs a graph on inputs in a mode; an overflow is an answer, other errors are raised.
        unable: Says why a case cannot run there, or returns nothing; a reason must stand in the
            ledger.
        partial: Whether it may leave ports out.
        side_by_side: Nodes that may share one run, for engines that are slow to start; 0: each
            case has a run of its own.
    """

    name: str
    answer: Callable[[Graph, Inputs, Mode], Answer]
    unable: Callable[[Graph, Mode], str] = lambda graph, mode: ""
    partial: bool = False
    side_by_side: int = 0
