"""From what the loop collected to the record that the verdict and the report are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from depth_snn.cli.chain.loop import Collected
from depth_snn.cli.chain.setup import Setup
from depth_snn.data.burst_recovery import recovery
from depth_snn.data.bursts import BurstWindow, burst_window, scores_by_lag
from depth_snn.data.classes import CLASS_NAMES, PALETTE
from depth_snn.data.frames import FrameSource
from depth_snn.data.metrics import Counts, frame_matrices, miou, per_class_iou
from sims.counts import NodeCounts
from sims.record import RunRecord

PEDESTRIAN, VEHICLE = CLASS_NAMES.index("pedestrian"), CLASS_NAMES.index("vehicle")
HOST = "host.decide"
"""Name under which the host's share of a run is counted, beside the nodes of the graph."""


def make_record(
    setup: Setup,
    source: FrameSource,
    out: Collected,
    counts: Mapping[str, NodeCounts],
    engine: str,
    witnesses: dict[str, dict[str, Any]],
) -> RunRecord:
    """Assemble the record of a finished run."""
    config, decisions = setup.config, out.decisions
    last = len(decisions) - 1
    events = [asdict(e) for e in source.events if e.first_frame <= last]
    truth = np.stack([t for t in out.truth if t is not None]) if _labelled(out) else None
    ran = {} if out.adapter is None else out.adapter.story()
    return RunRecord(
        source=source.name, network=config.name, engine=engine, policy=setup.policy.to_dict() | ran,
        fps=source.fps, grid=config.grid, patch=config.patch, region=config.region,
        class_names=tuple(CLASS_NAMES), palette=PALETTE,
        rgb=np.stack(out.rgb), prediction=np.stack(out.integer_map), truth=truth,
        token_state=np.stack([d.token_state() for d in decisions]),
        motion_px=np.stack([d.residual_px for d in decisions]),
        drive=np.stack([d.drive for d in decisions]),
        membrane=np.stack([d.membrane for d in decisions]),
        threshold=setup.policy.gate.vth << 6,
        spikes=np.stack([d.spikes for d in decisions]),
        admitted=np.stack([d.restored.admitted for d in decisions]),
        macs={k: np.array([m[k] for m in out.macs], np.int64) for k in out.macs[0]},
        dense_macs=setup.dense_prices.dense_macs(),
        base_macs=np.array([d.restored.base_macs for d in decisions], np.int64),
        extra_macs=np.array([d.restored.spent_macs for d in decisions], np.int64),
        counts={**counts, HOST: host_counts(out)}, events=tuple(events),
        quality=quality_of(out, events), timing_ms=timing_of(out), witnesses=witnesses,
    )  # fmt: skip


def host_counts(out: Collected) -> NodeCounts:
    """Work of deciding what runs: motion, gates and scores, which no node of the graph does."""
    deciding = ("motion", "gate", "score")
    macs = np.array([sum(frame[k] for k in deciding) for frame in out.macs], np.int64)
    none = np.zeros_like(macs)
    return NodeCounts(
        node=HOST, kind="Decide", runs_on="host", neurons=0, spikes=none, messages=none,
        synaptic_operations=none, updates_active=none, updates_idle=none, macs_off_core=macs,
        message_bits=none,
    )  # fmt: skip


def _labelled(out: Collected) -> bool:
    return all(t is not None for t in out.truth)


def timing_of(out: Collected) -> dict[str, float]:
    """Median milliseconds of every part over the frames after the first."""
    return {k: float(np.median(v[1:] or v)) for k, v in out.times_ms.items()}


def quality_of(out: Collected, events: list[dict[str, Any]]) -> dict[str, float]:
    """Agreement between the networks and, with labels, mIoU over the clip and in burst windows."""
    pruned, dense, integer = (np.stack(m) for m in (out.pruned_map, out.dense_map, out.integer_map))
    quality = {
        "agreement_pruned_dense": float((pruned == dense).mean()),
        "agreement_integer_pruned": float((integer == pruned).mean()),
        "integer_error_logit_mean": float(np.mean(out.integer_error or [0.0])),
    }
    if not _labelled(out):
        return quality
    truth = np.stack([t for t in out.truth if t is not None])
    firsts = [int(event["first_frame"]) for event in events]
    classes = len(CLASS_NAMES)
    reference = frame_matrices(dense, truth, classes)
    for name, maps in (("dense", dense), ("pruned", pruned), ("integer", integer)):
        frames = frame_matrices(maps, truth, classes)
        window = burst_window(frames, reference, firsts)
        quality |= _scores(name, frames.sum(0))
        quality |= _scores(f"{name}_burst", window.stream.sum(0))
        if name != "dense" and window.bursts and window.stream.sum((1, 2)).all():
            quality |= _way_back(name, window)
    return quality


def _way_back(name: str, window: BurstWindow) -> dict[str, float]:
    """Largest loss after an event, and frames until nine tenths of it are made good."""
    back = recovery(scores_by_lag(window))
    found = {f"burst_worst_loss_{name}": back.loss}
    return found if back.frames is None else found | {f"burst_frames_{name}": float(back.frames)}


def _scores(name: str, matrix: Counts) -> dict[str, float]:
    if not matrix.any():
        return {}
    per_class: npt.NDArray[np.float64] = per_class_iou(matrix)
    found = {f"miou_{name}": miou(matrix)}
    for label, index in (("pedestrian", PEDESTRIAN), ("vehicle", VEHICLE)):
        if np.isfinite(per_class[index]):
            found[f"iou_{label}_{name}"] = float(per_class[index])
    return found
