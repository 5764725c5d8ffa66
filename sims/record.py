"""The record of one run: everything the verdict, the budget check and the report need."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_snn.errors import ConfigError
from sims.counts import NodeCounts

TOKEN_REUSED, TOKEN_COMPUTED, TOKEN_RESTORED, TOKEN_CUT = range(4)
TOKEN_STATE_NAMES = ("reused", "computed", "restored", "cut")

# name -> (dtype, axes); T frames, H W image, N tokens, R regions, C classes
ARRAY_FIELDS: dict[str, tuple[type, str]] = {
    "palette": (np.uint8, "C3"),
    "rgb": (np.uint8, "THW3"),
    "prediction": (np.uint8, "THW"),
    "truth": (np.uint8, "THW"),
    "token_state": (np.uint8, "TN"),
    "motion_px": (np.float32, "TN"),
    "drive": (np.int64, "TR"),
    "membrane": (np.int64, "TR"),
    "spikes": (np.bool_, "TR"),
    "admitted": (np.bool_, "TR"),
    "base_macs": (np.int64, "T"),
    "extra_macs": (np.int64, "T"),
}
OPTIONAL_ARRAYS = ("truth",)
JSON_FIELDS = ("policy", "quality", "timing_ms", "witnesses")


@dataclass(frozen=True, eq=False)
class RunRecord:
    """What one run saw, did and cost; T frames, N tokens, R regions, C classes.

    The record takes ownership of its arrays: one that already has the right type, lies in C order
    and is no view of another is kept without a copy and made read-only for the caller too. Give a
    copy of what you still want to change, and keep no writable view of it.

    Args:
        source: The input, as the user named it.
        network: Name of the network.
        engine: Simulator that ran the graph.
        policy: Settings of the run, JSON-able.
        fps: Frames per second of the input, or None when unknown.
        grid: Token grid (rows, columns).
        patch: Patch stride in pixels.
        region: Tokens per side of a region.
        class_names: C names.
        palette: uint8 (C, 3) RGB colours of the classes.
        rgb: uint8 (T, H, W, 3) frames as the network saw them.
        prediction: uint8 (T, H, W) class per pixel.
        truth: uint8 (T, H, W) labels, 255 = ignore; None without labels.
        token_state: uint8 (T, N): 0 reused, 1 computed, 2 restored, 3 cut.
        motion_px: float32 (T, N) residual motion in pixels.
        drive: int64 (T, R) input of the gate neurons.
        membrane: int64 (T, R) potential before reset.
        threshold: Firing threshold, in units of membrane.
        spikes: bool (T, R).
        admitted: bool (T, R): restores the compute cap let through.
        macs: Executed MACs by category, each int64 (T,).
        dense_macs: MACs of the dense network per frame.
        base_macs: int64 (T,) the pruned stream's own MACs.
        extra_macs: int64 (T,) restored MACs, as charged.
        counts: Counts by node name.
        events: Burst events of the scene (kind, first_frame, last_frame, box).
        quality: mIoU and agreement as fractions of 1; empty without labels.
        timing_ms: Median wall times in milliseconds.
        witnesses: Comparisons of simulators with each other.

    Raises:
        ConfigError: A field has the wrong type, shape, sign or length.
    """

    source: str
    network: str
    engine: str
    policy: dict[str, Any]
    fps: float | None
    grid: tuple[int, int]
    patch: int
    region: int
    class_names: tuple[str, ...]
    palette: NDArray[np.uint8]
    rgb: NDArray[np.uint8]
    prediction: NDArray[np.uint8]
    truth: NDArray[np.uint8] | None
    token_state: NDArray[np.uint8]
    motion_px: NDArray[np.float32]
    drive: NDArray[np.int64]
    membrane: NDArray[np.int64]
    threshold: int
    spikes: NDArray[np.bool_]
    admitted: NDArray[np.bool_]
    macs: dict[str, NDArray[np.int64]]
    dense_macs: int
    base_macs: NDArray[np.int64]
    extra_macs: NDArray[np.int64]
    counts: dict[str, NodeCounts]
    events: tuple[dict[str, Any], ...]
    quality: dict[str, float]
    timing_ms: dict[str, float]
    witnesses: dict[str, dict[str, Any]]

    def __post_init__(self) -> None:
        """Check every field, take the arrays over and replace mappings by own copies."""
        _check_scalars(self)
        sizes = record_sizes(self)
        for name, (dtype, axes) in ARRAY_FIELDS.items():
            value = getattr(self, name)
            if value is None and name in OPTIONAL_ARRAYS:
                continue
            _set(self, name, _array(name, value, dtype, axes, sizes))
        macs = {
            key: _array(f"macs['{key}']", value, np.int64, "T", sizes)
            for key, value in self.macs.items()
        }
        _set(self, "macs", macs)
        for name in JSON_FIELDS:
            _set(self, name, _plain_json(name, getattr(self, name)))
        _set(self, "events", tuple(_plain_json("events", list(self.events))))
        _check_values(self)
        _check_counts(self)

    @property
    def frames(self) -> int:
        """Number of frames T."""
        return int(self.rgb.shape[0])

    @property
    def steady(self) -> slice:
        """Frames after the first, which is dense by construction; all of them if T is 1."""
        return slice(1, None) if self.frames > 1 else slice(0, None)

    @property
    def total_macs(self) -> NDArray[np.int64]:
        """Executed MACs of all categories per frame, (T,)."""
        total = np.zeros(self.frames, dtype=np.int64)
        for values in self.macs.values():
            total += values
        return total

    @property
    def extra_percent(self) -> NDArray[np.float64]:
        """Restored compute in percent of the pruned stream's own, (T,); inf where that is 0."""
        percent = np.zeros(self.frames)
        some = self.base_macs > 0
        percent[some] = 100.0 * self.extra_macs[some] / self.base_macs[some]
        percent[~some & (self.extra_macs > 0)] = np.inf
        return percent


def record_sizes(record: RunRecord) -> dict[str, int]:
    """Sizes of the axes letters of ARRAY_FIELDS, from grid, region, frames and names.

    Args:
        record: A record whose scalars have been checked.

    Returns:
        Axis letter to length.

    Raises:
        ConfigError: rgb is not a (T, H, W, 3) array of at least one frame.
    """
    shape = np.shape(record.rgb)
    if len(shape) != 4 or shape[0] < 1:
        raise ConfigError(f"run record: rgb must be (frames, H, W, 3) with a frame, got {shape}")
    rows, columns = record.grid
    regions = (rows // record.region) * (columns // record.region)
    return {
        "T": shape[0],
        "H": shape[1],
        "W": shape[2],
        "3": 3,
        "N": rows * columns,
        "R": regions,
        "C": len(record.class_names),
    }


def _set(record: RunRecord, name: str, value: object) -> None:
    object.__setattr__(record, name, value)


def _check_scalars(record: RunRecord) -> None:
    rows_columns = tuple(int(side) for side in record.grid)
    if len(rows_columns) != 2 or min(rows_columns) < 1:
        raise ConfigError(f"run record: grid must be (rows, columns), got {record.grid}")
    _set(record, "grid", rows_columns)
    _set(record, "class_names", tuple(record.class_names))
    for name in ("patch", "region", "threshold", "dense_macs"):
        value = getattr(record, name)
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise ConfigError(f"run record: {name} must be an integer above 0, got {value!r}")
        _set(record, name, int(value))
    if any(side % record.region for side in rows_columns):
        raise ConfigError(
            f"run record: grid {rows_columns} is not a multiple of region {record.region}"
        )
    if record.fps is not None:
        if not (np.isfinite(record.fps) and record.fps > 0):
            raise ConfigError(f"run record: fps must be above 0 or None, got {record.fps!r}")
        _set(record, "fps", float(record.fps))


def _array(
    name: str, value: object, dtype: type, axes: str, sizes: Mapping[str, int]
) -> NDArray[Any]:
    array = np.asarray(value)
    shape = tuple(sizes[axis] for axis in axes)
    casting = "same_kind" if dtype is np.float32 else "safe"
    if array.shape != shape:
        raise ConfigError(f"run record: {name} has shape {array.shape}, expected {shape}")
    if not np.can_cast(array.dtype, dtype, casting):  # type: ignore[arg-type]
        raise ConfigError(f"run record: {name} is {array.dtype}, expected {np.dtype(dtype).name}")
    owned = array.base is None and array.dtype == dtype and array.flags.c_contiguous
    kept: NDArray[Any] = array if owned else array.astype(dtype, order="C")
    kept.setflags(write=False)
    return kept


def _plain_json(name: str, value: object) -> Any:
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"run record: {name} cannot be written as JSON ({error})") from error


def _check_values(record: RunRecord) -> None:
    for name in ("base_macs", "extra_macs"):
        if int(getattr(record, name).min()) < 0:
            raise ConfigError(f"run record: {name} has a value below 0")
    for key, values in record.macs.items():
        if int(values.min()) < 0:
            raise ConfigError(f"run record: macs['{key}'] has a value below 0")
    if not np.isfinite(record.motion_px).all():
        raise ConfigError("run record: motion_px has a value that is not finite")
    if int(record.token_state.max()) >= len(TOKEN_STATE_NAMES):
        raise ConfigError(f"run record: token_state {record.token_state.max()} is above 3")
    if int(record.prediction.max()) >= len(record.class_names):
        raise ConfigError(
            f"run record: prediction has class {record.prediction.max()}, "
            f"there are {len(record.class_names)} names"
        )
    timing: dict[str, Any] = record.timing_ms
    for key, value in timing.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
            raise ConfigError(f"run record: timing_ms['{key}'] is {value!r}, expected milliseconds")
    quality: dict[str, Any] = record.quality
    for key, value in quality.items():
        if not isinstance(value, (int, float)) or (key.startswith("miou") and not 0 <= value <= 1):
            raise ConfigError(
                f"run record: quality['{key}'] is {value!r}, expected a fraction between 0 and 1"
            )


def _check_counts(record: RunRecord) -> None:
    for key, node in record.counts.items():
        if key != node.node:
            raise ConfigError(f"run record: counts['{key}'] belongs to node '{node.node}'")
        if node.frames != record.frames:
            raise ConfigError(
                f"run record: counts of node '{key}' cover {node.frames} frames, "
                f"the run has {record.frames}"
            )
    _set(record, "counts", dict(record.counts))


def scalar_fields() -> tuple[str, ...]:
    """Names of the fields that are neither arrays nor mappings of arrays."""
    skip = {*ARRAY_FIELDS, "macs", "counts"}
    return tuple(field.name for field in fields(RunRecord) if field.name not in skip)
