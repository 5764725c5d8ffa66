"""Picture of the gate neurons: potential, spikes, and which restores the cap let through."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from sims.record import TOKEN_RESTORED, RunRecord
from sims.report.style import (
    CYCLE,
    DARK,
    GRAY,
    ORANGE,
    RED,
    new_figure,
    save_figure,
    shade_events,
    tidy,
)

_TRACES = 5
_LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1)))


def draw_gates(record: RunRecord, path: Path) -> Path:
    """Membrane potentials of the most active regions above a raster of all regions.

    Args:
        record: The run.
        path: PNG to write.

    Returns:
        The path written.
    """
    figure = new_figure(10.8, 6.2)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    _traces(upper, record)
    _raster(lower, record)
    return save_figure(figure, path)


def active_regions(record: RunRecord, most: int = _TRACES) -> NDArray[np.int64]:
    """Regions by spikes, then by highest potential.

    Args:
        record: The run.
        most: How many.

    Returns:
        Region numbers, most active first.
    """
    spikes, peak = record.spikes.sum(axis=0), record.membrane.max(axis=0)
    order = sorted(range(spikes.size), key=lambda r: (-int(spikes[r]), -int(peak[r]), r))
    return np.array(order[:most], dtype=np.int64)


def _traces(axes: Axes, record: RunRecord) -> None:
    columns = record.grid[1] // record.region
    time = np.arange(record.frames)
    for place, region in enumerate(active_regions(record)):
        row, column = divmod(int(region), columns)
        colour = CYCLE[place]
        trace = record.membrane[:, region]
        label = f"region {region} (row {row}, column {column})"
        axes.plot(
            time,
            trace,
            color=colour,
            linestyle=_LINES[place],
            marker=".",
            markersize=4,
            label=label,
        )
        fired = record.spikes[:, region]
        axes.plot(
            time[fired], trace[fired], linestyle="none", marker="^", markersize=8, color=colour,
            markeredgecolor=DARK,
        )  # fmt: skip
    axes.axhline(record.threshold, color=RED, linewidth=1.2, label="threshold")
    shaded = shade_events(axes, record)
    tidy(axes, record)
    axes.set_ylabel("membrane potential\n(integer units, before reset)")
    shade = ", shaded: burst event of the scene" if shaded else ""
    axes.set_title(f"Gate neurons, most active regions (triangle: spike{shade})", loc="left")
    axes.legend(fontsize=8, ncols=3, loc="upper left", framealpha=0.85)
    axes.set_ylim(top=1.35 * max(record.threshold, int(record.membrane.max())))


def _restored(record: RunRecord) -> NDArray[np.bool_]:
    """Regions of which a token was restored, bool (T, R)."""
    rows, columns = (side // record.region for side in record.grid)
    side = record.region
    tokens = (record.token_state == TOKEN_RESTORED).reshape(-1, rows, side, columns, side)
    found: NDArray[np.bool_] = tokens.any(axis=(2, 4)).reshape(record.frames, rows * columns)
    return found


def _raster(axes: Axes, record: RunRecord) -> None:
    # A token that is computed anyway needs no restore, and most spikes are of such tokens: drawn
    # alike, they would hide the few that mattered.
    needless = record.admitted & ~_restored(record)
    held = record.spikes & ~record.admitted
    later = record.admitted & ~record.spikes & ~needless
    both = record.admitted & record.spikes & ~needless
    marks = (
        (needless, ".", GRAY, GRAY, "admitted, all tokens computed anyway"),
        (both, "s", ORANGE, ORANGE, "spike, restored"),
        (held, "o", "none", DARK, "spike, held back by the cap"),
        (later, "x", ORANGE, ORANGE, "restored without a spike in this frame"),
    )
    for mask, marker, face, edge, label in marks:
        frames, regions = np.nonzero(mask)
        if frames.size:
            axes.plot(
                frames, regions, linestyle="none", marker=marker, markersize=5,
                markerfacecolor=face, markeredgecolor=edge, label=f"{label} ({frames.size})",
            )  # fmt: skip
    shade_events(axes, record)
    tidy(axes, record)
    axes.set_ylim(record.spikes.shape[1] - 0.4, -0.6)
    axes.set_ylabel("region")
    axes.set_xlabel("frame")
    quiet = "" if record.spikes.any() else ": no spike in this run"
    axes.set_title(f"Spikes and restores of all regions{quiet}", loc="left")
    if record.spikes.any() or record.admitted.any():
        axes.legend(fontsize=8, ncols=3, loc="best", framealpha=0.85)
