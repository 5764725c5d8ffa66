"""Pictures of a run of the protocol: work against loss, recovery after bursts, extra work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from sims.report.style import BLUE, CYCLE, GRAY, new_figure, save_figure

Curves = Mapping[str, Sequence[tuple[float, float]]]


def plot_curves(curves: Mapping[str, Curves], path: Path) -> Path:
    """Points of mIoU lost against executed work, one panel a group."""
    figure = new_figure(4.2 * len(curves), 3.6)
    axes = figure.subplots(1, len(curves), squeeze=False)[0]
    for axis, (group, families) in zip(axes, curves.items(), strict=True):
        for colour, (name, points) in zip(CYCLE, families.items(), strict=False):
            ordered = sorted(points)
            axis.plot(
                [100 * work for work, _ in ordered], [loss for _, loss in ordered],
                "o-", ms=3.5, lw=1.4, color=colour, label=name,
            )  # fmt: skip
        axis.axhline(0, color=GRAY, lw=0.8)
        axis.set(title=group, xlabel="MACs executed, % of dense")
        axis.set_ylim(-0.5, 6)
        axis.set_xlim(0, 100)
        axis.grid(alpha=0.25)
    axes[0].set_ylabel("mIoU lost, points")
    axes[-1].legend(fontsize=7.5, frameon=False)
    return save_figure(figure, path)


def plot_bursts(lags: Mapping[str, Sequence[float]], path: Path) -> Path:
    """Points lost at every frame after something sudden, by method."""
    figure = new_figure(6, 3.6)
    axis = figure.subplots()
    for colour, (name, losses) in zip(CYCLE, lags.items(), strict=False):
        axis.plot(range(len(losses)), losses, "o-", ms=3.5, lw=1.4, color=colour, label=name)
    axis.axhline(0, color=GRAY, lw=0.8)
    axis.set(xlabel="frames after the burst began", ylabel="mIoU lost against dense, points")
    axis.grid(alpha=0.25)
    if lags:  # clips too short for a whole window show none
        axis.legend(frameon=False)
    return save_figure(figure, path)


def plot_extra(trace: Sequence[float], cap: float, path: Path) -> Path:
    """Restored work of every frame of one clip, and the cap."""
    figure = new_figure(6, 3)
    axis = figure.subplots()
    axis.bar(range(1, len(trace) + 1), trace, color=BLUE, width=0.85)
    axis.axhline(cap, color="black", lw=1, ls="--")
    axis.text(1, cap + 0.25, f"cap {cap:.0f} %", fontsize=8)
    axis.set(
        xlabel="frame", ylabel="extra work, % of the frame's own", ylim=(0, max(cap, 1) * 1.15)
    )
    return save_figure(figure, path)
