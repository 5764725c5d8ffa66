"""Tables and figures of a run of the protocol."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from depth_snn.cli.depth.protocol import (
    DENSE,
    FULL,
    IRREVERSIBLE,
    JUDGED,
    NONE,
    PLAIN,
    RECOVERY,
    UNTRAINED,
    WEATHERS,
    Results,
)
from depth_snn.cli.depth.score import (
    Interval,
    SeedScores,
    added_burst,
    gap_closed,
    interval,
    losses_by_lag,
    summary,
)

COLUMNS = {
    "MACs %": ("work", 100), "mIoU %": ("miou", 1), "lost": ("loss", 1),
    "pedestrian lost": ("pedestrian", 1), "vehicle lost": ("vehicle", 1),
    "burst lost": ("burst_loss", 1), "extra %": ("extra", 1), "speed-up": ("speedup", 1),
    "conversion": ("conversion", 1),
}  # fmt: skip
"""Columns by heading: a score and what it is multiplied by."""
_SHORT = {"spikes": "spike", FULL: "spike_full", UNTRAINED: "spike_untrained"}
Value = tuple[float, str, float | None]


def rows_of(scores: Mapping[str, Sequence[SeedScores]]) -> list[list[str]]:
    """One row a method: mean ± half of the 95 % interval over seeds."""
    rows = []
    for method in scores:
        found = summary(scores, method)
        cells = []
        for name, factor in COLUMNS.values():
            value = found[name]
            cells.append(type(value)(value.mean * factor, value.half * factor).text(2))
        rows.append([method, *cells, f"{max(s.worst_extra for s in scores[method]):.2f}"])
    return rows


def print_results(results: Results) -> None:
    """Every group, then the ablation."""
    heading = ["", *COLUMNS, "worst extra %"]
    for group, scores in results.groups.items():
        print_table([group, *heading[1:]], rows_of(scores))
    for kind, scores in results.ablation.items():
        print_table([f"bursts, {kind}", *heading[1:]], rows_of(scores))


def print_table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Left column flush left, the others flush right."""
    lines = [list(heading), *(list(row) for row in rows)]
    widths = [max(len(line[k]) for line in lines) for k in range(len(heading))]
    print()
    for line in lines:
        rest = (cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))
        print("  ".join([line[0].ljust(widths[0]), *rest]))


def figures_of(results: Results) -> dict[str, Value]:
    """Value, unit and spread (half of the 95 % interval over seeds) by figure name.

    What the clips do not show, such as pedestrians or a whole burst, has no figure.
    """
    out: dict[str, Value] = {}
    for group in ("static", "ego"):
        scores = results.groups[group]
        full, without = summary(scores, RECOVERY), summary(scores, IRREVERSIBLE)
        saved = interval([1 - s.work for s in scores[RECOVERY]])
        out[f"{group}_mac_saving"] = as_value(Interval(100 * saved.mean, 100 * saved.half), "%")
        for name, key in (
            ("miou", "loss"), ("pedestrian", "pedestrian"), ("vehicle", "vehicle")
        ):  # fmt: skip
            out[f"{group}_{name}_loss"] = as_value(full[key], "points")
        out[f"{group}_miou_loss_irreversible"] = (without["loss"].mean, "points", None)
    static = results.groups["static"][RECOVERY]
    out["static_speedup"] = as_value(interval([s.speedup for s in static]), "")
    ratios = interval([s.conversion for s in static])
    out["static_conversion_ratio"] = as_value(ratios, "")
    out |= _burst_figures(results) | _ablation_figures(results)
    for weather in WEATHERS:
        loss = interval([s.loss for s in results.groups[weather][RECOVERY]])
        out[f"{weather}_miou_loss"] = as_value(loss, "points")
    every = [s for group in results.groups.values() for s in group[RECOVERY]]
    out["recovery_extra_mean"] = (sum(s.extra for s in every) / len(every), "%", None)
    out["recovery_extra_worst"] = (max(s.worst_extra for s in every), "%", None)
    return {name: value for name, value in out.items() if not math.isnan(value[0])}


def _burst_figures(results: Results) -> dict[str, Value]:
    scores = results.groups["bursts"]
    out = {
        "burst_miou_delta_to_dense": as_value(
            interval([s.burst_loss for s in scores[RECOVERY]]), "points"
        ),
        "irreversible_burst_miou_delta": as_value(
            interval([s.burst_loss for s in scores[IRREVERSIBLE]]), "points"
        ),
    }
    lost, left = added_burst(scores[IRREVERSIBLE]), added_burst(scores[RECOVERY])
    if lost is not None and left is not None:
        out["burst_gap_closed_3_frames"] = (100 * gap_closed(lost, left), "%", None)
    return out


def _ablation_figures(results: Results) -> dict[str, Value]:
    out: dict[str, Value] = {}
    for kind, prefix in ((PLAIN, "ablation"), (JUDGED, "judged")):
        for rule, scores in results.ablation[kind].items():
            name = _SHORT.get(rule, rule)
            at = [s.burst_miou for s in scores]
            out[f"{prefix}_burst_miou_{name}"] = as_value(interval(at), "%")
            out[f"{prefix}_macs_{name}"] = as_value(interval([100 * s.work for s in scores]), "%")
    none, spikes = (added_burst(results.ablation[PLAIN][r]) for r in (NONE, "spikes"))
    if none is not None and spikes is not None:
        out["plain_gap_closed_3_frames"] = (100 * gap_closed(none, spikes), "%", None)
    dense = [s.burst_miou for s in results.groups["bursts"][DENSE]]
    out["burst_miou_dense"] = as_value(interval(dense), "%")
    return out


def lag_curves(results: Results) -> dict[str, list[float]]:
    """Points lost at every lag after a burst, by method, all seeds together."""
    out = {}
    for method, scores in results.groups["bursts"].items():
        window = added_burst(scores)
        if method != DENSE and window is not None:
            out[method] = [float(x) for x in losses_by_lag(window)]
    return out


def as_value(found: Interval, unit: str) -> Value:
    """A figure's value, unit and spread; no spread for one seed."""
    return (found.mean, unit, None if math.isnan(found.half) else found.half)
