"""The other engines behind `--engine`, and the second opinions every run can ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from depth_snn.cli.chain.loop import LOGITS, Collected, graph_inputs
from depth_snn.cli.chain.setup import Setup, load_policy, prepare
from depth_snn.cli.chain.shown import IntegerView
from depth_snn.cli.chain.witness import (
    lava_witness,
    reference_witness,
    run_lava,
    run_reference,
    stack_inputs,
)
from depth_snn.data.frames import open_frames
from depth_snn.errors import EngineError
from depth_snn.pruning.decide import Decision
from depth_snn.pruning.pipeline import Pipeline
from sims.counts import NodeCounts

LAVA_SECONDS_PER_STEP = 5.0
LAVA_START_SECONDS = 60.0
OFFLINE_FRAMES = 240
"""Frames of one run on an engine that gets all inputs at once, which are held until then."""
LAVA_SCENE, LAVA_SEED, LAVA_SPEAKS = "scene:driving", 2, 8
"""What Lava checks, and the frames after which its gates must have fired and restored."""


def lava_deadline(steps: int) -> float:
    """Seconds after which a Lava run is given up."""
    return LAVA_START_SECONDS + LAVA_SECONDS_PER_STEP * steps


def run_other_engine(
    engine: str,
    setup: Setup,
    out: Collected,
    counts: Mapping[str, NodeCounts],
    deadline_s: float | None = None,
) -> Mapping[str, NodeCounts]:
    """Run the whole clip's graph on another engine; its logits become the prediction.

    Args:
        engine: ``"reference"`` or ``"lava"``.
        setup: Network, graph and policy.
        out: What the clip gave so far.
        counts: Event counts of the fast simulator.
        deadline_s: Seconds after which a Lava run is given up; None for :func:`lava_deadline`.

    Returns:
        Event counts: the reference simulator's own, or the given ones, since Lava counts nothing.
    """
    inputs = stack_inputs(out.inputs)
    if engine == "reference":
        result = run_reference(setup.graph, inputs, (LOGITS,))
        counts = result.counts
    else:
        steps = len(out.inputs) + max(setup.graph.lags.values())
        deadline = deadline_s or lava_deadline(steps)
        result, _ = run_lava(setup.graph, inputs, deadline, False, (LOGITS,))
    view = IntegerView(setup.config, out.scale)
    computed = [decision.restored.open[-1] for decision in out.decisions]
    frames = zip(result.values[LOGITS], out.flows, computed, strict=True)
    out.integer_map = [view.show(*frame) for frame in frames]
    return counts


def run_witnesses(
    setup: Setup, out: Collected, reference_frames: int, lava_frames: int
) -> dict[str, dict[str, Any]]:
    """Comparisons that go into the verdict; a mismatch there fails the run."""
    gates: dict[str, Any] = {"frames": len(out.decisions), "mismatches": out.gate_mismatches}
    if not setup.policy.recovery:
        gates["note"] = "recovery is off, so spikes are not compared"
    elif setup.policy.gate.body != "loihi":
        gates["note"] = "float body against integers, potentials not compared"
    found = {"gates_runtime_vs_graph": gates}
    if reference_frames:
        inputs = stack_inputs(out.inputs[:reference_frames])
        found["reference_vs_fast"] = reference_witness(setup.graph, inputs) | coverage(
            out.decisions[:reference_frames]
        )
    if lava_frames:
        found["lava_vs_reference"] = small_lava_witness(lava_frames)
    return found


def coverage(decisions: Sequence[Decision]) -> dict[str, int]:
    """What compared frames held besides dense computing: restores, and tokens not computed."""
    return {
        "restored_regions": sum(int(d.restored.admitted.sum()) for d in decisions),
        "closed_tokens": sum(int((~d.restored.open.any(0)).sum()) for d in decisions),
    }


def small_lava_witness(frames: int) -> dict[str, Any]:
    """The tiny network with its gates on a built-in driving scene, in Lava and in the reference.

    The input of the run is not used: on a quiet one, or scaled down, no gate would fire and two
    silences would be compared.

    Raises:
        EngineError: No gate fired or nothing was restored within enough frames to expect it.
    """
    tiny = prepare("tiny", load_policy(None, "tiny"))
    size = {"height": tiny.config.height, "width": tiny.config.width}
    clip = open_frames(LAVA_SCENE, limit=frames, seed=LAVA_SEED, **size)
    decisions = decide_all(tiny, [frame.rgb for frame in clip])
    held = {"gate_spikes": sum(int(d.spikes.sum()) for d in decisions), **coverage(decisions)}
    silent = [name for name, value in held.items() if value == 0]
    if silent and frames >= LAVA_SPEAKS:
        raise EngineError(
            f"the Lava check of {frames} frames of {LAVA_SCENE} would hold no {silent[0]}, "
            "so it would show nothing; the weights or the policy of tiny have changed"
        )
    inputs = stack_inputs([graph_inputs(d, recovery=tiny.policy.recovery) for d in decisions])
    steps = frames + max(tiny.graph.lags.values())
    found = lava_witness(tiny.graph, inputs, deadline_s=lava_deadline(steps), stock=True)
    return found | held


def record_inputs(
    setup: Setup, frames: list[npt.NDArray[np.uint8]]
) -> list[dict[str, npt.NDArray[np.int64]]]:
    """Inputs that the integer graph gets for these frames under the setup's policy."""
    recovery = setup.policy.recovery
    return [graph_inputs(d, recovery=recovery) for d in decide_all(setup, frames)]


def decide_all(setup: Setup, frames: Sequence[npt.NDArray[np.uint8]]) -> list[Decision]:
    """Decisions on these frames under the setup's policy, each after the network ran the last."""
    pipeline = Pipeline(setup.model, setup.policy, setup.prices, setup.judge)
    return [pipeline.step(rgb).decision for rgb in frames]
