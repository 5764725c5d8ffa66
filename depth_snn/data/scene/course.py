"""Where the camera is in every frame."""

from __future__ import annotations

import numpy as np

from depth_snn.data.scene.actor import F64
from depth_snn.data.scene.frame import Pose

FRAMES_PER_S = 15.0


def ego_course(
    rng: np.random.Generator, frames: int, speed_mps: float, brake_at: int | None
) -> F64:
    """Distance driven per frame in metres; braking to walking pace after `brake_at`."""
    speed = np.full(frames, speed_mps / FRAMES_PER_S)
    if brake_at is not None:
        after = np.maximum(np.arange(frames) - brake_at - 4, 0)
        speed *= np.clip(1.0 - after / 16.0, 0.25, 1.0)
    speed *= 1.0 + 0.03 * np.sin(np.arange(frames) / 9.0 + rng.uniform(0, 6))
    return np.concatenate([[0.0], np.cumsum(speed)[:-1]])


def make_poses(
    rng: np.random.Generator,
    size: tuple[int, int],
    driving: bool,
    frames: int,
    brake_at: int | None,
    sway: float,
    shake: float,
) -> tuple[Pose, ...]:
    """Draws the camera of a sequence.

    Args:
        rng: Random source.
        size: (height, width) of the picture.
        driving: Whether the camera drives along the street.
        frames: Length.
        brake_at: Frame after which a driving camera brakes, or None.
        sway: Amplitude of a slow sway of a standing camera, pixels.
        shake: Size of a quick shake, as a share of the picture's height.
    """
    height, width = size
    t = np.arange(frames)
    focal = 0.8 * width * float(rng.uniform(0.88, 1.15))
    cy = height * float(rng.uniform(0.38, 0.47))
    jolt = _jolts(rng, frames) * (shake * height)
    if driving:
        course = ego_course(rng, frames, float(rng.uniform(4.5, 8.5)), brake_at)
        x = float(rng.uniform(1.4, 1.9)) + 0.08 * np.sin(t / 14.0 + rng.uniform(0, 6))
        cx = width * float(rng.uniform(0.46, 0.54)) + jolt[:, 0]
        rows = cy + 0.0025 * height * np.sin(t / 2.3 + rng.uniform(0, 6)) + jolt[:, 1]
        eye = float(rng.uniform(1.2, 1.55))
    else:
        course = np.zeros(frames)
        x = np.full(frames, float(rng.uniform(-4.8, -3.7)))
        cx = width * float(rng.uniform(0.28, 0.38)) + sway * np.sin(t / 6.1) + jolt[:, 0]
        rows = cy + 0.6 * sway * np.sin(t / 4.3 + 1.0) + jolt[:, 1]
        eye = float(rng.uniform(1.5, 2.1))
    return tuple(
        Pose(float(x[k]), eye, float(course[k]), float(cx[k]), float(rows[k]), focal)
        for k in range(frames)
    )


def _jolts(rng: np.random.Generator, frames: int) -> F64:
    """Quick random motion of unit size, float64 (frames, 2): a held camera on a rough road."""
    push = rng.standard_normal((frames + 8, 2))
    out = np.zeros_like(push)
    for k in range(2, len(push)):
        # A damped spring: swings over a few frames, never drifts away.
        out[k] = 1.1 * out[k - 1] - 0.6 * out[k - 2] + 0.75 * push[k]
    return out[8:]
