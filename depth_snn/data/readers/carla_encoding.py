"""What CARLA's sensors put into bytes: BGRA pictures, tags, depth and optical flow."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from depth_snn.data.readers.images import Size, check_size
from depth_snn.data.scene.arrays import F32, U8
from depth_snn.errors import InputError

FAR_PLANE_M = 1000.0
_DEPTH_STEPS = 2**24 - 1


def bgra_of_bytes(data: bytes | memoryview, size: Size) -> U8:
    """A camera's raw bytes as a picture.

    Args:
        data: The sensor's `raw_data`.
        size: Height and width.

    Returns:
        uint8 (H, W, 4), blue first.

    Raises:
        InputError: If the number of bytes does not fit the size.
    """
    return _shaped(np.frombuffer(data, np.uint8), size, 4)


def flow_of_bytes(data: bytes | memoryview, size: Size) -> F32:
    """The optical flow camera's raw bytes, float32 (H, W, 2), in its own unit and direction.

    Raises:
        InputError: If the number of bytes does not fit the size.
    """
    raw = np.frombuffer(data, np.uint8)
    return _shaped(raw, size, 8).reshape(-1).view(np.float32).reshape(*size, 2)


def _shaped(raw: U8, size: Size, channels: int) -> U8:
    if raw.size != size[0] * size[1] * channels:
        raise InputError(
            f"sensor data of {raw.size} bytes: expected {size[0]}x{size[1]}x{channels}; "
            "check the camera's size"
        )
    return raw.reshape(*size, channels).copy()


def rgb_of_bgra(image: U8) -> U8:
    """The colours of a camera picture, uint8 (H, W, 3), red first."""
    return np.ascontiguousarray(image[..., 2::-1])


def tags_of_rgb(image: U8) -> U8:
    """Semantic tags, uint8 (H, W): they stand in the red channel."""
    return np.ascontiguousarray(image[..., 0])


def depth_m_of_rgb(image: U8) -> F32:
    """Depth in metres, float32 (H, W), of an encoded depth picture, red first.

    1000 · (R + 256 G + 65536 B) / (2^24 − 1), as CARLA's documentation of the depth camera.
    """
    wide = image.astype(np.int64)
    steps = wide[..., 0] + 256 * wide[..., 1] + 65536 * wide[..., 2]
    return np.asarray(FAR_PLANE_M * steps / _DEPTH_STEPS, np.float32)


def rgb_of_depth_m(depth_m: F32) -> U8:
    """Encodes depth as CARLA does; rounds to the nearest step of 0.06 mm."""
    share = np.clip(depth_m.astype(np.float64) / FAR_PLANE_M, 0.0, 1.0)
    steps = np.rint(share * _DEPTH_STEPS).astype(np.int64)
    return np.asarray(np.stack([steps & 255, (steps >> 8) & 255, steps >> 16], -1), np.uint8)


def read_flow_file(path: Path) -> F32:
    """Reads a recorded flow, float32 (H, W, 2), unchanged.

    Raises:
        InputError: If it cannot be read or has another type or shape.
    """
    try:
        # Mapped, not read: type and shape are known before any memory is taken.
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: is not a readable .npy array; record it again") from error
    if not isinstance(mapped, np.ndarray):  # an archive of several arrays
        raise InputError(f"{path}: is not one .npy array; record it again")
    shape: tuple[int, ...] = mapped.shape
    if len(shape) != 3 or shape[2] != 2 or mapped.dtype != np.float32:
        raise InputError(f"{path}: holds {mapped.dtype} {shape}; expected float32 (H, W, 2)")
    check_size(path, (shape[0], shape[1]))
    flow: F32 = np.array(mapped, np.float32)
    if not np.isfinite(flow).all():
        raise InputError(f"{path}: holds values that are not finite; record it again")
    return flow
