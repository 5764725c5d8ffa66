"""The gates' drive: against its definition in floats, and zero where nothing changes."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from depth_snn.config import NetworkConfig
from depth_snn.recovery.drive import DRIVE_MAX, drive_macs, feature_gradient, region_drive
from tests.unit.small import STREET, TINY, scene_frames

Image = npt.NDArray[np.uint8]


def naive_drive(now: Image, before: Image, config: NetworkConfig) -> list[int]:
    """‖∇F_t − ∇F_{t−1}‖₂ per region by loops; F is the mean of 4×4 pixels in whole levels."""

    def cells(image: Image) -> list[list[list[int]]]:
        rows, cols = config.height // 4, config.width // 4
        return [
            [[round(float(image[4 * y:4 * y + 4, 4 * x:4 * x + 4, c].mean())) for c in range(3)]
             for x in range(cols)]
            for y in range(rows)
        ]  # fmt: skip

    a, b = cells(now), cells(before)
    side = config.region * config.patch // 4
    across = config.width // 4 // side
    sums = [0.0] * config.regions
    for y in range(config.height // 4):
        for x in range(config.width // 4):
            total = 0.0
            for c in range(3):
                for dy, dx in ((1, 0), (0, 1)):
                    if y + dy < config.height // 4 and x + dx < config.width // 4:
                        new = a[y + dy][x + dx][c] - a[y][x][c]
                        old = b[y + dy][x + dx][c] - b[y][x][c]
                        total += (new - old) ** 2
            sums[y // side * across + x // side] += total
    return [math.isqrt(int(s)) for s in sums]


@pytest.mark.parametrize("config", [TINY, STREET], ids=lambda c: c.name)
def test_drive_is_its_definition(config: NetworkConfig) -> None:
    frames = list(scene_frames(config, 2))
    frames.append(np.random.default_rng(0).integers(0, 256, frames[0].shape).astype(np.uint8))
    gradients = [feature_gradient(f, config) for f in frames]
    for i in (1, 2):
        drive = region_drive(gradients[i], gradients[i - 1], config)
        assert drive.tolist() == naive_drive(frames[i], frames[i - 1], config)
        assert drive.max() > 0


def test_static_and_first_frames_drive_nothing() -> None:
    config = TINY
    gradient = feature_gradient(scene_frames(TINY, 1)[0], config)
    assert not region_drive(gradient, gradient.copy(), config).any()
    assert not region_drive(gradient, None, config).any()


def test_a_uniform_flash_drives_nothing_and_a_local_change_its_region_alone() -> None:
    config = TINY
    dark = np.full((32, 64, 3), 60, np.uint8)
    before = feature_gradient(dark, config)
    assert not region_drive(feature_gradient(dark + 90, config), before, config).any()
    patched = dark.copy()
    patched[20:28, 36:44] = 200  # well inside region 1 * 4 + 2
    drive = region_drive(feature_gradient(patched, config), before, config)
    assert np.flatnonzero(drive).tolist() == [6]


def test_the_largest_possible_drive_fits_its_register() -> None:
    """Neighbouring cells 255 apart, then swapped: every difference is 510."""
    config = STREET
    rows, cols = np.mgrid[0 : config.height, 0 : config.width] // 4
    board = (255 * ((rows + cols) % 2)).astype(np.uint8)[..., None].repeat(3, -1)
    gradients = [feature_gradient(f, config) for f in (board, 255 - board)]
    drive = region_drive(gradients[0], gradients[1], config)
    cells = (config.region * config.patch // 4) ** 2
    assert drive[0] == math.isqrt(cells * 6 * 510**2)
    assert drive.max() <= DRIVE_MAX < 2**15
    assert drive_macs(config) > config.height * config.width
