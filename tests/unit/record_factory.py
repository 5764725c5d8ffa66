"""Run records for tests: a drawn street scene, and a two-node record small enough for hand sums."""

from __future__ import annotations

from typing import Any

import numpy as np

from sims.counts import NodeCounts
from sims.record import RunRecord

CLASSES = (
    "sky", "building", "road", "sidewalk", "vegetation", "vehicle", "pedestrian", "pole/sign",
)  # fmt: skip
PALETTE = np.array(
    [
        [120, 180, 230], [150, 150, 150], [110, 80, 120], [220, 90, 200],
        [90, 150, 40], [20, 40, 160], [220, 30, 60], [240, 200, 40],
    ],
    dtype=np.uint8,
)  # fmt: skip
ROWS, COLUMNS, PATCH, REGION = 16, 32, 8, 4
HEIGHT, WIDTH, TOKENS = ROWS * PATCH, COLUMNS * PATCH, ROWS * COLUMNS
BURST = 12
THRESHOLD = 4096
DENSE_MACS = 420_000_000


def node(name: str, frames: int, runs_on: str = "neurocore", neurons: int = 100, **counts: Any):
    """NodeCounts with zeros where nothing is given; a number stands for every frame."""
    fields = ("spikes", "messages", "synaptic_operations", "updates_active", "updates_idle",
              "macs_off_core")  # fmt: skip
    arrays = {
        field: np.broadcast_to(np.asarray(counts.pop(field, 0), dtype=np.int64), (frames,))
        for field in fields
    }
    if "message_bits" in counts:
        arrays["message_bits"] = np.broadcast_to(np.int64(counts.pop("message_bits")), (frames,))
    return NodeCounts(node=name, kind=counts.pop("kind", "Dense"), runs_on=runs_on,
                      neurons=neurons, **arrays, **counts)  # fmt: skip


def _labels(frame: int) -> np.ndarray:
    labels = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    labels[30:76, :70] = 1
    labels[44:76, 70:150] = 4
    labels[20:76, 190:] = 1
    labels[70:84] = 3
    labels[84:] = 2
    labels[34:84, 160:163] = 7
    car = 10 + 6 * frame
    labels[74:98, max(car, 0) : min(car + 44, WIDTH)] = 5
    if frame >= BURST:
        step = 196 - 3 * (frame - BURST)
        labels[62:96, step : step + 12] = 6
    return labels


def _token_states(labels: np.ndarray, admitted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    frames = len(labels)
    blocks = labels.reshape(frames, ROWS, PATCH, COLUMNS, PATCH)
    moved = np.zeros((frames, TOKENS), dtype=np.float32)
    changed = (blocks[1:] != blocks[:-1]).mean(axis=(2, 4)).reshape(frames - 1, TOKENS)
    moved[1:] = 6.0 * changed
    state = (moved > 0.1).astype(np.uint8)
    state[0] = 1
    state[(moved > 0.1) & (moved < 0.6)] = 3
    regions = admitted.reshape(frames, ROWS // REGION, COLUMNS // REGION)
    restored = regions.repeat(REGION, axis=1).repeat(REGION, axis=2).reshape(frames, TOKENS)
    state[restored & (state != 1)] = 2
    return state, moved


def _gates(frames: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    drive = rng.integers(0, 260, size=(frames, 32))
    for region in (13, 14, 21, 22):
        drive[BURST : BURST + 5, region] += 2600 - 90 * min(region, 20)
    membrane = np.zeros_like(drive)
    spikes = np.zeros(drive.shape, dtype=bool)
    held = np.zeros(32, dtype=np.int64)
    for t in range(frames):
        held = held * 3686 // 4096 + drive[t]
        membrane[t] = held
        spikes[t] = held >= THRESHOLD
        held = held - THRESHOLD * spikes[t]
    admitted = spikes.copy()
    admitted[:, 22] = False
    return {"drive": drive, "membrane": membrane, "spikes": spikes, "admitted": admitted}


def _counts(frames: int, share: np.ndarray) -> dict[str, NodeCounts]:
    def scaled(most: int) -> np.ndarray:
        return (share * most).astype(np.int64)

    nodes = [
        node("embed", frames, neurons=65536, messages=scaled(60_000), kind="Dense",
             synaptic_operations=scaled(39_000_000), updates_active=scaled(65_536)),
        node("gate", frames, neurons=32, spikes=1, kind="LIF", updates_active=8, updates_idle=24,
             synaptic_operations=32),
        node("head", frames, neurons=65536, messages=scaled(30_000), kind="Dense",
             synaptic_operations=scaled(8_000_000), updates_active=scaled(65_536)),
    ]  # fmt: skip
    for layer in (1, 2, 3, 4):
        nodes += [
            node(f"block{layer}.qkv", frames, neurons=196_608, messages=scaled(70_000),
                 synaptic_operations=scaled(25_000_000), updates_active=scaled(196_608),
                 updates_idle=196_608 - scaled(196_608)),
            node(f"block{layer}.attention", frames, runs_on="embedded", neurons=65_536,
                 macs_off_core=scaled(4_000_000), kind="LinearAttention"),
            node(f"block{layer}.mlp", frames, neurons=131_072, messages=scaled(50_000),
                 synaptic_operations=scaled(33_000_000), updates_active=scaled(131_072)),
        ]  # fmt: skip
    return {n.node: n for n in nodes}


GENERIC_BUDGET = """
format = 1
title = "Any street"
[network]
energy_uj_per_frame_max = 20000
macs_ratio_max = 0.6
[layers."*"]
firing_rate_max = 2.0
[recovery]
extra_compute_percent_max = 15
extra_compute_percent_mean_max = 10
"""
"""A budget that the record below keeps."""


def make_record(frames: int = 24, seed: int = 0, **overrides: Any) -> RunRecord:
    """A street scene with a car driving through and a pedestrian appearing at frame 12."""
    rng = np.random.default_rng(seed)
    labels = np.stack([_labels(t) for t in range(frames)])
    noise = rng.integers(-12, 13, size=(frames, HEIGHT, WIDTH, 3))
    rgb = np.clip(PALETTE[labels].astype(int) * 0.7 + 50 + noise, 0, 255).astype(np.uint8)
    gates = _gates(frames, rng)
    state, moved = _token_states(labels, gates["admitted"])
    computed = (state == 1).mean(axis=1)
    restored = (state == 2).mean(axis=1)
    base = (DENSE_MACS * (0.18 + 0.8 * computed)).astype(np.int64)
    extra = np.minimum((DENSE_MACS * restored * 0.7).astype(np.int64), base * 14 // 100)
    parts = {"embed": 0.13, "qkv": 0.24, "attention": 0.1, "projection": 0.1, "mlp": 0.3,
             "head": 0.08, "motion": 0.03, "gate": 0.01, "score": 0.01}  # fmt: skip
    total = base + extra
    prediction = labels.copy()
    prediction[:, 40:46, 60:76] = 1
    last = min(BURST + 5, frames - 1)
    event = {"kind": "pedestrian", "first_frame": BURST, "last_frame": last,
             "box": [150, 60, 210, 98]}  # fmt: skip
    values: dict[str, Any] = {
        "source": "scene:street (seed 7)", "network": "street", "engine": "fast",
        "policy": {"tau_px": 0.5, "token_rate": 0.2}, "fps": 12.0, "grid": (ROWS, COLUMNS),
        "patch": PATCH, "region": REGION, "class_names": CLASSES, "palette": PALETTE,
        "rgb": rgb, "prediction": prediction, "truth": labels, "token_state": state,
        "motion_px": moved, "threshold": THRESHOLD, **gates,
        "macs": {name: (total * part).astype(np.int64) for name, part in parts.items()},
        "dense_macs": DENSE_MACS, "base_macs": base, "extra_macs": extra,
        "counts": _counts(frames, 0.1 + 0.9 * computed + restored),
        "events": (event,) if frames > BURST else (),
        "quality": {"miou_dense": 0.71, "miou_pruned": 0.69, "miou_integer": 0.68,
                    "agreement_integer_float": 0.985},
        "timing_ms": {"pruned_end_to_end": 18.5, "dense_sdpa": 27.1, "dense_linear": 22.4,
                      "motion": 3.2, "gate": 0.4},
        "witnesses": {"reference_vs_fast": {"frames": 2, "values": 81234, "mismatches": 0},
                      "lava": {"nodes": 7, "steps": 40, "values": 5120, "mismatches": 0}},
    }  # fmt: skip
    return RunRecord(**{**values, **overrides})


def two_node_record(**overrides: Any) -> RunRecord:
    """Three frames of a 2x2 token grid with one Dense and one LIF node, for sums by hand."""
    frames = 3
    ones = np.ones((frames, 1), dtype=np.int64)
    values: dict[str, Any] = {
        "source": "two nodes", "network": "hand", "engine": "reference", "policy": {},
        "fps": None, "grid": (2, 2), "patch": 2, "region": 2, "class_names": ("a", "b"),
        "palette": np.zeros((2, 3), dtype=np.uint8),
        "rgb": np.zeros((frames, 4, 4, 3), dtype=np.uint8),
        "prediction": np.zeros((frames, 4, 4), dtype=np.uint8), "truth": None,
        "token_state": np.ones((frames, 4), dtype=np.uint8),
        "motion_px": np.zeros((frames, 4), dtype=np.float32),
        "drive": ones, "membrane": ones, "threshold": 10,
        "spikes": np.zeros((frames, 1), dtype=bool), "admitted": np.zeros((frames, 1), dtype=bool),
        "macs": {"mlp": np.array([1000, 100, 300])}, "dense_macs": 1000,
        "base_macs": np.array([1000, 100, 200]), "extra_macs": np.array([0, 0, 30]),
        "counts": {
            "dense": node("dense", frames, neurons=4, messages=[4, 1, 2], updates_active=[4, 2, 3],
                          synaptic_operations=[100, 10, 20], updates_idle=[0, 2, 1]),
            "lif": node("lif", frames, neurons=2, spikes=[2, 0, 1], updates_active=[2, 1, 2],
                        synaptic_operations=[8, 2, 4], updates_idle=[0, 1, 0], kind="LIF"),
        },
        "events": (), "quality": {}, "timing_ms": {}, "witnesses": {},
    }  # fmt: skip
    return RunRecord(**{**values, **overrides})
