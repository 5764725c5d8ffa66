"""Frames from a video, a folder of images, a dataset or a procedural scene, one at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import av.container
import cv2
import numpy as np
from av.codec.context import Flags2
from av.error import FFmpegError
from av.video.stream import VideoStream

from depth_snn.data.readers.spec import KINDS, is_dataset, open_clip
from depth_snn.data.scene import SCENES, BurstEvent
from depth_snn.data.scene.arrays import U8
from depth_snn.errors import InputError
from depth_snn.motion.base import Vectors
from depth_snn.motion.codec import read_vectors

IMAGE_SUFFIXES: tuple[str, ...] = (".png", ".jpg", ".jpeg", ".bmp")
_SCENE_FRAMES = 60
SCENE_FPS = 15.0
"""Frames per second of built-in scenes."""


@dataclass(frozen=True)
class Frame:
    """One frame of a stream.

    Attributes:
        rgb: uint8 (H, W, 3).
        label: uint8 (H, W) where the source knows it.
        vectors: The codec's motion vectors, of videos that carry them.
    """

    rgb: U8
    label: U8 | None
    vectors: Vectors | None = None


@dataclass(frozen=True)
class FrameSource:
    """A stream of frames of one size; iterate it as often as needed.

    Attributes:
        name: What the frames come from.
        fps: Frames per second, or None when unknown.
        events: Sudden events known in advance (scenes and collages only).
    """

    name: str
    fps: float | None
    events: tuple[BurstEvent, ...]
    _stream: Callable[[], Iterator[Frame]]

    def __iter__(self) -> Iterator[Frame]:
        """Yields the frames from the first."""
        return self._stream()


def open_frames(
    spec: str, *, height: int, width: int, limit: int | None = None, seed: int = 0
) -> FrameSource:
    """Opens a source of frames. Only the frame at hand is kept in memory.

    Args:
        spec: Path of a video file or of a folder of images, `scene:NAME`, or a dataset's clip
            such as `camvid:PATH` (docs/datasets.md).
        height: Rows of the frames handed out.
        width: Columns of the frames handed out.
        limit: Most frames to hand out; None for all (a scene then has 60).
        seed: Chooses the street of a scene, or a collage.

    Returns:
        The source. A video that turns out damaged raises `InputError` while iterating.

    Raises:
        InputError: If the source is missing, empty, unreadable or unknown.
    """
    if height < 1 or width < 1:
        raise InputError(f"frame size {height}x{width}: use positive numbers of pixels")
    if limit is not None and limit < 1:
        raise InputError(f"frame limit {limit}: use at least 1, or none for all frames")
    size = (height, width)
    if spec.startswith("scene:"):
        return _open_scene(spec, size, limit, seed)
    if is_dataset(spec):
        return _open_dataset(spec, size, limit, seed)
    path = Path(spec)
    try:
        if path.is_dir():
            return _open_folder(path, size, limit)
        if path.is_file():
            return _open_video(path, size, limit)
    except OSError as error:
        raise InputError(f"{spec}: cannot be read ({error.strerror or error})") from error
    raise InputError(
        f"{spec}: no such file or folder; give a video, a folder of images, scene:NAME, "
        f"or a dataset's folder behind {', '.join(f'{kind}:' for kind in KINDS)}"
    )


def _open_dataset(spec: str, size: tuple[int, int], limit: int | None, seed: int) -> FrameSource:
    clip = open_clip(spec, size, limit, seed)

    def stream() -> Iterator[Frame]:
        for rgb, label in clip.stream():
            yield Frame(rgb, label)

    return FrameSource(spec, clip.fps, clip.events, stream)


def _open_scene(spec: str, size: tuple[int, int], limit: int | None, seed: int) -> FrameSource:
    name = spec.removeprefix("scene:")
    if name not in SCENES:
        raise InputError(f"{spec}: unknown scene; use scene: and one of {', '.join(SCENES)}")
    scene = SCENES[name].build(seed, height=size[0], width=size[1], frames=limit or _SCENE_FRAMES)

    def stream() -> Iterator[Frame]:
        for index in range(len(scene)):
            drawn = scene.labelled(index)
            yield Frame(drawn.rgb, drawn.label)

    return FrameSource(spec, SCENE_FPS, scene.events, stream)


def _open_folder(folder: Path, size: tuple[int, int], limit: int | None) -> FrameSource:
    found = [p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file()]
    paths = sorted(found, key=lambda p: _natural(p.name))[:limit]
    if not paths:
        raise InputError(f"{folder}: holds no image; expected {', '.join(IMAGE_SUFFIXES)} files")

    def stream() -> Iterator[Frame]:
        for path in paths:
            yield Frame(_fit(_read_image(path), size), None)

    return FrameSource(str(folder), None, (), stream)


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Sort key under which frame 9 comes before frame 10."""
    parts = re.findall(r"\d+|\D+", name)
    return [(0, int(p), p) if p.isdecimal() else (1, 0, p.lower()) for p in parts]


def _read_image(path: Path) -> U8:
    try:
        raw = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    # imdecode throws on an empty buffer and returns None on a damaged one.
    image = cv2.imdecode(raw, cv2.IMREAD_COLOR) if raw.size else None
    if image is None:
        raise InputError(f"{path}: is not a readable image; remove or replace it")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def _fit(rgb: U8, size: tuple[int, int]) -> U8:
    if rgb.shape[:2] == size:
        return rgb
    smaller = rgb.shape[0] >= size[0] and rgb.shape[1] >= size[1]
    # Area averaging is for shrinking; enlarging with it only repeats pixels.
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(rgb, (size[1], size[0]), interpolation=how), np.uint8)


def _open_video(path: Path, size: tuple[int, int], limit: int | None) -> FrameSource:
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty; expected a video")
    with _container(path) as container:
        rate = _video_stream(container, path).average_rate
    if next(_decoded(path, size, 1), None) is None:
        raise InputError(f"{path}: the video holds no frame")
    fps = float(rate) if rate else None
    return FrameSource(str(path), fps, (), lambda: _decoded(path, size, limit))


def _container(path: Path) -> av.container.InputContainer:
    try:
        return av.open(str(path), mode="r")
    except (FFmpegError, ValueError) as error:
        raise InputError(
            f"{path}: is not a readable video ({_reason(error)}); check the file or convert it"
        ) from error


def _video_stream(container: av.container.InputContainer, path: Path) -> VideoStream:
    if not container.streams.video:
        raise InputError(f"{path}: holds no video stream; expected a video file")
    stream: VideoStream = container.streams.video[0]
    return stream


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return str(text).strip().splitlines()[0] if str(text).strip() else type(error).__name__


def _decoded(path: Path, size: tuple[int, int], limit: int | None) -> Iterator[Frame]:
    count = packets = 0
    end_s = 0.0
    with _container(path) as container:
        stream = _video_stream(container, path)
        stream.codec_context.flags2 |= Flags2.export_mvs
        try:
            for packet in container.demux(stream):
                packets += packet.size > 0
                for picture in packet.decode():
                    if picture.is_corrupt:
                        raise _damaged(path, count, "damaged picture")
                    end_s = max(end_s, picture.time or 0.0)
                    rgb = _fit(picture.to_ndarray(format="rgb24"), size)
                    yield Frame(rgb, None, read_vectors(picture))
                    count += 1
                    if count == limit:
                        return
        except FFmpegError as error:
            raise _damaged(path, count, _reason(error)) from error
        if _ends_early(container, stream, packets, end_s):
            raise _damaged(path, count, "the file ends before its last frame")


def _ends_early(
    container: av.container.InputContainer, stream: VideoStream, packets: int, end_s: float
) -> bool:
    """Whether the file announces more than it holds.

    A cut file often decodes without any error: the demuxer just reports its end. MP4 announces
    a number of packets, Matroska only a duration.
    """
    if stream.frames > 0:
        return bool(packets < stream.frames)
    if container.duration is None or len(container.streams) != 1 or not stream.average_rate:
        return False
    start_s = (container.start_time or 0) / av.time_base
    missing_s = container.duration / av.time_base + start_s - end_s
    # The announced end lies one frame after the last picture's time; allow one more.
    return bool(missing_s > 2.5 / float(stream.average_rate))


def _damaged(path: Path, count: int, reason: str) -> InputError:
    return InputError(
        f"{path}: video is damaged or cut off after {count} frames ({reason}); "
        f"repair it or limit the run to {count} frames"
    )
