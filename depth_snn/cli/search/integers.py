"""What the integer network of a candidate costs on a chip, and whether it stays within limits.

A candidate's heads are cut, its gate constants and thresholds set, and the first frames of each
clip run through the integer graph as `depth-snn run` runs them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from depth_snn.cli.chain.setup import Setup
from depth_snn.cli.energy import SPIKING
from depth_snn.cli.search.integer_graphs import Graphs, Settings, one_thread
from depth_snn.cli.search.integer_limits import budget_excess, check_limits, target_excess
from depth_snn.cli.search.integer_runs import (
    IntegerRun,
    energy_uj,
    placed_latency_ms,
    points_lost,
    run_clip,
    synops,
    unplaced_latency_ms,
)
from depth_snn.data.frames import Frame
from depth_snn.errors import ConfigError
from loihi.placing.place import Placed
from loihi.preflight import preflight
from loihi.target import Target, load_target
from sims.budget import evaluate
from sims.budget_file import Budget, load_budget
from sims.cost_table import CostTable, load_table
from sims.deployment import ChipModel, chip_model
from sims.energy import estimate_energy

MEASURES = {
    "synops": "synaptic operations of a frame of the integer network, mean",
    "energy_uj": "modelled energy of a frame's operations in µJ, mean; at least, where an event "
    "has no price",
    "latency_ms": "modelled time from a picture to its result on the placed chip in ms, mean; at "
    "least",
    "cores": "neurocores that the placement takes",
    "loss_int": "points of mIoU that the integer network lies below the dense float network",
}
"""What an integer network is measured on, one line for people each."""
NEED_TARGET = ("latency_ms", "cores")
PLACED = ("latency", "frames_per_s", "cores")
"""Quantities of a budget that hang on where the network lies."""
OVER_BUDGET, OVER_TARGET = "over_budget", "over_target"
"""Measures of the constraints: relative excesses, 0 where all is kept."""


class Clip(Protocol):
    """A labelled clip and the first frames of its sudden events."""

    @property
    def frames(self) -> Sequence[Frame]:
        """The frames, labelled."""

    @property
    def events(self) -> Sequence[int]:
        """First frame of each sudden event."""


class ClipSet(Protocol):
    """Clips that a candidate is measured on together."""

    @property
    def clips(self) -> Sequence[Clip]:
        """The clips."""


@dataclass(frozen=True)
class IntegerMeasures:
    """Measures and constraints of integer networks; small, and the same in every process.

    Attributes:
        network: Name of shipped weights or path of a weights file.
        wanted: Keys of :data:`MEASURES` to give.
        frames: Frames of each clip after the first that run.
        table: Prices of events.
        chip: Times of events.
        mapping: ``"spatial"`` or ``"serial"``.
        target: What the graph must fit and is placed on; None for any.
        budget: Limits that every clip's run must keep; None for none.
    """

    network: str
    wanted: tuple[str, ...]
    frames: int
    table: CostTable
    chip: ChipModel
    mapping: str = "spatial"
    target: Target | None = None
    budget: Budget | None = None

    def measures(self, candidate: Settings, clip_set: ClipSet) -> dict[str, float]:
        """What is wanted of a candidate, means over the frames of all clips after their first.

        Args:
            candidate: Policy and thresholds. Where it has thresholds, ``"loss"`` is given too, and
                is that of the integer network on the frames that ran: the float network does not
                see thresholds, so a loss taken from it would make them cost nothing. A burst loss
                remains the float network's.
            clip_set: Labelled clips.

        Returns:
            The wanted measures, and the relative excesses :data:`OVER_BUDGET` and
            :data:`OVER_TARGET` where there is such a constraint. Of a graph that cannot be placed,
            which is infeasible, time and cores are bounds from the sizes of its parts.

        Raises:
            ConfigError: if the policy has no integer graph, or a clip no labels.
            UnknownEncoder: if a threshold names no encoder of the graph.
            EngineError: if the graph's gates differ from those the policy decided with.
        """
        with one_thread():
            graphs = self.graphs()
            setup = graphs.setup(candidate)
            found, placed = self._of_graph(graphs, setup)
            if self._runs or candidate.thresholds:
                runs = [self._run(graphs, candidate, clip) for clip in clip_set.clips]
                found |= self._of_runs(graphs, setup, runs, placed)
                if candidate.thresholds:
                    found["loss"] = points_lost(runs)
        return found

    def violation(self, candidate: Settings, measures: Mapping[str, float]) -> float:
        """By how much the constraints are violated: a sum of relative excesses, 0 for none.

        Args:
            candidate: Not looked at.
            measures: What :meth:`measures` gave for it.
        """
        return measures.get(OVER_BUDGET, 0.0) + measures.get(OVER_TARGET, 0.0)

    def facts(self) -> dict[str, Any]:
        """What the measures rest on, JSON-able; tables and limits by name and digest."""
        budget = self.budget and replace(self.budget, source="", title="")
        return {
            "network": self.network, "measures": list(self.wanted), "frames": self.frames,
            "mapping": self.mapping, "cost_table": f"{self.table.name} {_digest(self.table)}",
            "chip": f"{self.chip.name} {_digest(self.chip)}",
            "target": self.target and f"{self.target.name} {_digest(self.target)}",
            "budget": budget and _digest(budget),
        }  # fmt: skip

    @property
    def _runs(self) -> bool:
        """Whether anything wanted needs a clip to run."""
        return self.budget is not None or bool(set(self.wanted) - {"cores"})

    @property
    def _places(self) -> bool:
        """Whether anything wanted hangs on where the network lies."""
        limits = self.budget.limits if self.budget is not None else ()
        judged = any(limit.rule.quantity in PLACED for limit in limits)
        return judged or bool(set(NEED_TARGET) & set(self.wanted))

    def graphs(self) -> Graphs:
        """What this process keeps of the network."""
        key = json.dumps([self.network, self.mapping, self.facts()["target"]])
        if key not in _KEPT:
            _KEPT[key] = Graphs(self.network, self.target, self.mapping)
        return _KEPT[key]

    def _run(self, graphs: Graphs, candidate: Settings, clip: Clip) -> IntegerRun:
        frames = clip.frames[: self.frames + 1]
        dense, latency = graphs.dense_maps(frames), "latency_ms" in self.wanted
        # A judge remembers what it saw, so every clip has a setup of its own.
        return run_clip(graphs.setup(candidate), frames, clip.events, dense, latency)

    def _of_graph(self, graphs: Graphs, setup: Setup) -> tuple[dict[str, float], Placed | None]:
        """Cores, the target's constraint, and the placement where it is needed and there is one."""
        if self.target is None:
            return {}, None
        checked = preflight(setup.graph, self.target, mapping=self.mapping)
        found = {OVER_TARGET: target_excess(checked.violations)}
        placed: Placed | str | None = None
        if self._places and not checked.violations:
            placed = graphs.placed(setup.policy)
        if isinstance(placed, str):
            found[OVER_TARGET], placed = 1.0, None
        if "cores" in self.wanted:
            least = checked.summary["cores, at least"][0]
            found["cores"] = float(placed.cores if placed else least)
        return found, placed

    def _of_runs(
        self, graphs: Graphs, setup: Setup, runs: Sequence[IntegerRun], placed: Placed | None
    ) -> dict[str, float]:
        found: dict[str, float] = {}
        if "synops" in self.wanted:
            found["synops"] = synops(runs)
        if "energy_uj" in self.wanted:
            found["energy_uj"] = energy_uj(runs, self.table)
        if "loss_int" in self.wanted:
            found["loss_int"] = points_lost(runs)
        if "latency_ms" in self.wanted and placed is None:
            found["latency_ms"] = unplaced_latency_ms(runs, setup.graph, self.chip)
        elif "latency_ms" in self.wanted and placed is not None:
            where, counters = {self.mapping: placed.placement}, graphs.counters(setup.policy)
            found["latency_ms"] = placed_latency_ms(runs, setup.graph, where, counters, self.chip)
        if self.budget is not None:
            where_to = placed.placement if placed else None
            found[OVER_BUDGET] = budget_excess([
                evaluate(r.record, self.budget, estimate_energy(r.record, self.table), setup.graph,
                         where_to)
                for r in runs
            ])  # fmt: skip
        return found


_KEPT: dict[str, Graphs] = {}
"""By network, target and mapping: what this process has made so far."""


def make_extra(
    network: str,
    objectives: Collection[str],
    *,
    budget: str | None = None,
    target: str | None = None,
    mapping: str = "spatial",
    cost_table: str = "loihi1",
    chip: str = "loihi2",
    frames: int = 8,
    thresholds: bool = False,
) -> IntegerMeasures | None:
    """Measures and constraints that a search needs of integer networks.

    On the shipped `small` with four clips of nine frames a candidate takes about three seconds, and
    as much again where its heads are new, for their conversion; placing new heads takes three to
    six more. Latency is counted core by core, which takes up to half a minute: give fewer frames.

    Args:
        network: Name of shipped weights or path of a weights file.
        objectives: Names of the objectives; those of :data:`MEASURES` are measured here.
        budget: Budget file or a shipped one's name.
        target: Shipped target or a TOML file.
        mapping: How graphs are placed there.
        cost_table: Prices of energy, a shipped name or a TOML file.
        chip: Times and prices of a shipped chip, for latency.
        frames: Frames of each clip after the first that run.
        thresholds: Whether candidates have thresholds, so that their loss is that of integers.

    Returns:
        The measures; None where nothing of integer networks is asked for.

    Raises:
        ConfigError: naming what is missing, unknown or cannot be used.
        BudgetError: naming a limit that a few frames cannot be judged by.
    """
    wanted = tuple(name for name in MEASURES if name in objectives)
    if not (wanted or budget or target or thresholds):
        return None
    if frames < 1:
        raise ConfigError(f"integer frames {frames}: give at least 1 frame after the first")
    missing = [name for name in wanted if name in NEED_TARGET]
    if missing and target is None:
        raise ConfigError(f"objective {missing[0]}: needs a target to place on; give --target")
    table = load_table(cost_table)
    if "energy_uj" in wanted and not table.prices_any(*SPIKING):
        raise ConfigError(
            f"cost table {cost_table}: has no prices of a spiking network; give another, such as "
            "loihi2"
        )
    made = IntegerMeasures(
        network, wanted, frames, table, chip_model(chip), mapping,
        _plain(load_target(target)) if target else None, load_budget(budget) if budget else None,
    )  # fmt: skip
    if made.budget is not None:
        check_limits(made.budget, made.graphs().uncut, frames + 1)
    return made


def _plain(target: Target) -> Target:
    """The same target with limits that can be sent to another process."""
    return replace(target, limits=dict(target.limits))


def _digest(thing: object) -> str:
    """Of frozen data, by what it says of itself."""
    return hashlib.blake2b(repr(thing).encode(), digest_size=8).hexdigest()
