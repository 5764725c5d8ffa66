"""Picture of a placement: cores of each chip by how busy they are, and the traffic of the links."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Colormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from conversion.placement import Placement
from sims.deployment import DeploymentCase
from sims.mesh_traffic import Traffic
from sims.placed_run import PlacedRun
from sims.report.style import DARK, RED, new_figure, save_figure
from sims.step_bound import BARRIER

CHIPS_MAX = 8
_SIDE = 0.21
_APART = 0.07
EMPTY = "#AAAAAA"
"""Outline of a router without a core in use."""


def draw_mesh(case: DeploymentCase, run: PlacedRun, path: Path) -> Path:
    """The chips in use, at most eight of them: the ones with the busiest cores.

    Args:
        case: The run's modelled times.
        run: The run on its placement.
        path: PNG to write.

    Returns:
        The path written.
    """
    placement, busy = run.cores.placement, busy_shares(case, len(run.cores.placement.cores))
    chips = shown_chips(placement, busy)
    across = min(2, len(chips))
    rows = math.ceil(len(chips) / across)
    figure = new_figure(5.6 * across + 0.8, 2.75 * rows + 0.9)
    panels = figure.subplots(rows, across, squeeze=False).ravel()
    colours, links = _colours(run.traffic, chips, case.steady)
    for axes in panels:
        axes.set_axis_off()
    drawn = list(zip(panels, chips, strict=False))
    for axes, chip in drawn:
        _chip(axes, chip, case, run, busy, colours[0])
        _links(axes, chip, links, colours[1])
    empty = [_empty_routers(a, chip, links, placement) for a, chip in drawn]
    _legend(figure, list(panels), colours if links else colours[:1], case, empty=any(empty))
    left_out = len(placement.chips) - len(chips)
    word = "chip" if left_out == 1 else "chips"
    missing = f"; {left_out} less busy {word} not drawn" if left_out else ""
    figure.suptitle(
        f"{case.variant}, {case.mapping} mapping on {case.chip}: {case.cores} cores of "
        f"{case.chips} chip{'' if case.chips == 1 else 's'}{missing}",
        fontsize=10, x=0.01, ha="left",
    )  # fmt: skip
    return save_figure(figure, path)


Scale = tuple[Colormap, Normalize]
Loaded = dict[tuple[tuple[int, int, int], tuple[int, int, int]], float]


def busy_shares(case: DeploymentCase, cores: int) -> list[float]:
    """For each core, the time of its slowest resource ÷ the time of a frame, mean over frames."""
    found = [0.0] * cores
    for resource, places in (case.times.loads or {}).items():
        for place, load in places.items() if resource != "links" else ():
            kept = load[case.steady]
            share = float(sum(kept) / len(kept) / case.frame_ns)
            found[place] = max(found[place], share)
    return found


def shown_chips(placement: Placement, busy: list[float]) -> list[int]:
    """Chips in use, or the eight with the busiest cores, in ascending order."""
    most = dict.fromkeys(placement.chips, 0.0)
    for core in placement.used:
        chip = placement.cores[core].chip
        most[chip] = max(most[chip], busy[core])
    return sorted(sorted(most, key=lambda chip: -most[chip])[:CHIPS_MAX])


def _colours(
    traffic: Traffic, chips: list[int], steady: slice
) -> tuple[tuple[Scale, Scale], Loaded]:
    from matplotlib import colormaps

    mean = traffic.messages[steady].mean(axis=0)
    links = {
        (link.start, link.end): float(n)
        for link, n in zip(traffic.links, mean, strict=True)
        if link.start[0] in chips and n > 0
    }
    top = max(links.values(), default=1.0)
    low = min([*links.values(), top / 10])
    warm = colormaps["YlGnBu"], Normalize(0, 1)
    return (warm, (colormaps["plasma_r"], LogNorm(max(low, top / 1e4), top))), links


def _chip(
    axes: Axes, chip: int, case: DeploymentCase, run: PlacedRun, busy: list[float], scale: Scale
) -> None:
    """Small squares for cores, up to four at each router."""
    colours, norm = scale
    placement = run.cores.placement
    worst = {w.place for w in case.times.bottlenecks[case.steady] if w.resource != BARRIER}
    at: dict[tuple[int, int], int] = {}
    for index in placement.used:
        core = placement.cores[index]
        if core.chip != chip:
            continue
        place = at[core.x, core.y] = at.get((core.x, core.y), -1) + 1
        x = core.x + (place % 2) * (_SIDE + 0.01) - _SIDE
        y = core.y + (place // 2 % 2) * (_SIDE + 0.01) - _SIDE
        wait = index in worst
        axes.add_patch(
            Rectangle((x, y), _SIDE, _SIDE, facecolor=colours(norm(busy[index])), zorder=4 if wait
                      else 3, edgecolor=RED if wait else DARK, linewidth=2.2 if wait else 0.4)
        )  # fmt: skip
    columns = max(core.x for core in placement.cores) + 1
    rows = max(core.y for core in placement.cores) + 1
    axes.set_xlim(-0.5, columns - 0.5)
    axes.set_ylim(rows - 0.5, -0.5)
    axes.set_aspect("equal")
    axes.set_title(f"chip {chip}", fontsize=9, loc="left")


def _links(axes: Axes, chip: int, links: Loaded, scale: Scale) -> None:
    """Two lines between routers, one for each direction, each on its right-hand side."""
    colours, norm = scale
    segments, shades, widths = [], [], []
    for (start, end), messages in links.items():
        if start[0] != chip:
            continue
        step = np.array(end[1:]) - np.array(start[1:])
        aside = np.array([-step[1], step[0]]) * _APART
        a, b = np.array(start[1:]) + aside + 0.24 * step, np.array(end[1:]) + aside - 0.24 * step
        segments.append([a, b])
        shades.append(colours(norm(messages)))
        widths.append(1.0 + 2.2 * float(np.clip(norm(messages), 0, 1)))
    axes.add_collection(LineCollection(segments, colors=shades, linewidths=widths, zorder=2))


def _empty_routers(axes: Axes, chip: int, links: Loaded, placement: Placement) -> bool:
    """Outline routers that messages pass and that have no core in use; whether there are any."""
    held = {(c.x, c.y) for c in (placement.cores[i] for i in placement.used) if c.chip == chip}
    ends = {place[1:] for link in links for place in link if place[0] == chip}
    for x, y in sorted(ends - held):
        axes.add_patch(
            Rectangle((x - _SIDE / 2, y - _SIDE / 2), _SIDE, _SIDE, facecolor="none",
                      edgecolor=EMPTY, linewidth=0.8, zorder=3)
        )  # fmt: skip
    return bool(ends - held)


def _legend(
    figure: Figure,
    panels: list[Axes],
    colours: tuple[Scale, ...],
    case: DeploymentCase,
    *,
    empty: bool,
) -> None:
    texts = ("core: busy share of a frame's time", "link: messages a frame")
    for (shades, norm), text in zip(colours, texts, strict=False):
        bar = figure.colorbar(
            ScalarMappable(norm, shades), ax=panels, location="right", shrink=0.9, pad=0.01,
            aspect=30, fraction=0.04,
        )  # fmt: skip
        bar.set_label(text, fontsize=8)
        bar.ax.tick_params(labelsize=7)
    handles: list[Patch | Line2D] = [Patch(facecolor="white", edgecolor=DARK, label="core")]
    if len(colours) > 1:
        handles.append(Line2D([], [], color=DARK, label="link, one line for each direction"))
    if empty:
        handles.append(Patch(facecolor="white", edgecolor=EMPTY, label="router, no core in use"))
    if any(w.resource not in (BARRIER, "links") for w in case.times.bottlenecks[case.steady]):
        handles.insert(1, Patch(facecolor="white", edgecolor=RED, linewidth=2, label="bottleneck"))
    figure.legend(handles=handles, loc="outside lower left", ncols=4, fontsize=8, frameon=False)
