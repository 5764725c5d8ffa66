"""Cores and modelled time of a run, for limits about them."""

from __future__ import annotations

from fractions import Fraction

from conversion.graph import Graph
from depth_snn.errors import BudgetError
from sims.budget_file import Budget
from sims.core_spread import CoreSpread, fewest_cores, placed_cores
from sims.evidence import Evidence, Observation, Series
from sims.limit import Limit
from sims.step_time import step_times, steps_per_frame
from sims.timing_table import TimingTable, load_timing

GRAPH_QUANTITIES = ("latency",)
"""What cannot be told without the graph."""
_NS_PER_MS, _NS_PER_S = 10**6, 10**9


def _graph(limit: Limit, evidence: Evidence) -> Graph:
    graph, counts = evidence.graph, evidence.record.counts
    if graph is None:
        raise BudgetError(
            f"{limit.name}: it needs the graph of the run for the number of steps; "
            "keep graph.h5 beside run.h5, or name it with --graph"
        )
    strangers = [node.name for node in graph.nodes if node.name not in counts]
    if strangers:
        raise BudgetError(
            f"{limit.name}: the graph has a node {strangers[0]!r} that the run did not count; "
            "give the graph the run was made with"
        )
    return graph


def _spread(limit: Limit, budget: Budget, evidence: Evidence, table: TimingTable) -> CoreSpread:
    if evidence.placement is not None:
        return placed_cores(_graph(limit, evidence), evidence.placement)
    bound = fewest_cores(evidence.record.counts, table)
    if bound is None:
        raise BudgetError(f"{limit.name}: no neurocore node was counted, so no core is needed")
    cores = budget.model.cores
    if cores is None or limit.rule.quantity == "cores":
        return bound
    if cores < bound.cores:
        raise BudgetError(
            f"{limit.name}: model.cores is {cores}, and the network takes {bound.cores} or more "
            f"({bound.note})"
        )
    return CoreSpread(cores, False, f"{cores} cores, as the budget says")


def observe_cores(limit: Limit, budget: Budget, evidence: Evidence) -> Observation:
    """Count the cores a network takes, or bound them from below.

    Args:
        limit: A limit on cores.
        budget: Where it stands.
        evidence: The run.

    Raises:
        BudgetError: Nothing lies on a neurocore.
    """
    spread = _spread(limit, budget, evidence, load_timing(budget.model.timing))
    return Observation(Fraction(spread.cores), note=spread.note, partial=not spread.placed)


def time_series(limit: Limit, budget: Budget, evidence: Evidence) -> Series:
    """Model latency or throughput of every frame.

    Args:
        limit: A limit on time.
        budget: Where it stands, which names the timing table and may give the cores.
        evidence: The run.

    Raises:
        BudgetError: The graph is missing or another network's, or the cores are too few.
    """
    record, table = evidence.record, load_timing(budget.model.timing)
    latency = limit.rule.quantity == "latency"
    steps = steps_per_frame(_graph(limit, evidence)) if latency else 1
    spread = _spread(limit, budget, evidence, table)
    times = step_times(record.counts, record.frames, spread, table)
    if not all(times.ns):
        raise BudgetError(f"{limit.name}: the table {table.name} gives no time of any step")
    evenly = "" if spread.placed else f", work spread evenly over {spread.cores}"
    note = (
        f"modelled with {table.name}: {f'{steps} steps a frame, ' if latency else ''}"
        f"{spread.note}{evenly}; not in it: {', '.join(times.unknown) or 'nothing'}"
    )
    values = [steps * ns / _NS_PER_MS if latency else _NS_PER_S / ns for ns in times.ns]
    return Series(values, note=note, partial=bool(times.unknown) or not spread.placed)
