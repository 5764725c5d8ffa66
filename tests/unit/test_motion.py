"""Motion: the camera's own is removed, an object's is not, drift adds up, same in same out."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from depth_snn.errors import ConfigError
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


def test_unknown_source() -> None:
    with pytest.raises(
        ConfigError, match="motion source 'radar': expected one of patch, dis, codec"
    ):
        make_source("radar", CONFIG)
