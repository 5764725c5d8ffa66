"""Clips of a search through the integer network, and what is measured on several of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from conversion.graph import Graph
from conversion.placement import Placement
from depth_snn.cli.chain.loop import Chain, Inputs
from depth_snn.cli.chain.record import make_record
from depth_snn.cli.chain.setup import Setup
from depth_snn.cli.chain.witness import stack_inputs
from depth_snn.data.frames import SCENE_FPS, Frame, FrameSource
from depth_snn.data.metrics import frame_matrices, miou
from depth_snn.data.scene import BurstEvent
from depth_snn.errors import ConfigError, EngineError, GraphError
from sims.core_counts import CoreCounter
from sims.cost_table import CostTable
from sims.counts import total_per_frame
from sims.deployment import ChipModel, model_bound, model_placed
from sims.energy import estimate_energy
from sims.placed_run import count_placed
from sims.record import RunRecord

Image = npt.NDArray[np.uint8]
PERIOD_US = 1e6 / SCENE_FPS
_PJ_PER_UJ = 1e6


@dataclass(frozen=True, eq=False)
class IntegerRun:
    """One clip through the integer network.

    Attributes:
        record: What `depth-snn run` would write of it.
        dense: Class maps (T, H, W) of the dense float network.
        inputs: Inputs of the graph (T, *shape) by name; empty where they were not kept.
    """

    record: RunRecord
    dense: npt.NDArray[np.uint8]
    inputs: Inputs

    @property
    def frames(self) -> int:
        """Frames that means are taken over."""
        return len(range(self.record.frames)[self.record.steady])


def run_clip(
    setup: Setup, frames: Sequence[Frame], events: Sequence[int], dense: Sequence[Image],
    keep_inputs: bool,
) -> IntegerRun:  # fmt: skip
    """Run a clip's frames as `depth-snn run` does, the dense network apart.

    Args:
        setup: Network, policy and graph, with a judge that has seen no frame.
        frames: Labelled frames.
        events: First frame of each sudden event of the clip.
        dense: Class maps of the dense network, frame by frame.
        keep_inputs: Whether to keep the inputs of the graph.

    Raises:
        ConfigError: if there is no second frame, or one has no labels.
        EngineError: if the graph's gates differ from those the policy decided with.
    """
    if len(frames) < 2 or any(frame.label is None for frame in frames):
        raise ConfigError("a clip of a search needs two frames or more, all labelled")
    chain = Chain(setup, keep_inputs=len(frames) if keep_inputs else 0, dense=dense)
    for frame in frames:
        chain.step(frame)
    if chain.out.gate_mismatches:
        raise EngineError(
            f"the integer gates differ from the policy's in {chain.out.gate_mismatches} values, "
            "so the run is not valid; please report it with the policy"
        )
    # Only the first frame of an event decides anything here.
    found = tuple(BurstEvent("event", e, e, (0, 0, 0, 0)) for e in events)
    source = FrameSource("search", SCENE_FPS, found, lambda: iter(frames))
    assert chain.fast is not None
    record = make_record(setup, source, chain.out, dict(chain.fast.counts), "fast", {})
    kept = stack_inputs(chain.out.inputs) if keep_inputs else {}
    return IntegerRun(record, np.stack(dense), kept)


def synops(runs: Sequence[IntegerRun]) -> float:
    """Synaptic operations of a frame, mean over the frames of all clips after their first."""
    rows = [
        total_per_frame(r.record.counts, "synaptic_operations", r.record.frames)[r.record.steady]
        for r in runs
    ]
    return float(np.concatenate(rows).mean())


def energy_uj(runs: Sequence[IntegerRun], table: CostTable) -> float:
    """Modelled energy of a frame's operations in µJ, the priced part; mean likewise."""
    means = [
        estimate_energy(r.record, table).tiers["operations"].mean_pj(r.record.steady) / _PJ_PER_UJ
        for r in runs
    ]
    return _mean(means, runs)


def points_lost(runs: Sequence[IntegerRun]) -> float:
    """Points of mIoU that the integer network lies below the dense float one, clips pooled.

    Every frame that ran counts, the first of each clip too.
    """
    classes = len(runs[0].record.class_names)
    scores = []
    for maps in ([r.dense for r in runs], [r.record.prediction for r in runs]):
        truth = [r.record.truth for r in runs]
        found = [
            frame_matrices(m, t, classes) for m, t in zip(maps, truth, strict=True) if t is not None
        ]
        scores.append(100 * miou(np.concatenate(found).sum(0)))
    return scores[0] - scores[1]


def placed_latency_ms(
    runs: Sequence[IntegerRun],
    graph: Graph,
    placements: Mapping[str, Placement],
    counters: Mapping[str, CoreCounter],
    chip: ChipModel,
) -> float:
    """Modelled time from a picture to its result at the least, in ms; mean likewise.

    Args:
        runs: Clips whose inputs were kept.
        graph: The candidate's.
        placements: Where it lies; one, by its mapping.
        counters: Of that placement.
        chip: Times of events.
    """
    clips = {str(index): run.inputs for index, run in enumerate(runs)}
    counted = count_placed(graph, clips, placements, counters)
    return _mean([model_placed(c, graph, chip, PERIOD_US).latency_ms for c in counted], runs)


def unplaced_latency_ms(runs: Sequence[IntegerRun], graph: Graph, chip: ChipModel) -> float:
    """The same with the work spread evenly over the fewest cores that sizes allow.

    Raises:
        GraphError: if nothing lies on a neurocore, or the chip has no sizes of a core.
    """
    found = []
    for run in runs:
        counts = {k: v for k, v in run.record.counts.items() if k in graph.by_name}
        bound = model_bound("", counts, graph, chip, PERIOD_US)
        if bound is None:
            raise GraphError(f"chip {chip.name}: it has no sizes of a core to spread work over")
        found.append(bound.latency_ms)
    return _mean(found, runs)


def _mean(values: Sequence[float], runs: Sequence[IntegerRun]) -> float:
    """Mean over clips, each as often as it has frames."""
    return float(np.average(values, weights=[run.frames for run in runs]))
