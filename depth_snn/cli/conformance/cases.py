"""The whole conformance set: the standard cases, and the tiny DEPTH network with its gates."""

from __future__ import annotations

from pathlib import Path

from conversion.cases.building import Case
from conversion.cases.case import ConformanceCase
from conversion.cases.registry import standard_cases

NETWORK, FRAMES, SEED = "tiny", 24, 0
"""The shipped network, and the frames of a driving scene in which its gates fire and restore."""
SCENE = "scene:driving"


def all_cases(trace: Path | None = None) -> tuple[ConformanceCase, ...]:
    """Every case there is; see :func:`conversion.cases.registry.standard_cases`."""
    return (*standard_cases(trace), ConformanceCase("depth/tiny", depth_case))


def depth_case() -> Case:
    """The shipped tiny network, converted, on a scene; its gates are checked to do something.

    Raises:
        EngineError: if no gate fires, admits or closes, so that equality would show little.
    """
    from depth_snn.cli.chain.engines import coverage, decide_all
    from depth_snn.cli.chain.loop import graph_inputs
    from depth_snn.cli.chain.setup import load_policy, prepare
    from depth_snn.cli.chain.witness import stack_inputs
    from depth_snn.data.frames import open_frames
    from depth_snn.errors import EngineError

    setup = prepare(NETWORK, load_policy(None, NETWORK))
    size = {"height": setup.config.height, "width": setup.config.width}
    images = [frame.rgb for frame in open_frames(SCENE, limit=FRAMES, seed=SEED, **size)]
    decisions = decide_all(setup, images)
    held = {"gate_spikes": sum(int(d.spikes.sum()) for d in decisions), **coverage(decisions)}
    silent = [name for name, value in held.items() if value == 0]
    if silent:
        raise EngineError(f"network {NETWORK!r} on {SCENE}: no {silent[0]} in {FRAMES} frames")
    recovery = setup.policy.recovery
    return setup.graph, stack_inputs([graph_inputs(d, recovery=recovery) for d in decisions])
