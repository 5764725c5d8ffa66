"""Picture of modelled energy per frame, by kind of event, beside baselines and budget."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from sims.budget import BudgetResult
from sims.energy_total import EVENT_LABELS, EnergyReport, format_pj
from sims.record import RunRecord
from sims.report.style import (
    CYCLE,
    DARK,
    GRAY,
    HATCHES,
    RED,
    SKY,
    new_figure,
    save_figure,
    shade_events,
    tidy,
)

_PJ_PER_UJ = 1e6
_FAR = 4.0
_LIMITS = ("network.energy_uj_per_frame_max", "network.energy.operations_uj_per_frame_max")


def draw_energy(
    record: RunRecord, energy: EnergyReport, budget: BudgetResult | None, path: Path
) -> Path:
    """Stacked energy per frame, and the steady mean against the baselines.

    Args:
        record: The run.
        energy: Its modelled energy.
        budget: Its judged budget, for the limit line; may be None.
        path: PNG to write.

    Returns:
        The path written.
    """
    figure = new_figure(10.8, 4.6)
    left, right = figure.subplots(1, 2, width_ratios=(5, 3))
    _stack(left, record, energy, budget)
    _baseline_bars(right, record, energy)
    return save_figure(figure, path)


def _stack(
    axes: Axes, record: RunRecord, energy: EnergyReport, budget: BudgetResult | None
) -> None:
    shade_events(axes, record)
    time = np.arange(record.frames)
    bottom = np.zeros(record.frames)
    priced = {n: t.lower_pj for n, t in energy.by_event().items() if any(t.lower_aj)}
    # Static power is the same in every frame and may be a thousand times the rest.
    static = priced.pop("static_power", None)
    for place, (event, values) in enumerate(priced.items()):
        height = values / _PJ_PER_UJ
        axes.bar(
            time, height, bottom=bottom, color=CYCLE[place % len(CYCLE)], width=0.8,
            hatch=HATCHES[place % len(HATCHES)], edgecolor="white", linewidth=0.3,
            label=EVENT_LABELS[event],
        )  # fmt: skip
        bottom += height
    limit = _limit_uj(budget)
    tidy(axes, record)
    # Neither the first frame, dense by construction, nor a distant limit may flatten the rest.
    highest = max(float(bottom[record.steady].max()), 1e-9)
    if limit is not None:
        far = limit > _FAR * highest
        place_text = " (above the scale)" if far else ""
        axes.axhline(limit, color=RED, linewidth=1.5, label=f"budget {limit:,g} µJ{place_text}")
        highest = highest if far else max(highest, limit)
    top = 1.45 * highest
    axes.set_ylim(0, top)
    if bottom[0] > top:
        axes.annotate(f"first frame {bottom[0]:,.0f} µJ", (0, top), (0.6, top * 0.97),
                      fontsize=7, va="top")  # fmt: skip
    axes.set_xlabel("frame")
    axes.set_ylabel("µJ per frame, priced part")
    title = f"Modelled energy, {energy.table.title}"
    if static is not None:
        title += f"\nnot drawn: static power, {format_pj(float(static.mean()))} per frame"
    axes.set_title(title, loc="left", fontsize=10)
    if priced or limit is not None:
        axes.legend(fontsize=7, ncols=2, loc="upper right", framealpha=0.85)


def _baseline_bars(axes: Axes, record: RunRecord, energy: EnergyReport) -> None:
    steady = record.steady
    spiking = energy.tiers["operations"]
    names = [f"spiking\n({energy.table.name})"]
    totals = [spiking]
    for base in energy.baselines:
        names.append(base.name)
        totals.append(base.tiers["operations"])
    values = [total.mean_pj(steady) / _PJ_PER_UJ for total in totals]
    colours = [CYCLE[0], *(GRAY if "dense" in name else SKY for name in names[1:])]
    places = np.arange(len(names))
    axes.barh(places, values, color=colours, edgecolor=DARK, linewidth=0.5)
    for place, value, total in zip(places, values, totals, strict=True):
        amount = format_pj(value * _PJ_PER_UJ)
        text = f" {'≥ ' if total.unknown else ''}{amount}" if total.observed else " unknown"
        axes.text(value, float(place), text, va="center", fontsize=8)
    bands = [total.mean_band_pj(steady) for total in totals]
    for place, (low, high) in zip(places, bands, strict=True):
        if high > low:
            axes.plot([low / _PJ_PER_UJ, high / _PJ_PER_UJ], [place + 0.3] * 2, color=RED)
            values = [*values, high / _PJ_PER_UJ]
    axes.set_yticks(places, names, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.45 * max(*values, 1e-9))
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("µJ per frame, mean without the first")
    axes.set_title("Operations only, against baselines", loc="left", fontsize=10)
    kinds = ((CYCLE[0], "spiking, this run"), (GRAY, "dense network, MACs"),
             (SKY, "pruned network, MACs"))  # fmt: skip
    handles: list[Artist] = [
        Patch(facecolor=colour, edgecolor=DARK, label=label) for colour, label in kinds
    ]
    if any(high > low for low, high in bands):
        handles.append(Line2D([], [], color=RED, label="band of the prices"))
    axes.legend(handles=handles, fontsize=7, loc="lower right", framealpha=0.85)


def _limit_uj(budget: BudgetResult | None) -> float | None:
    for result in budget.limits if budget else ():
        if result.name in _LIMITS:
            return result.limit
    return None
