"""A scene as files: video, frames, labels, flow, occlusion, camera and events."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.video.stream import VideoStream

from depth_snn.data.classes import CLASS_NAMES, IGNORE, PALETTE
from depth_snn.data.scene.arrays import U8
from depth_snn.data.scene.course import FRAMES_PER_S
from depth_snn.data.scene.frame import SceneFrame
from depth_snn.data.scene.picture import colour_labels
from depth_snn.data.scene.street import StreetScene
from depth_snn.errors import InputError

FORMAT = 1
"""Version of the folder's form. 1: the first."""
FACTS = "scene.json"
"""Written last but one; a folder that holds it is an export."""
FLOW_MEANING = (
    "float32 (H, W, 2), (dx, dy) in pixels, x to the right, y down: pixel p of a frame shows the "
    "point that stood at p + flow in the frame before; zeros in frame 0 and at a cut"
)


def export_scene(
    scene: StreetScene,
    folder: Path,
    facts: dict[str, Any],
    progress: Callable[[int], None] | None = None,
) -> None:
    """Writes a scene with its whole truth into a folder.

    Everything is written beside the target under a temporary name, which is renamed at the end;
    an earlier export of that name is replaced, anything else is left alone.

    Args:
        scene: What to write.
        folder: The target.
        facts: What the scene was asked to be; goes into `scene.json`.
        progress: Called with the number of frames written.

    Raises:
        InputError: The target exists and is not an export.
    """
    check_target(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir()
        _write(scene, part, facts, progress)
        _put(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def check_target(folder: Path) -> None:
    """Refuses a target that holds something other than an earlier export.

    Raises:
        InputError: It does.
    """
    if folder.is_file():
        raise InputError(f"{folder}: is a file; give the name of a folder")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / FACTS).is_file():
        raise InputError(f"{folder}: holds other files; give a new folder or an earlier export")


def _put(part: Path, folder: Path) -> None:
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    if folder.exists():
        os.replace(folder, old)
    os.replace(part, folder)
    shutil.rmtree(old, ignore_errors=True)


def _write(
    scene: StreetScene,
    part: Path,
    facts: dict[str, Any],
    progress: Callable[[int], None] | None,
) -> None:
    for name in ("rgb", "label", "label_colour", "flow", "occluded"):
        (part / name).mkdir()
    camera = []
    with av.open(str(part / "video.mp4"), "w") as container:
        stream = _stream(container, scene.size)
        for frame in scene:
            _write_frame(part, frame)
            camera.append({"frame": frame.index, **asdict(frame.camera)})
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame.rgb, format="rgb24")))
            if progress is not None:
                progress(frame.index + 1)
        container.mux(stream.encode())
    _write_json(part / "camera.json", camera)
    _write_json(part / "events.json", [asdict(event) for event in scene.events])
    known = {
        "format": FORMAT,
        **facts,
        "height": scene.size[0],
        "width": scene.size[1],
        "frames": len(scene),
        "fps": FRAMES_PER_S,
        "classes": list(CLASS_NAMES),
        "palette": PALETTE.tolist(),
        "ignore": IGNORE,
        "flow": FLOW_MEANING,
        "opencv": cv2.__version__,
    }
    _write_json(part / FACTS, known)


def _stream(container: av.container.OutputContainer, size: tuple[int, int]) -> VideoStream:
    """A video of good quality; colour is subsampled where the size allows it."""
    even = size[0] % 2 == 0 and size[1] % 2 == 0
    stream: VideoStream = container.add_stream(
        "libx264", rate=Fraction(FRAMES_PER_S), options={"crf": "16"}
    )
    stream.height, stream.width = size
    stream.pix_fmt = "yuv420p" if even else "yuv444p"
    return stream


def _write_frame(part: Path, frame: SceneFrame) -> None:
    name = f"{frame.index:06d}"
    _write_png(part / "rgb" / f"{name}.png", frame.rgb)
    _write_png(part / "label" / f"{name}.png", frame.label)
    _write_png(part / "label_colour" / f"{name}.png", colour_labels(frame.label))
    _write_png(
        part / "occluded" / f"{name}.png", np.where(frame.occluded, np.uint8(255), np.uint8(0))
    )
    np.savez_compressed(part / "flow" / f"{name}.npz", flow=frame.flow)


def _write_png(path: Path, image: U8) -> None:
    bgr = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    path.write_bytes(cv2.imencode(".png", bgr)[1].tobytes())


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
