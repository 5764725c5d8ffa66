"""Pictures and label pictures from files, with their size known before memory is taken."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from depth_snn.data.scene.arrays import U8
from depth_snn.errors import InputError

Size = tuple[int, int]
"""(height, width) in pixels."""

MAX_PIXELS = 2**25
"""Largest picture accepted: 8K video (7680×4320) still fits; a forged header does not."""

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG_NO_LENGTH = {0x01, *range(0xD0, 0xDA)}
_JPEG_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def image_size(path: Path) -> Size:
    """Height and width of a PNG or JPEG from its header alone.

    Raises:
        InputError: If the file is missing, not such a picture, or too large to be meant.
    """
    try:
        with path.open("rb") as file:
            size = _header_size(file)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except struct.error:
        size = None
    if size is None:
        raise InputError(f"{path}: is not a readable PNG or JPEG; remove or replace it")
    check_size(path, size)
    return size


def check_size(path: Path, size: Size) -> None:
    """Refuses sizes no dataset has.

    Raises:
        InputError: If a side is not positive, or the area passes `MAX_PIXELS`.
    """
    if min(size) < 1 or size[0] * size[1] > MAX_PIXELS:
        raise InputError(
            f"{path}: says it is {size[0]}x{size[1]} pixels; accepted are 1 to {MAX_PIXELS} pixels "
            "in all: replace the file"
        )


def _header_size(file: BinaryIO) -> Size | None:
    head = file.read(24)
    if head.startswith(_PNG):
        width, height = struct.unpack(">II", head[16:24])
        return height, width
    if not head.startswith(b"\xff\xd8"):
        return None
    file.seek(2)
    while True:
        marker, kind = struct.unpack(">BB", file.read(2))
        while kind == 0xFF:  # any number of fill bytes may stand before a marker
            (kind,) = struct.unpack(">B", file.read(1))
        if marker != 0xFF:
            return None
        if kind in _JPEG_NO_LENGTH:
            continue
        (length,) = struct.unpack(">H", file.read(2))
        if kind in _JPEG_FRAMES:
            _, height, width = struct.unpack(">BHH", file.read(5))
            return height, width
        file.seek(max(length - 2, 0), 1)


def check_resize(size: Size | None) -> None:
    """Refuses a size that frames cannot be brought to.

    Raises:
        InputError: If a side is not positive or the area passes `MAX_PIXELS`.
    """
    if size is not None and (min(size) < 1 or size[0] * size[1] > MAX_PIXELS):
        raise InputError(f"frame size {size[0]}x{size[1]}: use positive, sensible pixel numbers")


def read_rgb(path: Path, size: Size | None = None) -> U8:
    """Reads a colour picture.

    Args:
        path: PNG or JPEG.
        size: Height and width to bring it to; None keeps its own.

    Returns:
        uint8 (H, W, 3), red first.

    Raises:
        InputError: If it cannot be read.
    """
    image_size(path)
    # Orientation tags are left alone: the label beside the picture has none.
    how = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    image = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), how)
    if image is None:
        raise InputError(f"{path}: the picture is damaged; remove or replace it")
    return fit_rgb(np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8), size)


def read_numbers(path: Path) -> tuple[U8, bool]:
    """Reads a picture whose pixels are numbers: a grey one as it is, a palette one undone.

    Returns:
        uint8 (H, W), and whether the file has a palette.

    Raises:
        InputError: If it cannot be read or holds colours.
    """
    image_size(path)
    try:
        with Image.open(path) as image:
            mode = image.mode
            if mode not in ("1", "L", "P"):
                raise InputError(
                    f"{path}: is a {mode} picture; expected 8-bit numbers (grey or palette)"
                )
            return np.array(image, np.uint8), mode == "P"
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError) as error:
        raise InputError(f"{path}: the picture is damaged; remove or replace it") from error


def fit_rgb(rgb: U8, size: Size | None) -> U8:
    """Resizes a colour picture, averaging areas where it shrinks."""
    if size is None or rgb.shape[:2] == size:
        return rgb
    smaller = rgb.shape[0] >= size[0] and rgb.shape[1] >= size[1]
    # Area averaging is for shrinking; enlarging with it only repeats pixels.
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(rgb, (size[1], size[0]), interpolation=how), np.uint8)


def fit_label(label: U8, size: Size | None) -> U8:
    """Resizes numbers by taking the nearest, so that none is invented."""
    if size is None or label.shape == size:
        return label
    # INTER_NEAREST takes the pixel up and left of the true place: half a pixel off the picture.
    how = cv2.INTER_NEAREST_EXACT
    return np.asarray(cv2.resize(label, (size[1], size[0]), interpolation=how), np.uint8)


def check_same_size(rgb: Path, label: Path) -> None:
    """Refuses a label picture that belongs to another picture.

    Raises:
        InputError: If the two sizes differ, or a file cannot be read.
    """
    seen, told = image_size(rgb), image_size(label)
    if seen != told:
        raise InputError(
            f"{label}: is {told[0]}x{told[1]} pixels, its picture {rgb.name} {seen[0]}x{seen[1]}; "
            "they must be the same size"
        )
