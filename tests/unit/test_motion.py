"""Motion: the camera's own is removed, an object's is not, drift adds up, same in same out."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest

from depth_snn.data.frames import Frame, open_frames
from depth_snn.errors import ConfigError
from depth_snn.motion.base import camera_flow, explain
from depth_snn.motion.codec import CodecVectors
from depth_snn.motion.dis import DISFlow
from depth_snn.motion.sources import SOURCES, make_source
from tests.unit.small import STREET

Image = npt.NDArray[np.uint8]
CONFIG = STREET
NAMES = sorted(SOURCES)
MARGIN = 16


def texture(seed: int, height: int, width: int) -> Image:
    """Smooth random colours with detail of a few pixels, so that shifts can be seen everywhere."""
    rng = np.random.default_rng(seed)
    fine = cv2.GaussianBlur(rng.normal(0, 1, (height, width, 3)), (0, 0), 2.5)
    fine = fine / fine.std() * 45 + 120
    return np.clip(fine, 0, 255).astype(np.uint8)


WORLD = texture(0, CONFIG.height + 2 * MARGIN, CONFIG.width + 2 * MARGIN)
OBJECT = texture(1, 32, 32)


def view(dx: int, dy: int, box: tuple[int, int] | None = None) -> Image:
    """The world seen by a camera moved by (dx, dy), with an object at ``box`` in the picture."""
    y, x = MARGIN + dy, MARGIN + dx
    out = WORLD[y : y + CONFIG.height, x : x + CONFIG.width].copy()
    if box is not None:
        out[box[1] : box[1] + 32, box[0] : box[0] + 32] = OBJECT
    return out


def inner(residual: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Tokens away from the picture's edge, where new ground comes into view."""
    return residual.reshape(CONFIG.grid)[1:-1, 1:-1]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shift", [(3, 0), (-2, 2), (4, -3)])
def test_a_moving_camera_alone_leaves_little(name: str, shift: tuple[int, int]) -> None:
    motion = make_source(name, CONFIG).measure(view(0, 0), view(*shift))
    assert np.median(inner(motion.residual_px)) < 0.15
    assert np.quantile(inner(motion.residual_px), 0.95) < 0.6
    # the ground moves against the camera; the sign is that of before -> now
    np.testing.assert_allclose(motion.camera[:, 2], (-shift[0], -shift[1]), atol=0.5)
    assert motion.macs > 0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shift", [(0, 0), (3, 1)])
def test_an_object_that_moves_by_itself_is_flagged(name: str, shift: tuple[int, int]) -> None:
    before, now = view(0, 0, (96, 48)), view(*shift, (101, 48))
    motion = make_source(name, CONFIG).measure(before, now)
    residual = motion.residual_px.reshape(CONFIG.grid)
    on = residual[7:9, 13:16]  # tokens wholly on the object in both frames
    off = np.concatenate([residual[1:4, 1:-1].ravel(), residual[12:-1, 1:-1].ravel()])
    assert on.min() > 0.6
    assert on.mean() > 5 * np.quantile(off, 0.9)


@pytest.mark.parametrize("name", NAMES)
def test_a_still_picture_does_not_move(name: str) -> None:
    motion = make_source(name, CONFIG).measure(view(0, 0), view(0, 0))
    assert motion.residual_px.shape == (CONFIG.tokens,)
    assert motion.residual_px.max() < 0.02
    np.testing.assert_allclose(motion.camera, np.eye(2, 3), atol=0.01)


@pytest.mark.parametrize("name", NAMES)
def test_flat_pictures_give_numbers(name: str) -> None:
    """No texture, no answer, but no NaN and no failure either."""
    flat = np.full((CONFIG.height, CONFIG.width, 3), 90, np.uint8)
    motion = make_source(name, CONFIG).measure(flat, flat)
    assert np.isfinite(motion.residual_px).all() and motion.residual_px.max() < 0.02
    assert np.isfinite(motion.camera).all()


@pytest.mark.parametrize("name", NAMES)
def test_same_frames_same_motion(name: str) -> None:
    frames = view(0, 0, (96, 48)), view(2, 1, (101, 48))
    source = make_source(name, CONFIG)
    first = source.measure(*frames)
    source.measure(frames[1], frames[0])
    for again in (source.measure(*frames), make_source(name, CONFIG).measure(*frames)):
        assert np.array_equal(again.residual_px, first.residual_px)
        assert np.array_equal(again.camera, first.camera)


SHIFT = (3, 1)
"""Pixels by which the camera moves in every frame of an encoded clip."""


def encoded(path: Path, codec: str, still: bool = False) -> list[Frame]:
    """A short clip under a moving camera, encoded, and decoded as `depth-snn run` does it."""
    options = {"qscale": "2"}
    if codec == "libx264":
        options = {"preset": "medium", "bf": "0", "crf": "12"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height = CONFIG.width, CONFIG.height
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for step in range(5):
            rgb = view(0, 0) if still else view(SHIFT[0] * step, SHIFT[1] * step)
            picture = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return list(open_frames(str(path), height=CONFIG.height, width=CONFIG.width))


@pytest.mark.parametrize("codec", ["mpeg4", "libx264"])
def test_a_codecs_vectors_are_near_the_true_shift(codec: str, tmp_path: Path) -> None:
    if codec not in av.codec.codecs_available:
        pytest.skip(f"this FFmpeg cannot encode {codec}")
    frames = encoded(tmp_path / "clip.mp4", codec)
    source = CodecVectors(CONFIG)
    seen = 0
    for before, now in pairwise(frames):
        assert now.vectors is not None and now.vectors.blocks.shape[1] == 6
        motion = source.measure(before.rgb, now.rgb, now.vectors)
        middle = motion.flow[32:-32, 32:-32].reshape(-1, 2)
        np.testing.assert_allclose(np.median(middle, 0), SHIFT, atol=0.3)
        assert (np.linalg.norm(middle - SHIFT, axis=1) < 1).mean() > 0.8
        assert np.median(inner(motion.residual_px)) < 0.3, "the camera's motion is taken out"
        # Vectors are free, but trying them on the picture is not.
        assert motion.macs > explain(motion.flow, CONFIG).macs
        seen += 1
    assert seen == 4


def test_a_stream_without_vectors_is_given_to_dense_search(tmp_path: Path) -> None:
    """Motion JPEG codes every picture by itself; so is the first picture of any stream."""
    frames = encoded(tmp_path / "clip.avi", "mjpeg")
    assert len(frames) == 5 and all(frame.vectors is None for frame in frames)
    pair = frames[0].rgb, frames[1].rgb
    found = CodecVectors(CONFIG).measure(*pair, frames[1].vectors)
    expected = DISFlow(CONFIG).measure(*pair)
    assert np.array_equal(found.flow, expected.flow) and found.macs == expected.macs


def test_vectors_that_explain_nothing_are_not_believed(tmp_path: Path) -> None:
    """Vectors of a still clip beside frames that moved: dense search, and both are charged."""
    vectors = encoded(tmp_path / "still.mp4", "mpeg4", still=True)[2].vectors
    pair = view(0, 0), view(4, -3)
    found = CodecVectors(CONFIG).measure(*pair, vectors)
    expected = DISFlow(CONFIG).measure(*pair)
    assert np.array_equal(found.flow, expected.flow)
    assert (vectors is None) == (found.macs == expected.macs)


def test_a_zoom_is_the_cameras_and_an_object_is_not() -> None:
    """A camera that drives forward: all flows differ, one affine map explains them."""
    centre = ((CONFIG.width - 1) / 2, (CONFIG.height - 1) / 2)
    zoom = cv2.getRotationMatrix2D(centre, 0.5, 1.04)
    flow = camera_flow(zoom, CONFIG)
    assert np.linalg.norm(flow, axis=-1).max() > 4
    alone = explain(flow, CONFIG)
    corners = np.array([[0, 0, 1], [255, 0, 1], [0, 127, 1], [255, 127, 1]])
    np.testing.assert_allclose(corners @ alone.camera.T, corners @ zoom.T, atol=0.3)
    assert alone.residual_px.max() < 0.3
    flow[64:96, 96:128] += (0, 3)  # an object that moves by itself, 4×4 tokens
    residual = explain(flow, CONFIG).residual_px.reshape(CONFIG.grid)
    on = residual[8:12, 12:16]
    assert on.min() > 2.5
    off = residual.copy()
    off[8:12, 12:16] = 0
    assert off.max() < 0.6


def test_unknown_source() -> None:
    with pytest.raises(
        ConfigError, match="motion source 'radar': expected one of patch, dis, codec"
    ):
        make_source("radar", CONFIG)
