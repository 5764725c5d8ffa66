"""Picture of executed MACs against the dense network, and of restored compute against the cap."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from sims.record import RunRecord
from sims.report.style import (
    CYCLE,
    DARK,
    HATCHES,
    ORANGE,
    RED,
    new_figure,
    save_figure,
    shade_events,
    tidy,
)

DEFAULT_CAP_PERCENT = 15.0


def draw_compute(record: RunRecord, path: Path) -> Path:
    """MACs per frame by category, in percent of dense, above the restored compute.

    Args:
        record: The run.
        path: PNG to write.

    Returns:
        The path written.
    """
    figure = new_figure(10.8, 5.6)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    _categories(upper, record)
    _extra(lower, record)
    return save_figure(figure, path)


def cap_percent(record: RunRecord) -> float:
    """The cap on restored compute that the run was made with, in percent of the pruned stream.

    Args:
        record: The run; without the setting the default stands.
    """
    gate = record.policy.get("gate")
    value = gate.get("cap_percent") if isinstance(gate, dict) else None
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0:
        return float(value)
    return DEFAULT_CAP_PERCENT


def _categories(axes: Axes, record: RunRecord) -> None:
    shade_events(axes, record)
    time = np.arange(record.frames)
    bottom = np.zeros(record.frames)
    used = {name: values for name, values in record.macs.items() if values.any()}
    for place, (name, values) in enumerate(used.items()):
        height = 100.0 * values / record.dense_macs
        axes.bar(
            time, height, bottom=bottom, width=0.8, label=name, edgecolor="white", linewidth=0.3,
            color=CYCLE[place % len(CYCLE)],
            hatch=HATCHES[(place // len(CYCLE) + place) % len(HATCHES)],
        )  # fmt: skip
        bottom += height
    mean = float(bottom[record.steady].mean())
    axes.axhline(100.0, color=DARK, linewidth=1.2, label="dense network")
    axes.axhline(mean, color=RED, linewidth=1.2, linestyle="--", label=f"mean {mean:.1f} %")
    tidy(axes, record)
    axes.set_ylim(0, 1.45 * max(100.0, float(bottom.max())))
    axes.set_ylabel("MACs, % of dense")
    axes.set_title("Executed MACs by category (mean without the first frame)", loc="left")
    axes.legend(fontsize=7, ncols=6, loc="upper right", framealpha=0.85)


def _extra(axes: Axes, record: RunRecord) -> None:
    shade_events(axes, record)
    percent = record.extra_percent
    shown = np.where(np.isfinite(percent), percent, 0.0)
    axes.bar(np.arange(record.frames), shown, width=0.8, color=ORANGE)
    cap = cap_percent(record)
    axes.axhline(cap, color=RED, linewidth=1.5, label=f"cap {cap:g} %")
    worst = int(np.argmax(percent))
    tidy(axes, record)
    axes.set_ylim(0, 1.3 * max(cap, float(shown.max()), 1.0))
    axes.set_ylabel("extra compute, %")
    axes.set_xlabel("frame")
    title = (
        f"Restored compute, % of the pruned stream (worst {percent[worst]:.2f} % in frame {worst})"
    )
    axes.set_title(title, loc="left")
    axes.legend(fontsize=8, loc="upper right")
