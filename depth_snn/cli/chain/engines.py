"""The other engines behind `--engine`, and the second opinions every run can ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from depth_snn.cli.chain.loop import LOGITS, Collected, graph_inputs
from depth_snn.cli.chain.setup import Setup, load_policy, prepare
from depth_snn.cli.chain.witness import (
    lava_witness,
    reference_witness,
    run_lava,
    run_reference,
    stack_inputs,
)
from depth_snn.pruning.decide import Decider
from depth_snn.pruning.stream import PrunedStream, new_state
from depth_snn.windows import class_map
from sims.counts import NodeCounts

LAVA_SECONDS_PER_STEP = 5.0
LAVA_START_SECONDS = 60.0


def lava_deadline(steps: int) -> float:
    """Seconds after which a Lava run is given up."""
    return LAVA_START_SECONDS + LAVA_SECONDS_PER_STEP * steps


def run_other_engine(
    engine: str, setup: Setup, out: Collected, counts: Mapping[str, NodeCounts]
) -> Mapping[str, NodeCounts]:
    """Run the whole clip's graph on another engine; its logits become the prediction.

    Returns:
        Event counts: the reference simulator's own, or the given ones, since Lava counts nothing.
    """
    inputs = stack_inputs(out.inputs)
    if engine == "reference":
        result = run_reference(setup.graph, inputs, (LOGITS,))
        counts = result.counts
    else:
        steps = len(out.inputs) + max(setup.graph.lags.values())
        result, _ = run_lava(setup.graph, inputs, lava_deadline(steps), False, (LOGITS,))
    out.integer_map = [class_map(logits, setup.config) for logits in result.values[LOGITS]]
    return counts


def run_witnesses(
    setup: Setup, out: Collected, reference_frames: int, lava_frames: int
) -> dict[str, dict[str, Any]]:
    """Comparisons that go into the verdict; a mismatch there fails the run."""
    found: dict[str, dict[str, Any]] = {}
    if setup.policy.recovery:
        found["gates_runtime_vs_graph"] = {
            "frames": len(out.decisions), "mismatches": out.gate_mismatches,
        }  # fmt: skip
        if setup.policy.gate.body != "loihi":
            found["gates_runtime_vs_graph"]["note"] = "float body against integers"
    if reference_frames:
        inputs = stack_inputs(out.inputs[:reference_frames])
        found["reference_vs_fast"] = reference_witness(setup.graph, inputs)
    if lava_frames:
        found["lava_vs_reference"] = small_lava_witness(setup, out.rgb[:lava_frames])
    return found


def small_lava_witness(setup: Setup, frames: list[npt.NDArray[np.uint8]]) -> dict[str, Any]:
    """The tiny network with its gates on the same frames, in Lava and in the reference."""
    import cv2

    tiny = prepare("tiny", load_policy(None, "tiny"))
    size = (tiny.config.width, tiny.config.height)
    small = [cv2.resize(f, size, interpolation=cv2.INTER_AREA) for f in frames]
    inputs = stack_inputs(record_inputs(tiny, small))
    steps = len(small) + max(tiny.graph.lags.values())
    return lava_witness(tiny.graph, inputs, deadline_s=lava_deadline(steps), stock=True)


def record_inputs(
    setup: Setup, frames: list[npt.NDArray[np.uint8]]
) -> list[dict[str, npt.NDArray[np.int64]]]:
    """Inputs that the integer graph gets for these frames under the setup's policy."""
    decider = Decider(setup.config, setup.policy, setup.prices)
    stream = PrunedStream(setup.model, scored=setup.policy.cuts_tokens)
    state = new_state(setup.config)
    inputs = []
    for rgb in frames:
        decision = decider.decide(rgb, state.strength if state.started else None)
        stream.step(decision.windows, decision.restored.open, state)
        inputs.append(graph_inputs(decision, recovery=setup.policy.recovery))
    return inputs
