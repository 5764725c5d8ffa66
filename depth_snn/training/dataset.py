"""Labelled frames for training: painted scenes or a CamVid folder, held as bytes."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from depth_snn.config import NetworkConfig
from depth_snn.data.scene import sample_frames
from depth_snn.errors import InputError

FRAMES_PER_CLIP = 12
FRAMES_PER_STREET = 4
MAX_BYTES = 12 * 2**30
"""Most that painted frames may take; more is refused before anything is painted."""
Bytes = npt.NDArray[np.uint8]
Arrays = dict[str, npt.NDArray[Any]]
Progress = Callable[[int, int], None]
J = TypeVar("J")
R = TypeVar("R")


@dataclass(frozen=True)
class LabelledFrames:
    """Frames (F, H, W, 3) and labels (F, H, W), 255 where ignored."""

    rgb: Bytes
    label: Bytes

    def __len__(self) -> int:
        return int(self.rgb.shape[0])

    def __getitem__(self, part: slice) -> LabelledFrames:
        """Some of the frames, without a copy."""
        return LabelledFrames(self.rgb[part], self.label[part])


def paint_clip(job: tuple[int, int, int, str]) -> tuple[Bytes, Bytes]:
    """Frames and labels of a few streets; camera and domain follow from the seed."""
    seed, height, width, assets = job
    frames = list(
        sample_frames(
            seed,
            FRAMES_PER_CLIP,
            height=height,
            width=width,
            assets=assets,
            per_street=FRAMES_PER_STREET,
        )
    )
    return np.stack([f.rgb for f in frames]), np.stack([f.label for f in frames])


def paint(
    config: NetworkConfig,
    clips: int,
    *,
    first_seed: int = 0,
    assets: str = "known",
    workers: int | None = None,
    progress: Progress | None = None,
    cache: Path | None = None,
) -> LabelledFrames:
    """Paint labelled frames; the result does not depend on the number of workers.

    Args:
        config: Network whose input size is used.
        clips: Number of clips, 12 frames each, decorrelated in time.
        first_seed: Seed of the first clip; the others follow it.
        assets: ``"known"`` or ``"heldout"``.
        workers: Processes to paint with; all cores by default.
        progress: Called with (clips done, clips).
        cache: Folder in which painted frames are kept for the next time, or None.

    Raises:
        InputError: if the frames would take too much memory.
    """
    need = clips * FRAMES_PER_CLIP * config.height * config.width * 4
    if need > MAX_BYTES:
        raise InputError(f"{clips} clips take {need / 2**30:.0f} GiB; at most 12 GiB are painted")
    jobs = [(first_seed + i, config.height, config.width, assets) for i in range(clips)]

    def make() -> Arrays:
        frames = _paint_all(jobs, min(workers or os.cpu_count() or 1, clips), progress)
        return {"rgb": frames.rgb, "label": frames.label}

    key = [config.height, config.width, clips, first_seed, assets, scene_source()]
    return LabelledFrames(**remembered(cache, key, ("rgb", "label"), make))


def _paint_all(
    jobs: list[tuple[int, int, int, str]], workers: int, progress: Progress | None
) -> LabelledFrames:
    _, height, width, _ = jobs[0]
    count = len(jobs) * FRAMES_PER_CLIP
    rgb = np.empty((count, height, width, 3), np.uint8)
    label = np.empty((count, height, width), np.uint8)

    def keep(index: int, part: tuple[Bytes, Bytes]) -> None:
        place = slice(index * FRAMES_PER_CLIP, (index + 1) * FRAMES_PER_CLIP)
        rgb[place], label[place] = part
        if progress:
            progress(index + 1, len(jobs))

    for index, part in enumerate(run_jobs(paint_clip, jobs, workers)):
        keep(index, part)
    return LabelledFrames(rgb, label)


def run_jobs(function: Callable[[J], R], jobs: list[J], workers: int) -> Iterator[R]:
    """Results in the order of the jobs, from this process or from as many as asked for."""
    if workers == 1:
        yield from map(function, jobs)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(function, jobs, chunksize=4)


def scene_source() -> str:
    """Fingerprint of the program that paints, so that a cache of older scenes is not used."""
    from depth_snn.data import scene

    sha = hashlib.sha256()
    for file in sorted(Path(str(scene.__file__)).parent.glob("*.py")):
        sha.update(file.read_bytes())
    return sha.hexdigest()


def remembered(
    folder: Path | None, key: list[object], names: tuple[str, ...], make: Callable[[], Arrays]
) -> Arrays:
    """Arrays from a folder of painted frames, or newly made and put there.

    Args:
        folder: Where they are kept; None to keep nothing.
        key: JSON-able; everything that decides them.
        names: Arrays that a whole file holds.
        make: Makes them.
    """
    if folder is None:
        return make()
    sha = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]
    path = folder / f"scenes-{sha}.safetensors"
    found = _read_cache(path, names)
    if found is None:
        found = make()
        _write_cache(found, path)
    return found


def _read_cache(path: Path, names: tuple[str, ...]) -> Arrays | None:
    if not path.is_file():
        return None
    try:
        found = load_file(path)
        return {name: found[name] for name in names}
    except (SafetensorError, OSError, KeyError):
        return None  # a damaged cache is painted anew


def _write_cache(arrays: Arrays, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        save_file(arrays, temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
