"""Limits of a search on the integer network: a budget file and a chip, as relative excesses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from conversion.graph import Graph
from depth_snn.cli.chain.early import check_budget
from depth_snn.errors import BudgetError
from loihi.placing.faults import Fault
from sims.budget import BudgetResult
from sims.budget_file import Budget
from sims.counts import NodeCounts
from sims.fast import FastSimulator
from sims.frame_window import BURSTS, window_frames
from sims.limit import Limit


def check_limits(budget: Budget, graph: Graph, frames: int) -> None:
    """Refuse limits that short labelled clips cannot be judged by.

    Args:
        budget: The limits.
        graph: The network's graph, for the names of its layers.
        frames: Frames of each clip that run, the first included.

    Raises:
        BudgetError: naming the first such limit.
        ConfigError: A table that the budget names cannot be read.
    """
    for limit in budget.limits:
        if limit.window == BURSTS:
            raise BudgetError(
                f"{limit.name}: a search runs the first {frames} frames of each clip, where a "
                "sudden event need not be; give a range of frames, or leave the limit out"
            )
        if limit.window and not _inside(limit, frames):
            raise BudgetError(
                f"{limit.name}: a search runs the first {frames} frames of each clip, numbered "
                "from 0, and these are not among them; give others, or leave the limit out"
            )
    layers = any(limit.section == "layers" for limit in budget.limits)
    nodes: Mapping[str, NodeCounts] = FastSimulator(graph, ()).counts if layers else {}
    check_budget(budget, nodes, "scene:")


def _inside(limit: Limit, frames: int) -> bool:
    """Whether a range of frames lies in those that run; an open one begins there."""
    last = limit.window.partition("-")[2]
    begins = bool(window_frames(limit.window, frames, ()))
    return begins and (not last or int(last) < frames)


def budget_excess(results: Sequence[BudgetResult]) -> float:
    """By how much the worst of several runs goes beyond each limit, summed over limits.

    Args:
        results: The same budget, judged on each run.

    Returns:
        Σ |observed − limit| / limit over the exceeded limits of every layer; 1 for one that
        allows nothing at all. 0 where all are kept.
    """
    worst: dict[tuple[str, str], float] = {}
    for result in results:
        for limit in result.failures:
            over = -limit.headroom / limit.limit if limit.limit else 1.0
            place = (limit.name, limit.layer)
            worst[place] = max(over, worst.get(place, 0.0))
    return float(sum(worst.values()))


def target_excess(faults: Iterable[Fault]) -> float:
    """By how much a graph goes beyond what a chip has, summed over broken limits and nodes.

    Returns:
        Σ needed / there is − 1; 1 for a node that needs what the chip does not have at all.
    """
    return float(sum(f.value / f.most - 1 if f.most > 0 else 1.0 for f in faults))
