"""Picture of the busiest cores: what each of their resources needs of a frame's time."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sims.deployment import DeploymentCase, nodes_on
from sims.placed_run import PlacedRun
from sims.report.mesh_plot import busy_shares
from sims.report.style import BLUE, DARK, GREEN, ORANGE, RED, new_figure, save_figure

CORES_MAX = 20
RESOURCE_COLOURS = {"synapses": BLUE, "neurons": ORANGE, "synaptic memory": GREEN}


def draw_cores(case: DeploymentCase, run: PlacedRun, path: Path) -> Path:
    """Bars by resource of the busiest cores, and the time of a frame.

    Args:
        case: The run's modelled times.
        run: The run on its placement.
        path: PNG to write.

    Returns:
        The path written.
    """
    placement = run.cores.placement
    busy = busy_shares(case, len(placement.cores))
    first = sorted(placement.used, key=lambda core: -busy[core])[:CORES_MAX]
    means = resource_us(case)
    shown = [r for r in RESOURCE_COLOURS if means.get(r)]
    figure = new_figure(9.6, 1.5 + 0.34 * len(first))
    axes = figure.subplots()
    each = 0.8 / max(1, len(shown))
    for row, resource in enumerate(shown):
        places = np.arange(len(first)) + each * (row - (len(shown) - 1) / 2)
        values = [means[resource].get(core, 0.0) for core in first]
        axes.barh(places, values, each, color=RESOURCE_COLOURS[resource], label=resource)
    frame_us = float(case.frame_ns) / 1e3
    axes.axvline(frame_us, color=RED, linewidth=1.5, label=f"a frame: ≥ {frame_us:,.3g} µs")
    labels = [_label(run, core) for core in first]
    axes.set_yticks(range(len(first)), labels, fontsize=8)
    waits = {w.place for w in case.times.bottlenecks[case.steady] if w.resource in shown}
    for tick, core in zip(axes.get_yticklabels(), first, strict=True):
        if core in waits:
            tick.set_color(RED)
            tick.set_fontweight("bold")
    axes.invert_yaxis()
    axes.margins(y=0.01)
    axes.set_xlim(0, 1.02 * max(frame_us, 1e-9))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel("modelled time per frame in µs, mean without the first; bottleneck in red",
                    color=DARK)  # fmt: skip
    axes.set_title(
        f"Busiest {len(first)} of {case.cores} cores: {case.variant}, {case.mapping} mapping on "
        f"{case.chip}", loc="left", fontsize=10,
    )  # fmt: skip
    figure.legend(loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    return save_figure(figure, path)


def resource_us(case: DeploymentCase) -> dict[str, dict[int, float]]:
    """Mean time per frame in microseconds by resource and core, links left out."""
    found: dict[str, dict[int, float]] = {}
    for resource, places in (case.times.loads or {}).items():
        for place, load in places.items() if resource != "links" else ():
            kept = load[case.steady]
            found.setdefault(resource, {})[place] = float(sum(kept) / len(kept)) / 1e3
    return found


def _label(run: PlacedRun, core: int) -> str:
    where = run.cores.placement.cores[core]
    nodes = nodes_on(run.cores.placement, core)
    more = f" +{len(nodes) - 1}" if len(nodes) > 1 else ""
    return f"{nodes[0]}{more}  {where.chip}:({where.x},{where.y})"
