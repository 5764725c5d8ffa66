"""Picture of the busiest cores: what each of their resources needs of a frame's time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from sims.deployment import DeploymentCase, nodes_on
from sims.placed_run import PlacedRun
from sims.report.mesh_plot import busy_shares
from sims.report.style import BLUE, GREEN, ORANGE, PURPLE, RED, SKY, new_figure, save_figure
from sims.timing_table import TimingTable

CORES_MAX = 20
UNITS = ((1e6, "ms"), (1e3, "µs"), (1.0, "ns"))
RESOURCE_COLOURS = {"synapses": BLUE, "neurons": ORANGE, "synaptic memory": GREEN}


def draw_cores(case: DeploymentCase, run: PlacedRun, table: TimingTable, path: Path) -> Path:
    """Bars by resource of the busiest cores, the time of a frame, and memory.

    Args:
        case: The run's modelled times.
        run: The run on its placement.
        table: Sizes of a core.
        path: PNG to write.

    Returns:
        The path written.
    """
    placement = run.cores.placement
    busy = busy_shares(case, len(placement.cores))
    first = sorted(placement.used, key=lambda core: -busy[core])[:CORES_MAX]
    frame_ns = float(case.frame_ns)
    ns, unit = next((n, u) for n, u in UNITS if frame_ns >= n or n == 1.0)
    frame, means = frame_ns / ns, resource_times(case, ns)
    shown = [r for r in RESOURCE_COLOURS if means.get(r)]
    figure = new_figure(10.8, 1.5 + 0.34 * len(first))
    axes, memory = figure.subplots(1, 2, sharey=True, width_ratios=(4, 1))
    each = 0.8 / max(1, len(shown))
    for row, resource in enumerate(shown):
        places = np.arange(len(first)) + each * (row - (len(shown) - 1) / 2)
        values = [means[resource].get(core, 0.0) for core in first]
        axes.barh(places, values, each, color=RESOURCE_COLOURS[resource], label=resource)
    axes.axvline(frame, color=RED, linewidth=1.5, label=f"a frame: ≥ {frame:.3g} {unit}")
    axes.set_yticks(range(len(first)), [_label(run, core) for core in first], fontsize=8)
    waits = {w.place for w in case.times.bottlenecks[case.steady] if w.resource in shown}
    for tick, core in zip(axes.get_yticklabels(), first, strict=True):
        if core in waits:
            tick.set_color(RED)
            tick.set_fontweight("bold")
    axes.invert_yaxis()
    axes.margins(y=0.01)
    axes.set_xlim(0, 1.02 * frame)
    bottleneck = "the bottleneck in red" if waits & set(first) else f"frames wait for: {case.waits}"
    axes.set_xlabel(f"modelled time per frame in {unit}, mean without the first; {bottleneck}")
    axes.set_title(
        f"Busiest {len(first)} of {case.cores} cores: {case.variant}, {case.mapping} mapping on "
        f"{case.chip}", loc="left", fontsize=10,
    )  # fmt: skip
    _memory(memory, table, run, first)
    for panel in (axes, memory):
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(axis="x", color="#DDDDDD", linewidth=0.6)
        panel.set_axisbelow(True)
    figure.legend(loc="outside lower center", ncols=6, fontsize=8, frameon=False)
    return save_figure(figure, path)


def _memory(axes: Axes, table: TimingTable, run: PlacedRun, first: list[int]) -> None:
    """Bytes of weights and state, of what a core holds."""
    size = table.values["memory_bytes_per_core"]
    unit = "KiB" if size is None else "% of a core"
    each = 1024.0 if size is None else float(size) / 100
    places, before = np.arange(len(first)), np.zeros(len(first))
    for what, words, colour in (("state", "state", SKY), ("weight", "weights", PURPLE)):
        held = getattr(run.cores, f"{what}_bytes")[first] / each
        axes.barh(places, held, 0.8, before, color=colour, label=f"memory: {words}")
        before += held
    axes.set_xlabel(f"memory, {unit}")
    if size is not None:
        axes.set_xlim(0, max(100.0, float(before.max())))


def resource_times(case: DeploymentCase, ns: float) -> dict[str, dict[int, float]]:
    """Mean time per frame by resource and core, in units of some nanoseconds; links left out."""
    found: dict[str, dict[int, float]] = {}
    for resource, places in (case.times.loads or {}).items():
        for place, load in places.items() if resource != "links" else ():
            kept = load[case.steady]
            found.setdefault(resource, {})[place] = float(sum(kept) / len(kept)) / ns
    return found


def _label(run: PlacedRun, core: int) -> str:
    where = run.cores.placement.cores[core]
    nodes = nodes_on(run.cores.placement, core)
    more = f" +{len(nodes) - 1}" if len(nodes) > 1 else ""
    return f"{nodes[0]}{more}, core {core}  {where.chip}:({where.x},{where.y})"
