"""The picture of a search: fronts on held-out clips against settings made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from depth_snn.cli.search.judged import Judged
from depth_snn.search.heldout import Measured
from sims.report.style import CYCLE, DARK, GRAY, RED, new_figure, save_figure

GRID_STYLES = (("x:", GRAY), ("+:", RED))


def plot_search(judged: Judged, path: Path) -> Path:
    """Points of mIoU lost against executed work on held-out clips; bars are 95 % over their sets.

    Raises:
        InputError: The picture cannot be written.
    """
    figure = new_figure(6.4, 4.2)
    axes = figure.subplots()
    for colour, report in zip(CYCLE, judged.reports, strict=False):
        _draw(axes, report.heldout, "o-", colour, report.session.algorithm)
    for (style, colour), (name, family) in zip(GRID_STYLES, judged.grid.items(), strict=True):
        _draw(axes, family, style, colour, f"{name}, by hand")
    _draw(axes, [judged.base], "*", DARK, "base policy")
    for rule, index in judged.chosen.items():
        _mark(axes, rule, judged.reports[0].heldout[index])
    axes.axhline(0, color=GRAY, lw=0.8)
    axes.set(xlabel="MACs executed, % of dense", ylabel="mIoU lost on held-out clips, points")
    _limit(axes, judged)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=7.5, frameon=False)
    return save_figure(figure, path)


def _draw(axes: Axes, points: Sequence[Measured], style: str, colour: str, name: str) -> None:
    known = [p for p in points if not np.isnan(p.means(("macs", "loss"))).any()]
    if not known:
        return
    known.sort(key=lambda p: p.interval("macs").mean)
    work, loss = ([p.interval(n) for p in known] for n in ("macs", "loss"))
    axes.errorbar(
        [100 * w.mean for w in work], [v.mean for v in loss],
        xerr=[100 * np.nan_to_num(w.half) for w in work],
        yerr=[np.nan_to_num(v.half) for v in loss],
        fmt=style, color=colour, ms=9 if style == "*" else 4, lw=1.2, elinewidth=0.7, label=name,
    )  # fmt: skip


def _mark(axes: Axes, rule: str, found: Measured) -> None:
    work, loss = found.means(("macs", "loss"))
    if np.isfinite([work, loss]).all():
        axes.annotate(
            rule, (100 * work, loss), xytext=(6, 8), textcoords="offset points", fontsize=8
        )


def _limit(axes: Axes, judged: Judged) -> None:
    """What is searched fills the picture; a hand-set policy far above it may leave it."""
    every = [judged.base, *(p for report in judged.reports for p in report.heldout)]
    highest = [p.interval("loss").mean for p in every]
    top = max([2.0, *(1.5 * v for v in highest if not np.isnan(v))])
    low = axes.get_ylim()[0]
    axes.set_ylim(max(low, -top), top)
