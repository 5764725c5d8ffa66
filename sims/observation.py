"""What a run shows about one limit: exact values, the layer, the frame, and what to know."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fnmatch import fnmatchcase
from fractions import Fraction

from depth_snn.errors import BudgetError
from sims.budget_file import Budget
from sims.cost_table import TIERS
from sims.counted_run import CountedRun
from sims.counts import NodeCounts
from sims.energy_total import format_pj, sum_contributions
from sims.evidence import NETWORK, Evidence, Observation, Series
from sims.frame_window import window_frames
from sims.limit import Limit
from sims.observed_time import observe_cores, time_series
from sims.record import RunRecord

_AJ_PER_UJ = 10**12


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
        return [observe_cores(limit, budget, evidence)]
    frames = judged_frames(limit, budget, evidence.record)
    return [_reduce(series, limit, frames) for series in _series(limit, budget, evidence)]


def judged_frames(limit: Limit, budget: Budget, record: RunRecord | CountedRun) -> list[int]:
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


def _reduce(series: Series, limit: Limit, frames: list[int]) -> Observation:
    values, minimum = series.values, limit.comparison == ">="
    # "Peak" is the busiest frame also where a minimum is asked of it.
    lowest = minimum and "peak" not in limit.key
    frame = (min if lowest else max)(frames, key=lambda t: values[t])
    value = values[frame]
    if limit.rule.statistic == "mean":
        value = sum((values[t] for t in frames), Fraction(0)) / len(frames)
    return Observation(value, series.layer, frame, series.note, series.partial)


def _series(limit: Limit, budget: Budget, evidence: Evidence) -> list[Series]:
    record, quantity = evidence.record, limit.rule.quantity
    if quantity in ("extra_compute", "macs_ratio"):
        if isinstance(record, CountedRun):
            raise BudgetError(
                f"{limit.name}: {record.source} holds counts of a graph and no MACs of a pruned "
                "network; judge a run.h5 of `depth-snn run`"
            )
        if quantity == "extra_compute":
            return [Series(_extra_percent(record))]
        return [Series([Fraction(int(n), record.dense_macs) for n in record.total_macs])]
    if quantity in ("latency", "frames_per_s"):
        return [time_series(limit, budget, evidence)]
    if quantity.startswith("energy"):
        return _energy(limit, evidence)
    if limit.section == "network":
        return [_counted_network(limit, record)]
    return [Series(_counted(limit, [n]), n.node) for n in _matching(limit, record)]


def _counted_network(limit: Limit, record: RunRecord | CountedRun) -> Series:
    if not record.counts:
        raise BudgetError(f"{limit.name}: the run has no event counts to judge by")
    nodes = list(record.counts.values())
    if limit.rule.quantity == "firing_rate":
        nodes = [node for node in nodes if node.neurons]
        if not nodes:
            raise BudgetError(f"{limit.name}: no layer of the run has neurons, so nothing fires")
    return Series(_counted(limit, nodes))


def _counted(limit: Limit, nodes: Sequence[NodeCounts]) -> list[Fraction]:
    """A count summed over nodes, per frame; a firing rate over all their neurons."""
    synops = limit.rule.quantity == "synaptic_operations"
    rows = [(n.synaptic_operations if synops else n.events_sent).tolist() for n in nodes]
    divisor = sum(n.neurons for n in nodes) if limit.rule.quantity == "firing_rate" else 1
    return [Fraction(sum(column), divisor) for column in zip(*rows, strict=True)]


def _matching(limit: Limit, record: RunRecord | CountedRun) -> list[NodeCounts]:
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


def _energy(limit: Limit, evidence: Evidence) -> list[Series]:
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
        if total.banded:
            low, high = (format_pj(end) for end in total.mean_band_pj(record.steady))
            note += f"; the central value is judged, the mean's band is {low} to {high}"
        values = [Fraction(value, _AJ_PER_UJ) for value in total.lower_aj]
        found.append(Series(values, name or NETWORK, note, bool(total.unknown)))
    return found


def _quality(limit: Limit, record: RunRecord | CountedRun) -> Observation:
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
