"""Second opinions on a run: the reference simulator, Lava, and the runtime's own gates."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import numpy.typing as npt

from conversion.graph import Graph
from depth_snn.cli.progress import Progress
from depth_snn.errors import EngineError
from sims.fast import simulate as simulate_fast
from sims.overflow import Overflow
from sims.reference import simulate as simulate_reference
from sims.result import SimResult, first_difference

Inputs = dict[str, npt.NDArray[np.int64]]
Values = dict[str, npt.NDArray[np.int64]]


def stack_inputs(frames: list[Inputs]) -> Inputs:
    """Per-frame inputs to arrays (T, *shape) of int64."""
    return {key: np.stack([f[key] for f in frames]).astype(np.int64) for key in frames[0]}


def compare(name: str, left: Values, right: Values, frames: int) -> dict[str, Any]:
    """Count the values on which two engines differ, over every port.

    Raises:
        EngineError: One of them lacks a port that the other has.
    """
    keys = sorted(set(left) | set(right))
    for key in keys:
        if key not in left or key not in right:
            side = "first" if key not in left else "second"
            raise EngineError(f"{name}: the {side} has no port {key!r}, but the other has it")
    mismatches = sum(int((left[k] != right[k]).sum()) for k in keys)
    first = first_difference({k: left[k] for k in keys}, {k: right[k] for k in keys})
    return {
        "frames": frames,
        "ports": len(keys),
        "values": sum(int(left[k].size) for k in keys),
        "mismatches": mismatches,
        "first": None if first is None else f"{name}: {first}",
    }


def reference_witness(graph: Graph, inputs: Inputs) -> dict[str, Any]:
    """Run reference and fast simulator on the same inputs and compare every port and count."""
    frames = len(next(iter(inputs.values())))
    reference = run_reference(graph, inputs)
    fast = simulate_fast(graph, inputs)
    found = compare("reference against fast", dict(reference.values), dict(fast.values), frames)
    found["count_mismatches"] = count_differences(reference, fast)
    return found


def count_differences(left: SimResult, right: SimResult) -> int:
    """Event counts, over nodes and frames, on which two simulators differ.

    Raises:
        EngineError: One of them did not count a node that the other did.
    """
    uneven = sorted(set(left.counts) ^ set(right.counts))
    if uneven:
        raise EngineError(f"node {uneven[0]!r} was counted by only one of two simulators")
    fields = (
        "spikes", "messages", "synaptic_operations", "updates_active", "updates_idle",
        "macs_off_core",
    )  # fmt: skip
    return sum(
        int((getattr(left.counts[name], f) != getattr(right.counts[name], f)).sum())
        for name in left.counts
        for f in fields
    )


def run_reference(
    graph: Graph,
    inputs: Inputs,
    probes: Collection[str] | None = None,
    overflow: Overflow = "strict",
) -> SimResult:
    """The reference simulator with progress by step; ``probes`` limits what is kept."""
    frames = len(next(iter(inputs.values())))
    steps = frames + max(graph.lags.values())
    progress = Progress("reference simulator, steps", steps)
    result = simulate_reference(
        graph, inputs, probes=probes, overflow=overflow,
        on_step=lambda step: progress.update(step + 1),
    )  # fmt: skip
    progress.finish()
    return result.result


def run_lava(
    graph: Graph,
    inputs: Inputs,
    deadline_s: float,
    stock: bool,
    probes: Collection[str] | None = None,
    **options: Any,
) -> tuple[SimResult, Any]:
    """Lava's fixed-point simulation, aligned by frame, without event counts; and its raw result.

    ``options`` are those of :func:`loihi.simulate_on_lava` that are not named here.
    """
    frames = len(next(iter(inputs.values())))
    raw = _lava_with_progress(
        graph, inputs, deadline_s=deadline_s, stock=stock, probes=probes, **options
    )
    values = {
        key: np.ascontiguousarray(array[lag : lag + frames])
        for key, array in raw.by_step.items()
        for lag in (graph.lags[key.rsplit(".", 1)[0]],)
    }
    return SimResult(frames=frames, values=values, counts={}), raw


def _lava_with_progress(graph: Graph, inputs: Inputs, **options: Any) -> Any:
    """Run Lava and show the steps done; building its processes takes seconds before the first."""
    from loihi import simulate_on_lava

    frames = len(next(iter(inputs.values())))
    progress = Progress("Lava, steps", frames + max(graph.lags.values()))
    progress.update(0, "building the processes")
    raw = simulate_on_lava(graph, inputs, on_progress=progress.update, **options)
    progress.finish()
    return raw


def lava_witness(
    graph: Graph, inputs: Inputs, *, deadline_s: float, stock: bool = False
) -> dict[str, Any]:
    """Run Lava and the reference simulator and compare every node at every *step*."""
    frames = len(next(iter(inputs.values())))
    raw = _lava_with_progress(graph, inputs, deadline_s=deadline_s, stock=stock)
    reference = simulate_reference(graph, inputs)
    found = compare("Lava against reference", dict(raw.by_step), dict(reference.by_step), frames)
    steps = frames + max(graph.lags.values())
    return found | {"network": graph.name, "steps": steps, "seconds": round(raw.seconds, 2)}
