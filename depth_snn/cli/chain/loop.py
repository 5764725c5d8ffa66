"""Frames through the chain, one at a time: decide, compute in floats and integers, take times."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from conversion.gates import DRIVE, FIXED, SCHED
from depth_snn.adapt.adapter import Adapter
from depth_snn.cli.chain.setup import Setup
from depth_snn.cli.chain.shown import IntegerView, street_classes
from depth_snn.cli.progress import Progress
from depth_snn.config import NetworkConfig, PolicyConfig
from depth_snn.data.frames import Frame
from depth_snn.models.vit_loihi import DepthViTLoihi
from depth_snn.motion.base import Flow
from depth_snn.pruning.decide import Decision
from depth_snn.pruning.pipeline import Pipeline, Step
from depth_snn.windows import class_map
from sims.fast import FastSimulator

LOGITS = "head.out.out"
GATE_PROBES = ("gate.lif.out", "gate.lif.membrane", "gate.restore.out", "gate.restore.admitted",
               "gate.restore.ledger")  # fmt: skip
PIXELS = "pixels"
Image = npt.NDArray[np.uint8]
MAX_FRAMES = 6000
"""Frames of one run: about a quarter of a megabyte each is held for the report."""
DENSE_ATTENTIONS = ("linear", "sdpa")
Inputs = dict[str, npt.NDArray[np.int64]]


@dataclass
class Collected:
    """What the loop gathered; lists have one entry per frame."""

    rgb: list[Image] = field(default_factory=list)
    truth: list[Image | None] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    macs: list[dict[str, int]] = field(default_factory=list)
    dense_map: list[Image] = field(default_factory=list)
    pruned_map: list[Image] = field(default_factory=list)
    integer_map: list[Image] = field(default_factory=list)
    gate_mismatches: int = 0
    inputs: list[Inputs] = field(default_factory=list)
    flows: list[Flow | None] = field(default_factory=list)
    times_ms: dict[str, list[float]] = field(default_factory=dict)
    scale: float = 1.0
    integer_error: list[float] = field(default_factory=list)
    cut_off: bool = False
    """Whether the clip went on after :data:`MAX_FRAMES`."""
    adapter: Adapter | None = None
    """What changed the policy; None for a single one."""

    def clock(self, name: str, start: float) -> float:
        """Note the milliseconds since ``start``; returns the present."""
        now = time.perf_counter()
        self.times_ms.setdefault(name, []).append(1e3 * (now - start))
        return now


def graph_inputs(decision: Decision, *, recovery: bool) -> Inputs:
    """A frame's inputs to the integer graph."""
    drive = decision.drive if recovery else np.zeros_like(decision.drive)
    return {
        PIXELS: decision.rgb.reshape(-1, 3).astype(np.int64),
        SCHED: decision.sched.astype(np.int64),
        DRIVE: drive,
        FIXED: np.array([decision.fixed_macs], np.int64),
    }


def gate_differences(
    decision: Decision, values: dict[str, npt.NDArray[np.int64]], policy: PolicyConfig
) -> int:
    """Values in which the graph's gates differ from those the runtime decided with."""
    restored = decision.restored
    ledger = np.array([restored.base_macs, restored.spent_macs])
    pairs: list[tuple[npt.NDArray[Any], npt.NDArray[Any]]] = [
        (values["gate.restore.out"], restored.open),
        (values["gate.restore.admitted"], restored.admitted),
        (values["gate.restore.ledger"], ledger),
    ]
    if policy.recovery:  # without it the graph's neurons get no drive
        pairs.append((values["gate.lif.out"], decision.spikes))
    if policy.recovery and policy.gate.body == "loihi":  # a float body rounds its potential
        pairs.append((values["gate.lif.membrane"], decision.membrane))
    return sum(int((graph != runtime).sum()) for graph, runtime in pairs)


@torch.inference_mode()
def dense_step(model: DepthViTLoihi, rgb: Image, attention: str) -> Image:
    """Class map of the dense network, end to end from the frame."""
    picture = torch.from_numpy(rgb)[None].permute(0, 3, 1, 2).float()
    return street_map(model(picture, attention)[0].numpy(), model.config)


def street_map(logits: npt.NDArray[Any], config: NetworkConfig) -> Image:
    """Class map in the eight street classes; CamVid's eleven become those they belong to."""
    return street_classes(class_map(logits, config), config)


class Chain:
    """One stream through decide, float network and integer graph.

    Args:
        setup: What :func:`depth_snn.cli.chain.setup.prepare` made.
        keep_inputs: Frames whose graph inputs are kept, for witnesses and other engines.
        simulate: Whether to run the integer graph alongside on the fast simulator.
        dense: Class maps of the dense network, frame by frame, where they are known: it does not
            run then, and has no time.
        adapter: What changes the policy as the scene changes; None to keep the setup's.
    """

    def __init__(
        self,
        setup: Setup,
        *,
        keep_inputs: int,
        simulate: bool = True,
        dense: Sequence[Image] | None = None,
        adapter: Adapter | None = None,
    ) -> None:
        self.setup, self.keep_inputs, self._known = setup, keep_inputs, dense
        self.adapter = adapter
        self.pipeline = Pipeline(setup.model, setup.policy, setup.prices, setup.judge)
        self.fast = FastSimulator(setup.graph, (LOGITS, *GATE_PROBES)) if simulate else None
        self.out = Collected(adapter=adapter)
        self.out.scale = float(setup.graph.meta["scales"]["head.out"])
        self.integer_view = IntegerView(setup.config, self.out.scale)

    def step(self, frame: Frame) -> None:
        """Run one frame through everything and note the results."""
        out, rgb = self.out, frame.rgb
        if not out.rgb and self._known is None:
            for attention in DENSE_ATTENTIONS:
                dense_step(self.setup.dense, rgb, attention)  # warm-up, outside every clock
        begin = last = time.perf_counter()

        def lap(name: str) -> None:
            nonlocal last
            last = out.clock(name, last)

        if self.adapter is not None and (policy := self.adapter.step(rgb)) is not None:
            self.pipeline.swap(policy)
        step = self.pipeline.step(rgb, frame.vectors, lap)
        out.clock("pruned_end_to_end", begin)
        out.pruned_map.append(street_classes(step.classes, self.setup.config))
        self._dense(rgb)
        self._note(frame, step.decision)
        self._integers(step)

    def _dense(self, rgb: Image) -> None:
        """The dense network with both kinds of attention, timed, unless it is known."""
        if self._known is not None:
            self.out.dense_map.append(self._known[len(self.out.dense_map)])
            return
        # Who comes second finds warm caches, so they take turns.
        turn = 1 if len(self.out.dense_map) % 2 == 0 else -1
        maps = {}
        for attention in DENSE_ATTENTIONS[::turn]:
            start = time.perf_counter()
            maps[attention] = dense_step(self.setup.dense, rgb, attention)
            self.out.clock(f"dense_{attention}", start)
        self.out.dense_map.append(maps["linear"])

    def _note(self, frame: Frame, decision: Decision) -> None:
        out = self.out
        out.rgb.append(frame.rgb)
        out.truth.append(frame.label)
        out.decisions.append(decision)
        macs = decision.executed(self.setup.prices)
        macs["motion"] += decision.motion_macs
        macs["gate"] += decision.gate_macs + (self.adapter.macs if self.adapter else 0)
        out.macs.append(macs)

    def _integers(self, step: Step) -> None:
        out, decision = self.out, step.decision
        inputs = graph_inputs(decision, recovery=self.setup.policy.recovery)
        carried = step.motion if self.setup.policy.carry else None
        flow = carried.flow if carried is not None else None
        if len(out.inputs) < self.keep_inputs:
            out.flows.append(flow)
            bytes_ = {k: inputs[k].astype(np.uint8) for k in (PIXELS, SCHED)}
            out.inputs.append(inputs | bytes_)  # type: ignore[arg-type]
        if self.fast is None:
            return
        start = time.perf_counter()
        values = dict(self.fast.step(inputs))
        out.clock("integer_graph", start)
        integers = values[LOGITS]
        shown = self.integer_view.show(integers, flow, decision.restored.open[-1])
        out.integer_map.append(shown)
        out.integer_error.append(float(np.abs(integers * out.scale - step.logits).mean()))
        out.gate_mismatches += gate_differences(decision, values, self.setup.policy)


def run_chain(chain: Chain, frames: Iterable[Frame], total: int | None) -> Collected:
    """Feed the frames, with progress; the first :data:`MAX_FRAMES` of a longer clip."""
    progress = Progress("frames", total)
    for index, frame in enumerate(frames):
        if index == MAX_FRAMES:
            chain.out.cut_off = True
            break
        chain.step(frame)
        spikes = int(chain.out.decisions[-1].spikes.sum())
        share = chain.out.decisions[-1].restored.open.mean()
        progress.update(index + 1, f"{share:.0%} of tokens computed, {spikes} gate spikes")
    progress.finish()
    return chain.out
