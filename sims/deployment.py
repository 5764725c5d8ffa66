"""Modelled time and energy of a network on a chip: placed, or on the fewest cores it could take.

Times are lower bounds, so frames per second are upper ones; energies are lower bounds where a price
is unknown. What is missing is named beside each of them. Nothing here is measured.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from conversion.graph import Graph
from conversion.placement import PLACED_KINDS, Placement
from sims.core_counts import CoreCounts
from sims.core_spread import fewest_cores
from sims.cost_table import CostTable, load_table
from sims.counts import NodeCounts
from sims.energy_total import EnergyTotal
from sims.placed_run import SERIAL, SPATIAL, PlacedRun
from sims.pricing import core_contributions, node_contributions, static_contribution, tiers_of
from sims.step_bound import BARRIER, Bottleneck, StepTimes
from sims.step_time import placed_step_times, step_times, steps_per_frame
from sims.timing_table import TimingTable, load_timing

STEADY = slice(1, None)
"""The first frame of a clip is dense by construction and left out of means."""


@dataclass(frozen=True)
class ChipModel:
    """Times and prices of a chip.

    Args:
        name: Of both tables.
        timing: Times per event.
        costs: Prices per event.
    """

    name: str
    timing: TimingTable
    costs: CostTable


@dataclass(frozen=True)
class DeploymentCase:
    """One variant of a clip in one mapping on one chip; means over the frames after the first.

    Args:
        variant, mapping, chip: What it is.
        placed: True on a placement; False on the fewest cores that sizes allow.
        cores, chips: How many; chips of an unplaced one are not known and None.
        times: Of every frame.
        passes: Times of a frame that pass between a picture and its result.
        waits: What frames wait for, most often, in words.
        wait_share: Share of the frames that wait for that.
        tiers: Energy by tier.
        frame_time_us: Time of a frame for static power: the clip's own period, or the chip's time
            where that is longer.
    """

    variant: str
    mapping: str
    chip: str
    placed: bool
    cores: int
    chips: int | None
    times: StepTimes
    passes: int
    waits: str
    wait_share: float
    tiers: Mapping[str, EnergyTotal]
    frame_time_us: float

    @property
    def steady(self) -> slice:
        """Frames after the first; all of them if there is one."""
        return STEADY if len(self.times.ns) > 1 else slice(None)

    @property
    def frame_ns(self) -> Fraction:
        """Mean time from a frame to the next at the least, in nanoseconds."""
        kept = self.times.ns[self.steady]
        return sum(kept, Fraction(0)) / len(kept)

    @property
    def frames_per_s(self) -> float:
        """Frames per second at the most."""
        return float(10**9 / self.frame_ns)

    def frames_per_s_of(self, cores: Collection[int]) -> float:
        """Frames per second at the most, were there only some of the cores; links are left out.

        Args:
            cores: Indices of cores, at least one of which does something.
        """
        kept: list[Fraction] = []
        for resource, places in (self.times.loads or {}).items():
            chosen = [load for place, load in places.items() if place in cores]
            for load in chosen if resource != "links" else ():
                kept = [max(pair) for pair in zip(kept or load, load, strict=True)]
        steady = kept[self.steady]
        return float(10**9 * len(steady) / sum(steady, Fraction(0)))

    @property
    def latency_ms(self) -> float:
        """Mean time from a picture to its result at the least."""
        return float(self.passes * self.frame_ns) / 1e6


def chip_model(name: str, timing: str | Path | None = None) -> ChipModel:
    """A chip with shipped times and prices.

    Args:
        name: For example "loihi2".
        timing: Another timing table, by name or path.

    Raises:
        ConfigError: There is no timing or no cost table of that name.
    """
    return ChipModel(name, load_timing(timing or name), load_table(name))


def model_placed(run: PlacedRun, graph: Graph, chip: ChipModel, period_us: float) -> DeploymentCase:
    """Time and energy of a clip on a placement.

    Args:
        run: The clip, counted there.
        graph: The network.
        chip: Times and prices.
        period_us: Microseconds from a picture of the clip to the next.
    """
    times = placed_step_times(run, chip.timing)
    placement = run.cores.placement
    waits, share = _waits(times, run)
    passes = steps_per_frame(graph)
    if run.mapping == SERIAL:
        # An attention reads sums over all tokens, so it answers when the last one has come.
        passes = 1 + len(graph.of_kind("LinearAttention"))
    time_us = max(period_us, _mean_us(times))
    tiers = _tiers(run.counts, run.cores, chip.costs, time_us)
    return DeploymentCase(
        run.variant, run.mapping, chip.name, True, len(placement.used), len(placement.chips),
        times, passes, waits, share, tiers, time_us,
    )  # fmt: skip


def model_bound(
    variant: str, counts: Mapping[str, NodeCounts], graph: Graph, chip: ChipModel, period_us: float
) -> DeploymentCase | None:
    """The same without a placement: a spatial mapping spread evenly over the fewest cores.

    Args:
        variant: What to call the run.
        counts: By node.
        graph: The network.
        chip: Times and prices.
        period_us: Microseconds from a picture of the clip to the next.

    Returns:
        The case; None where nothing lies on a neurocore or no size of a core is known.
    """
    spread = fewest_cores(counts, chip.timing)
    if spread is None:
        return None
    frames = next(iter(counts.values())).frames
    times = step_times(counts, frames, spread, chip.timing)
    waits, share = _waits(times, None)
    time_us = max(period_us, _mean_us(times))
    return DeploymentCase(
        variant, SPATIAL, chip.name, False, spread.cores, None, times, steps_per_frame(graph),
        waits, share, _tiers(counts, None, chip.costs, time_us), time_us,
    )  # fmt: skip


def _mean_us(times: StepTimes) -> float:
    kept = times.ns[STEADY] or times.ns
    return float(sum(kept, Fraction(0)) / len(kept)) / 1e3


def _tiers(
    counts: Mapping[str, NodeCounts], cores: CoreCounts | None, costs: CostTable, time_us: float
) -> dict[str, EnergyTotal]:
    frames = next(iter(counts.values())).frames
    parts = [
        part for n in counts.values() for part in node_contributions(n, costs, cores is not None)
    ]
    parts += [] if cores is None else core_contributions(cores, costs)
    parts.append(static_contribution(costs, frames, time_us, cores))
    return tiers_of(parts, frames)


def _waits(times: StepTimes, run: PlacedRun | None) -> tuple[str, float]:
    """The commonest bottleneck of the steady frames in words, and its share of them."""
    kept = times.bottlenecks[STEADY] or times.bottlenecks
    (most, number), *_ = Counter(kept).most_common(1)
    return _in_words(most, run), number / len(kept)


def _in_words(wait: Bottleneck, run: PlacedRun | None) -> str:
    if wait.resource == BARRIER or run is None:
        return wait.resource
    if wait.resource == "links":
        return f"link {run.traffic.links[wait.place]}"
    placement = run.cores.placement
    core, nodes = placement.cores[wait.place], nodes_on(placement, wait.place)
    held = ", ".join(nodes[:2]) + (f" and {len(nodes) - 2} more" if len(nodes) > 2 else "")
    return f"{wait.resource} of core {wait.place} at {core.chip}:({core.x},{core.y}): {held}"


def pruned_cores(graph: Graph, placement: Placement) -> set[int]:
    """Cores of nothing but gated nodes that hear gated nodes alone, so that pruning spares them.

    The embedding is gated but hears the stem, whose messages arrive whatever is pruned.
    """
    gated = {node.name for node in graph.nodes if getattr(node, "gated", False)}
    spared: set[str] = set()
    for node in graph.order:
        heard = [edge.source for edge in graph.incoming[node.name] if edge.port != "gate"]
        through = node.name in gated or node.kind not in PLACED_KINDS
        if heard and through and all(source in gated | spared for source in heard):
            spared.add(node.name)
    inside, outside = (
        {p.core for name, ps in placement.parts.items() if (name in spared) == kept for p in ps}
        for kept in (True, False)
    )
    return inside - outside


def nodes_on(placement: Placement, core: int) -> list[str]:
    """Nodes with values on a core, most values first."""
    held: Counter[str] = Counter()
    for name, parts in placement.parts.items():
        held[name] += sum(p.last - p.first for p in parts if p.core == core)
    return [name for name, values in held.most_common() if values]
