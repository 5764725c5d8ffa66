"""A recorded CARLA drive: colours, semantic tags, depth and optical flow by frame number."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from depth_snn.data.readers.carla_encoding import depth_m_of_rgb, read_flow_file, tags_of_rgb
from depth_snn.data.readers.carla_flow import FlowConvention, decide_flow
from depth_snn.data.readers.carla_recording import (
    FILE_NAME,
    Recording,
    read_recording,
    write_recording,
)
from depth_snn.data.readers.carla_tags import tag_table
from depth_snn.data.readers.classmaps import CITYSCAPES_CLASSES, STREET_CLASSES
from depth_snn.data.readers.folders import dataset_root, images_in, wrong_layout
from depth_snn.data.readers.images import (
    Size,
    check_resize,
    check_same_size,
    fit_label,
    read_rgb,
)
from depth_snn.data.readers.reader import Reader
from depth_snn.data.readers.sample import Entry, Sample
from depth_snn.data.scene.arrays import F32, U8
from depth_snn.errors import InputError

_WHAT = f"a CARLA recording: {FILE_NAME}, rgb/ and semantic/, and if recorded depth/ and flow/"


@dataclass(frozen=True)
class CarlaSample(Sample):
    """A frame of a CARLA recording.

    Attributes:
        depth_m: float32 (H, W) in metres, or None if not recorded.
        flow: float32 (H, W, 2), (dx, dy) in pixels of this sample; None if not recorded or
            the recording does not say how to read it.
        flow_to: Frame that p + flow points into: "previous" (as in scenes) or "next"; None
            without flow.
    """

    depth_m: F32 | None
    flow: F32 | None
    flow_to: str | None


def open_carla(
    root: str | Path,
    *,
    carla_version: str | None = None,
    size: Size | None = None,
    to_street: bool = False,
) -> Reader[CarlaSample]:
    """Opens a recording.

    Args:
        root: Folder of the recording.
        carla_version: Release of the server, for recordings without `recording.json`.
        size: Height and width to bring frames to; None keeps theirs.
        to_street: Whether labels become the project's eight classes instead of trainIds.

    Returns:
        The reader; the recording is one sequence.

    Raises:
        InputError: If the folder is missing or holds something else, or the version is unknown.
    """
    check_resize(size)
    base = dataset_root(root, _WHAT)
    pictures = images_in(base / "rgb")
    if not pictures:
        raise wrong_layout(base, "rgb/<frame:06>.png", f"give the folder of {_WHAT}")
    recording = read_recording(base, carla_version)
    entries = []
    for index, path in enumerate(pictures):
        tags = base / "semantic" / f"{path.stem}.png"
        told = tags if tags.is_file() else None
        entries.append(Entry(path.stem, base.name, index, path, told))
    load = partial(
        _load,
        base=base,
        table=tag_table(recording.carla_version, to_street=to_street),
        flow=recording.flow,
        size=size,
    )
    classes = STREET_CLASSES if to_street else CITYSCAPES_CLASSES
    fps = 1.0 / recording.step_s if recording.step_s else None
    return Reader(f"CARLA recording {base}", "all", classes, fps, tuple(entries), load)


def _load(
    entry: Entry, *, base: Path, table: U8, flow: FlowConvention | None, size: Size | None
) -> CarlaSample:
    label = None
    if entry.label is not None:
        check_same_size(entry.rgb, entry.label)
        label = fit_label(table[tags_of_rgb(read_rgb(entry.label))], size)
    depth = base / "depth" / f"{entry.name}.png"
    depth_m = _fit_depth(depth_m_of_rgb(read_rgb(depth)), size) if depth.is_file() else None
    moved = base / "flow" / f"{entry.name}.npy"
    motion = None
    if flow is not None and moved.is_file():
        motion = fit_flow(flow.to_pixels(read_flow_file(moved)), size)
    return CarlaSample(
        entry.name,
        read_rgb(entry.rgb, size),
        label,
        entry.sequence,
        entry.index,
        depth_m,
        motion,
        flow.to if flow is not None and motion is not None else None,
    )


def _fit_depth(depth_m: F32, size: Size | None) -> F32:
    if size is None or depth_m.shape == size:
        return depth_m
    how = cv2.INTER_NEAREST_EXACT
    return np.asarray(cv2.resize(depth_m, (size[1], size[0]), interpolation=how), np.float32)


def fit_flow(flow: F32, size: Size | None) -> F32:
    """Resizes a flow: the nearest vector, in the new picture's pixels."""
    if size is None or flow.shape[:2] == size:
        return flow
    how = cv2.INTER_NEAREST_EXACT
    near = cv2.resize(flow, (size[1], size[0]), interpolation=how)
    ratio = np.array([size[1] / flow.shape[1], size[0] / flow.shape[0]], np.float32)
    return np.asarray(near * ratio, np.float32)


def decide_recorded_flow(
    root: str | Path, *, frames: int = 8, first: int = 0, carla_version: str | None = None
) -> Recording:
    """Decides how a recording's flow is to be read, and writes it into `recording.json`.

    Args:
        root: Folder of the recording.
        frames: How many consecutive frames to look at.
        first: The first of them; choose a stretch in which the camera drives and turns.
        carla_version: Release of the server, for recordings without `recording.json`.

    Raises:
        InputError: If flow is missing or the frames do not decide it.
    """
    reader = open_carla(root, carla_version=carla_version)
    base = Path(root)
    chosen = reader.entries[first : first + frames]
    paths = [base / "flow" / f"{entry.name}.npy" for entry in chosen]
    missing = [path for path in paths if not path.is_file()]
    if missing or not paths:
        raise InputError(
            f"{(missing or [base / 'flow'])[0]}: no such flow; record it with the drive"
        )
    pictures = [read_rgb(entry.rgb) for entry in chosen]
    flows = [read_flow_file(path) for path in paths]
    for path, picture, flow in zip(paths, pictures, flows, strict=True):
        if picture.shape[:2] != flow.shape[:2]:
            raise InputError(f"{path}: is {flow.shape[:2]}, its picture {picture.shape[:2]}")
    decided = replace(read_recording(base, carla_version), flow=decide_flow(pictures, flows))
    write_recording(base, decided)
    return decided
