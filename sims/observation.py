"""What a run shows about one limit: exact values, the layer, the frame, and what to know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from fractions import Fraction

from conversion.graph import Graph
from depth_snn.errors import BudgetError
from sims.budget_file import Budget, ModelChoice
from sims.core_bound import CoreBound, core_bound
from sims.cost_table import TIERS
from sims.counts import NodeCounts
from sims.energy_total import EnergyReport, sum_contributions
from sims.frame_window import window_frames
from sims.limit import Limit
from sims.record import RunRecord
from sims.step_time import step_times, steps_per_frame
from sims.timing_table import load_timing

NETWORK = "network"
GRAPH_QUANTITIES = ("latency", "frames_per_s", "cores")
"""What is told from the graph, or told better with it."""

_AJ_PER_UJ = 10**12
_NS_PER_MS, _NS_PER_S = 10**6, 10**9


@dataclass(frozen=True)
class Observation:
    """One value to hold against a limit.

    Args:
        value: In the limit's unit.
        layer: The layer, or "network".
        frame: Worst frame; None for a value of the whole run.
        note: What the reader must know; may be empty.
        partial: True when the truth can only be worse: a bound, because something is unknown.
    """

    value: Fraction
    layer: str = NETWORK
    frame: int | None = None
    note: str = ""
    partial: bool = False


@dataclass(frozen=True)
class Evidence:
    """A run and what is needed to judge it.

    Args:
        record: The run.
        energy: Its energy.
        graph: Its network as a graph; None where it is not at hand.
    """

    record: RunRecord
    energy: EnergyReport
    graph: Graph | None = None


@dataclass(frozen=True)
class _Series:
    """A quantity in every frame, T values."""

    values: Sequence[Fraction]
    layer: str = NETWORK
    note: str = ""
    partial: bool = False


def observe(limit: Limit, budget: Budget, evidence: Evidence) -> list[Observation]:
    """Find what a limit is about.

    Args:
        limit: The limit; its value is not looked at.
        budget: Where it stands, which says what frames count and what models are used.
        evidence: The run.

    Returns:
        One observation, or one for each matching layer.

    Raises:
        BudgetError: The run did not observe it.
    """
    if limit.section == "quality":
        return [_quality(limit, evidence.record)]
    if limit.rule.quantity == "cores":
        bound = _cores(limit, budget.model, evidence)
        return [Observation(Fraction(bound.cores), note=bound.note, partial=True)]
    frames = judged_frames(limit, budget, evidence.record)
    return [_reduce(series, limit, frames) for series in _series(limit, budget, evidence)]


def judged_frames(limit: Limit, budget: Budget, record: RunRecord) -> list[int]:
    """Frames a limit holds in.

    Args:
        limit: The limit.
        budget: Where it stands; a limit of a window takes its frames from the same limit outside.
        record: The run.

    Returns:
        Frame numbers, ascending, at least one.

    Raises:
        BudgetError: The run has no such frame.
    """
    # The cap on recovery holds in every frame, so leaving the first one out would weaken it.
    every = budget.include_first_frame or limit.key == "extra_compute_percent_max"
    frames = list(range(0 if every else 1, record.frames))
    if not frames:
        raise BudgetError(
            f"{limit.name}: the run has only the first, dense frame; run more frames "
            "or set include_first_frame = true"
        )
    if limit.window:
        chosen = set(window_frames(limit.window, record.frames, record.events))
        frames = [frame for frame in frames if frame in chosen]
    else:
        for other in budget.limits:
            if other.window and other.place == limit.place:
                taken = set(window_frames(other.window, record.frames, record.events))
                frames = [frame for frame in frames if frame not in taken]
    if not frames:
        raise BudgetError(
            f"{limit.name}: none of the run's {record.frames} frames is judged by it; "
            f"{len(record.events)} burst events were observed"
        )
    return frames


def _reduce(series: _Series, limit: Limit, frames: list[int]) -> Observation:
    values, minimum = series.values, limit.comparison == ">="
    # "Peak" is the busiest frame also where a minimum is asked of it.
    lowest = minimum and "peak" not in limit.key
    frame = (min if lowest else max)(frames, key=lambda t: values[t])
    value = values[frame]
    if limit.rule.statistic == "mean":
        value = sum((values[t] for t in frames), Fraction(0)) / len(frames)
    return Observation(value, series.layer, frame, series.note, series.partial)


def _series(limit: Limit, budget: Budget, evidence: Evidence) -> list[_Series]:
    record, quantity = evidence.record, limit.rule.quantity
    if quantity == "extra_compute":
        return [_Series(_extra_percent(record))]
    if quantity == "macs_ratio":
        return [_Series([Fraction(int(n), record.dense_macs) for n in record.total_macs])]
    if quantity in ("latency", "frames_per_s"):
        return [_timed(limit, budget.model, evidence)]
    if quantity.startswith("energy"):
        return _energy(limit, evidence)
    if limit.section == "network":
        return [_counted_network(limit, record)]
    return [_Series(_counted(limit, [n]), n.node) for n in _matching(limit, record)]


def _counted_network(limit: Limit, record: RunRecord) -> _Series:
    if not record.counts:
        raise BudgetError(f"{limit.name}: the run has no event counts to judge by")
    nodes = list(record.counts.values())
    if limit.rule.quantity == "firing_rate":
        nodes = [node for node in nodes if node.neurons]
        if not nodes:
            raise BudgetError(f"{limit.name}: no layer of the run has neurons, so nothing fires")
    return _Series(_counted(limit, nodes))


def _counted(limit: Limit, nodes: Sequence[NodeCounts]) -> list[Fraction]:
    """A count summed over nodes, per frame; a firing rate over all their neurons."""
    synops = limit.rule.quantity == "synaptic_operations"
    rows = [(n.synaptic_operations if synops else n.events_sent).tolist() for n in nodes]
    divisor = sum(n.neurons for n in nodes) if limit.rule.quantity == "firing_rate" else 1
    return [Fraction(sum(column), divisor) for column in zip(*rows, strict=True)]


def _matching(limit: Limit, record: RunRecord) -> list[NodeCounts]:
    nodes = [n for name, n in record.counts.items() if fnmatchcase(name, limit.pattern)]
    if not nodes:
        known = ", ".join(list(record.counts)[:8]) or "none"
        raise BudgetError(f"{limit.name}: no layer matches; the run has {known}")
    if limit.rule.quantity != "firing_rate":
        return nodes
    firing = [node for node in nodes if node.neurons]
    if not firing:
        raise BudgetError(f"{limit.name}: no matching layer has neurons, so nothing fires")
    return firing


def _extra_percent(record: RunRecord) -> list[Fraction]:
    percent = []
    for frame, (base, extra) in enumerate(
        zip(record.base_macs.tolist(), record.extra_macs.tolist(), strict=True)
    ):
        if base == 0 and extra:
            raise BudgetError(
                f"recovery: frame {frame} restored {extra} MACs beside a pruned stream of 0 MACs, "
                "so its percentage is not defined"
            )
        percent.append(Fraction(100 * extra, base) if base else Fraction(0))
    return percent


def _energy(limit: Limit, evidence: Evidence) -> list[_Series]:
    energy, record = evidence.energy, evidence.record
    names = [""] if limit.section == "network" else [n.node for n in _matching(limit, record)]
    depth = TIERS.index(limit.tier)
    found = []
    for name in names:
        total = energy.tiers[limit.tier] if not name else sum_contributions(
            (c for c in energy.contributions if c.node == name and TIERS.index(c.tier) <= depth),
            record.frames,
        )  # fmt: skip
        if not total.observed:
            raise BudgetError(
                f"{limit.name}: no energy was observed"
                f"{f' of {name}' if name else ''} (unknown: {', '.join(total.unknown)})"
            )
        note = f"tier {limit.tier}, modelled with {energy.table.name}"
        if total.unknown:
            note += f"; on the priced part only, unknown: {', '.join(total.unknown)}"
        values = [Fraction(value, _AJ_PER_UJ) for value in total.lower_aj]
        found.append(_Series(values, name or NETWORK, note, bool(total.unknown)))
    return found


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


def _cores(limit: Limit, model: ModelChoice, evidence: Evidence) -> CoreBound:
    bound = core_bound(evidence.record.counts, evidence.graph, load_timing(model.timing))
    if bound is None:
        raise BudgetError(f"{limit.name}: no neurocore node was counted, so no core is needed")
    return bound


def _timed(limit: Limit, model: ModelChoice, evidence: Evidence) -> _Series:
    record, table = evidence.record, load_timing(model.timing)
    steps = steps_per_frame(_graph(limit, evidence)) if limit.rule.quantity == "latency" else 1
    bound = _cores(limit, model, evidence)
    cores = model.cores or bound.cores
    if cores < bound.cores:
        raise BudgetError(
            f"{limit.name}: model.cores is {cores}, and the network takes {bound.cores} or more "
            f"({bound.note})"
        )
    times = step_times(record.counts, record.frames, cores, table)
    if not all(times.ns):
        raise BudgetError(f"{limit.name}: the table {table.name} gives no time of any step")
    origin = "as the budget says" if model.cores else bound.note
    note = (
        f"modelled with {table.name}: {f'{steps} steps a frame, ' if steps > 1 else ''}work spread "
        f"evenly over {cores} cores ({origin}); not in it: {', '.join(times.unknown) or 'nothing'}"
    )
    if limit.rule.quantity == "latency":
        values = [steps * ns / _NS_PER_MS for ns in times.ns]
    else:
        values = [_NS_PER_S / ns for ns in times.ns]
    return _Series(values, note=note, partial=True)


def _quality(limit: Limit, record: RunRecord) -> Observation:
    needed = ("miou_integer",) if limit.key == "miou_min" else ("miou_dense", "miou_integer")
    missing = [name for name in needed if name not in record.quality]
    if missing:
        raise BudgetError(
            f"{limit.name}: {' and '.join(missing)} was not observed; "
            "it needs an input with labels, such as scene:street"
        )
    values = [Fraction(Decimal(repr(record.quality[name]))) for name in needed]
    if limit.key == "miou_min":
        return Observation(values[0])
    return Observation(100 * (values[0] - values[1]), note="dense minus integer network")
