"""Picture of a frame's energy under every shipped cost table, tiers and bands, on one log scale."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from sims.cost_table import TIERS
from sims.energy_total import TIER_TITLES, EnergyReport, EnergyTotal, format_pj
from sims.record import RunRecord
from sims.report.style import BLUE, DARK, GRAY, ORANGE, RED, new_figure, save_figure

MARKS = {"operations": "o", "memory": "s", "static": "^"}
COLOURS = {"operations": BLUE, "memory": ORANGE, "static": RED}
TICKS = 7


def draw_tables(record: RunRecord, reports: Sequence[EnergyReport], path: Path) -> Path:
    """One row for each table and baseline; a mark for each tier, a line for its band.

    Args:
        record: The run.
        reports: Its energy under several tables.
        path: PNG to write.

    Returns:
        The path written.
    """
    rows = table_rows(reports)
    figure = new_figure(10.8, 1.5 + 0.36 * len(rows))
    axes = figure.subplots()
    for place, (_, tiers) in enumerate(rows):
        for offset, tier in zip((-0.22, 0.0, 0.22), TIERS, strict=True):
            _mark(axes, place + offset, tiers[tier], tier, record)
    axes.set_yticks(range(len(rows)), [name for name, _ in rows], fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale("log")
    # Powers of ten from nJ to J, labelled in words a reader need not convert.
    low, high = (np.log10(end) for end in axes.get_xlim())
    step = max(1, round((high - low) / TICKS))
    ticks = 10.0 ** np.arange(np.ceil(low), np.floor(high) + 1, step)
    axes.set_xticks(ticks, [format_pj(tick) for tick in ticks], fontsize=8)
    axes.minorticks_off()
    axes.grid(axis="x", color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("modelled energy per frame, mean without the first; › marks a lower bound")
    handles = [
        Line2D([], [], color=COLOURS[t], marker=MARKS[t], linestyle="none", label=TIER_TITLES[t])
        for t in TIERS
    ]
    handles.append(Line2D([], [], color=GRAY, linewidth=3, label="band of prices or reads"))
    figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    return save_figure(figure, path)


def table_rows(reports: Sequence[EnergyReport]) -> list[tuple[str, dict[str, EnergyTotal]]]:
    """Spiking network by table, then every baseline that has a price."""
    rows = {f"spiking, {r.table.name}": r.tiers for r in reports}
    for report in reports:
        for base in report.baselines:
            if base.tiers["operations"].observed:
                rows[f"{base.name}, {report.baseline_table.name}"] = base.tiers
    return list(rows.items())


def _mark(axes: Axes, place: float, total: EnergyTotal, tier: str, record: RunRecord) -> None:
    value = total.mean_pj(record.steady)
    if value <= 0:
        return
    low, high = total.mean_band_pj(record.steady)
    if high > low > 0:
        axes.plot([low, high], [place, place], color=GRAY, linewidth=3, solid_capstyle="butt")
    axes.plot(value, place, marker=MARKS[tier], color=COLOURS[tier], markersize=5)
    if total.unknown:
        axes.annotate("›", (max(value, high), place), (5, -3), textcoords="offset points",
                      fontsize=10, color=DARK)  # fmt: skip
