"""Pictures from files: sizes before memory, numbers unchanged, damage named."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from depth_snn.data.readers.images import (
    MAX_PIXELS,
    check_same_size,
    fit_label,
    fit_rgb,
    image_size,
    read_numbers,
    read_rgb,
)
from depth_snn.errors import InputError


def _forged(path: Path, height: int, width: int) -> Path:
    """A PNG whose header alone says that it is huge."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + bytes(4))
    return path


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("size", [(1, 1), (7, 300), (33, 5)])
def test_size_from_the_header(tmp_path: Path, suffix: str, size: tuple[int, int]) -> None:
    path = tmp_path / f"a{suffix}"
    cv2.imwrite(str(path), np.zeros((*size, 3), np.uint8))
    assert image_size(path) == size
    assert read_rgb(path).shape == (*size, 3)


def test_jpeg_size_behind_a_long_comment(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.new("RGB", (20, 10)).save(path, comment=b"\xff\xd8\xff\xc0" * 9000, progressive=True)
    assert image_size(path) == (10, 20)


@pytest.mark.parametrize("size", [(60_000, 60_000), (2**31, 2), (0, 5), (1, MAX_PIXELS + 1)])
def test_absurd_sizes_are_refused_before_decoding(tmp_path: Path, size: tuple[int, int]) -> None:
    path = _forged(tmp_path / "a.png", *size)
    for read in (image_size, read_rgb, read_numbers):
        with pytest.raises(InputError, match=r"a\.png: says it is") as caught:
            read(path)
        assert "\n" not in str(caught.value)


@given(st.binary(max_size=64))
def test_any_bytes_are_a_size_or_an_error(tmp_path_factory: pytest.TempPathFactory, data: bytes):
    for head in (b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8"):
        path = tmp_path_factory.getbasetemp() / "fuzz.png"
        path.write_bytes(head + data)
        for read in (image_size, read_rgb, read_numbers):
            try:
                read(path)
            except InputError as error:
                assert "fuzz.png" in str(error)


def test_damaged_and_missing(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    with pytest.raises(InputError, match="cannot be read"):
        read_rgb(path)
    rng = np.random.default_rng(0)
    cv2.imwrite(str(path), rng.integers(0, 255, (40, 40), np.uint8))
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match="damaged"):
        read_numbers(path)


@pytest.mark.parametrize("mode", ["L", "P", "1"])
def test_numbers_come_back_unchanged(tmp_path: Path, mode: str) -> None:
    numbers = np.random.default_rng(1).integers(0, 2 if mode == "1" else 256, (9, 14), np.uint8)
    image = Image.fromarray(numbers if mode != "1" else numbers.astype(bool))
    if mode == "P":
        image = Image.fromarray(numbers, "P")
        # Two indices of one colour: only the index itself tells them apart.
        image.putpalette([255, 0, 0] * 2 + list(range(254)) * 3)
    image.save(tmp_path / "a.png")
    found, palette = read_numbers(tmp_path / "a.png")
    np.testing.assert_array_equal(found, numbers)
    assert palette is (mode == "P")


def test_colours_are_not_numbers(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(InputError, match="RGB picture; expected 8-bit numbers"):
        read_numbers(tmp_path / "a.png")


def test_resizing_averages_colours_and_picks_labels() -> None:
    rgb = np.zeros((4, 4, 3), np.uint8)
    rgb[::2] = 100
    assert set(fit_rgb(rgb, (2, 2)).ravel()) == {50}
    label = np.arange(36, dtype=np.uint8).reshape(6, 6)
    # A third of the size: the middle pixel of each three, so the picture does not shift.
    np.testing.assert_array_equal(fit_label(label, (2, 2)), label[1::3, 1::3])
    np.testing.assert_array_equal(fit_label(label, (6, 6)), label)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.integers(1, 40))
def test_resizing_labels_invents_none(h: int, w: int, to_h: int, to_w: int) -> None:
    label = np.random.default_rng(h * 41 + w).choice(np.array([0, 7, 255], np.uint8), (h, w))
    out = fit_label(label, (to_h, to_w))
    assert out.shape == (to_h, to_w)
    assert set(out.ravel()) <= set(label.ravel())


def test_label_of_another_picture(tmp_path: Path) -> None:
    for name, size in (("a.png", (4, 6)), ("b.png", (4, 7))):
        cv2.imwrite(str(tmp_path / name), np.zeros(size, np.uint8))
    with pytest.raises(InputError, match=r"b\.png: is 4x7 pixels, its picture a\.png 4x6"):
        check_same_size(tmp_path / "a.png", tmp_path / "b.png")
