"""CARLA's flow: the reading is found by warping, written down, and then used."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from depth_snn.data.readers import decide_recorded_flow, open_carla
from depth_snn.data.readers.carla import fit_flow
from depth_snn.data.readers.carla_flow import FlowConvention, decide_flow
from depth_snn.data.readers.carla_recording import Recording, read_recording, write_recording
from depth_snn.data.scene.arrays import F32, U8
from depth_snn.errors import InputError

SIZE = (64, 112)
UNITS = {"image": (112.0, 64.0), "half_image": (56.0, 32.0), "pixel": (1.0, 1.0)}
# Uneven on purpose: while motion is steady, both directions fit.
PATH = [(0.0, 0.0, 1.0), (3.0, 1.0, 1.01), (4.0, 4.0, 1.05), (9.0, 6.0, 1.06), (10.0, 10.0, 1.1)]


def _texture() -> U8:
    rng = np.random.default_rng(3)
    coarse = rng.integers(0, 255, (30, 40, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (240, 180), interpolation=cv2.INTER_CUBIC), np.uint8)


def _place(step: tuple[float, float, float], points: F32) -> F32:
    """Texture coordinates of picture points."""
    return np.asarray(points * step[2] + np.array(step[:2]) * 1.5 + 40, np.float32)


def _drive(to: str, path: list[tuple[float, float, float]] = PATH) -> tuple[list[U8], list[F32]]:
    """Frames, and their true flow in pixels to the previous or next frame."""
    texture = _texture()
    columns, rows = np.meshgrid(np.arange(SIZE[1]), np.arange(SIZE[0]))
    points = np.stack([columns, rows], -1).astype(np.float32)
    frames, flows = [], []
    for index, step in enumerate(path):
        where = _place(step, points)
        frames.append(np.asarray(cv2.remap(texture, where, None, cv2.INTER_LINEAR), np.uint8))
        other = path[min(max(index + (1 if to == "next" else -1), 0), len(path) - 1)]
        there = (where - np.array(other[:2]) * 1.5 - 40) / other[2]
        flows.append((there - points).astype(np.float32))
    return frames, flows


@pytest.mark.parametrize("unit", sorted(UNITS))
@pytest.mark.parametrize("signs", [(1, 1), (1, -1), (-1, 1), (-1, -1)])
@pytest.mark.parametrize("to", ["previous", "next"])
def test_every_reading_is_found(unit: str, signs: tuple[int, int], to: str) -> None:
    frames, true = _drive(to)
    raw = [f / np.array(UNITS[unit], np.float32) * np.array(signs, np.float32) for f in true]
    found = decide_flow(frames, [np.asarray(f, np.float32) for f in raw])
    assert (found.unit, found.sign_x, found.sign_y, found.to) == (unit, *signs, to)
    assert found.warp_error < 0.5 * found.still_error
    for told, flow in zip(raw, true, strict=True):
        np.testing.assert_allclose(found.to_pixels(told), flow, atol=1e-4)


def test_steady_motion_reads_as_the_last_step() -> None:
    path = [(2.0 * i, 1.0 * i, 1.0) for i in range(5)]
    frames, flows = _drive("next", path)
    found = decide_flow(frames[:4], flows[:4])  # the last frame's next does not exist
    assert found.to == "previous"
    assert (found.sign_x, found.sign_y) == (-1, -1)


def test_undecidable_motion_is_refused() -> None:
    frames, flows = _drive("previous", [(0.0, 0.0, 1.0)] * 4)
    with pytest.raises(InputError, match="no reading explains the frames"):
        decide_flow(frames, flows)
    frames, flows = _drive("previous", [(4.0 * i, 0.0, 1.0) for i in range(4)])
    with pytest.raises(InputError, match="too little motion along y"):
        decide_flow(frames, flows)
    with pytest.raises(InputError, match="two or more"):
        decide_flow(frames[:1], flows[:1])


def test_convention_checks_itself() -> None:
    for wrong in (("mile", 1, 1, "next"), ("pixel", 2, 1, "next"), ("pixel", 1, 1, "sideways")):
        with pytest.raises(InputError, match="flow convention"):
            FlowConvention(*wrong, 0.0, 0.0)


def _write(root: Path) -> list[F32]:
    """A drive as 0.9.12 to 0.9.16 record it: halves of the picture, y up, to the last frame."""
    frames, true = _drive("previous")
    for folder in ("rgb", "flow"):
        (root / folder).mkdir()
    for index, (frame, flow) in enumerate(zip(frames, true, strict=True)):
        cv2.imwrite(str(root / "rgb" / f"{index:06}.png"), frame[..., ::-1])
        raw = flow / np.array([56.0, -32.0], np.float32)
        np.save(root / "flow" / f"{index:06}.npy", raw.astype(np.float32), allow_pickle=False)
    write_recording(root, Recording("0.9.15", step_s=0.1))
    return true


def test_the_decision_is_recorded_and_used(tmp_path: Path) -> None:
    true = _write(tmp_path)
    decided = decide_recorded_flow(tmp_path)
    assert read_recording(tmp_path) == decided
    assert decided.flow is not None and decided.step_s == 0.1
    sample = open_carla(tmp_path)[3]
    assert sample.flow_to == "previous"
    assert sample.flow is not None
    np.testing.assert_allclose(sample.flow, true[3], atol=1e-4)
    small = open_carla(tmp_path, size=(32, 56))[3].flow
    assert small is not None
    np.testing.assert_allclose(small.mean((0, 1)), true[3].mean((0, 1)) / 2, atol=0.05)


def test_missing_flow_is_named(tmp_path: Path) -> None:
    _write(tmp_path)
    (tmp_path / "flow" / "000002.npy").unlink()
    with pytest.raises(InputError, match=r"000002\.npy: no such flow"):
        decide_recorded_flow(tmp_path)


def test_resizing_flow_scales_its_vectors() -> None:
    flow = np.full((4, 8, 2), (8.0, 4.0), np.float32)
    half = fit_flow(flow, (2, 2))
    assert half.shape == (2, 2, 2)
    np.testing.assert_allclose(half, np.broadcast_to([2.0, 2.0], half.shape))
