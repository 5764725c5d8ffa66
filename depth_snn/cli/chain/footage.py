"""A clip as the integer graph gets it, recorded once and played under many thresholds.

What opens a token is decided from the picture, by motion, judge and gate; thresholds do not change
it. So decisions are recorded, and only the graph runs again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from conversion.dense_operations import dense_operations
from conversion.gates import DRIVE, FIXED, SCHED
from conversion.graph import Graph
from depth_snn.cli.chain.loop import LOGITS, PIXELS, Inputs, graph_inputs
from depth_snn.cli.chain.setup import Setup
from depth_snn.cli.chain.shown import IntegerView
from depth_snn.config import NetworkConfig
from depth_snn.data.frames import Frame
from depth_snn.data.metrics import Counts, confusion_matrix
from depth_snn.motion.base import Flow
from depth_snn.pruning.pipeline import Pipeline
from sims.counts import total_per_frame
from sims.fast import FastSimulator

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Footage:
    """A labelled clip with what the gates get.

    Attributes:
        config: Network whose size it has.
        inputs: Inputs of the integer graph, frame by frame.
        truth: Labels (H, W), frame by frame.
        flows: What the view is carried along by; None where it is not.
        computed: Tokens open in the last stage (N,), frame by frame.
    """

    config: NetworkConfig
    inputs: Sequence[Inputs]
    truth: Sequence[Image]
    flows: Sequence[Flow | None]
    computed: Sequence[npt.NDArray[np.bool_]]


@dataclass(frozen=True, eq=False)
class Replay:
    """A clip played through an integer graph.

    Attributes:
        maps: Class map (H, W) of each frame.
        operations: Synaptic operations of each frame (T,).
        by_node: The same by node, where there are any.
        matrix: Confusion matrix of all frames, row = truth.
    """

    maps: Sequence[Image]
    operations: npt.NDArray[np.int64]
    by_node: Mapping[str, npt.NDArray[np.int64]]
    matrix: Counts


def quiet_inputs(config: NetworkConfig, rgb: Image) -> Inputs:
    """Inputs of one frame with every token open and nothing that asks for recovery."""
    return {
        PIXELS: rgb.reshape(-1, 3).astype(np.int64),
        SCHED: np.ones((config.stages, config.tokens), np.int64),
        DRIVE: np.zeros(config.regions, np.int64),
        FIXED: np.ones(1, np.int64),
    }


def open_footage(config: NetworkConfig, clip: Sequence[Frame]) -> Footage:
    """A labelled clip with every token open in every frame."""
    every = np.ones(config.tokens, bool)
    return Footage(
        config, [quiet_inputs(config, f.rgb) for f in clip], _labels(clip), [None] * len(clip),
        [every] * len(clip),
    )  # fmt: skip


def pruned_footage(setup: Setup, clip: Sequence[Frame]) -> Footage:
    """A labelled clip under the policy of a setup, as `depth-snn run` decides it."""
    pipeline = Pipeline(setup.model, setup.policy, setup.prices, setup.judge)
    inputs, flows, computed = [], [], []
    for frame in clip:
        step = pipeline.step(frame.rgb, frame.vectors)
        inputs.append(graph_inputs(step.decision, recovery=setup.policy.recovery))
        carried = step.motion if setup.policy.carry else None
        flows.append(carried.flow if carried is not None else None)
        computed.append(step.decision.restored.open[-1])
    return Footage(setup.config, inputs, _labels(clip), flows, computed)


def _labels(clip: Sequence[Frame]) -> list[Image]:
    return [f.label for f in clip if f.label is not None]


def replay(graph: Graph, footage: Footage) -> Replay:
    """Run the integer graph over a recorded clip on the fast simulator."""
    config = footage.config
    simulator = FastSimulator(graph, (LOGITS,))
    view = IntegerView(config, float(graph.meta["scales"]["head.out"]))
    maps = []
    for inputs, flow, computed in zip(footage.inputs, footage.flows, footage.computed, strict=True):
        maps.append(view.show(simulator.step(inputs)[LOGITS], flow, computed))
    counts = simulator.counts
    matrix = sum(
        confusion_matrix(found, truth, config.classes)
        for found, truth in zip(maps, footage.truth, strict=True)
    )
    return Replay(
        maps, total_per_frame(counts, "synaptic_operations", len(maps)),
        {name: c.synaptic_operations for name, c in counts.items() if c.synaptic_operations.any()},
        np.asarray(matrix, np.int64),
    )  # fmt: skip


def reduction(graph: Graph, dense: Graph, played: Sequence[Replay]) -> float:
    """Synaptic operations of the dense network ÷ those executed, after each clip's first frame.

    Args:
        graph: The graph that was played; named in the error.
        dense: The quantised network with nothing pruned.
        played: Clips of at least two frames.
    """
    whole = sum(dense_operations(dense).values())
    done: list[Any] = [r.operations[1:] for r in played]
    executed = np.concatenate(done)
    assert executed.size and executed.sum() > 0, f"{graph.name}: nothing was executed"
    return float(whole * executed.size / executed.sum())
