"""From what the loop collected to the record that the verdict and the report are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from depth_snn.cli.chain.loop import Collected, Image
from depth_snn.cli.chain.setup import Setup
from depth_snn.data.classes import CLASS_NAMES, IGNORE, PALETTE
from depth_snn.data.frames import FrameSource
from depth_snn.data.metrics import confusion_matrix, miou, per_class_iou
from sims.counts import NodeCounts
from sims.record import RunRecord

PEDESTRIAN, VEHICLE = CLASS_NAMES.index("pedestrian"), CLASS_NAMES.index("vehicle")
HOST = "host.decide"
"""Name under which the host's share of a run is counted, beside the nodes of the graph."""
BURST_LAG = 10
"""Frames after a sudden event that count as its burst window."""


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
    return RunRecord(
        source=source.name, network=config.name, engine=engine, policy=setup.policy.to_dict(),
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
    burst = np.zeros(len(truth), bool)
    for event in events:
        burst[event["first_frame"] : event["first_frame"] + BURST_LAG + 1] = True
    for name, maps in (("dense", dense), ("pruned", pruned), ("integer", integer)):
        quality |= _scores(name, maps, truth)
        if burst.any():
            quality |= _scores(f"{name}_burst", maps[burst], truth[burst])
    return quality


def _scores(name: str, maps: Image, truth: Image) -> dict[str, float]:
    if not (truth != IGNORE).any():
        return {}
    matrix = confusion_matrix(maps, truth, len(CLASS_NAMES))
    per_class: npt.NDArray[np.float64] = per_class_iou(matrix)
    found = {f"miou_{name}": miou(matrix)}
    for label, index in (("pedestrian", PEDESTRIAN), ("vehicle", VEHICLE)):
        if np.isfinite(per_class[index]):
            found[f"iou_{label}_{name}"] = float(per_class[index])
    return found
