"""DAVIS 2017: the real clip, and tiny files with a palette of object numbers."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from depth_snn.data.readers import open_davis
from depth_snn.errors import InputError

PALETTE = [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0] + [0] * 756


def _clip(root: Path, name: str, frames: int = 3, annotated: int = 3) -> None:
    images, masks = (root / kind / "480p" / name for kind in ("JPEGImages", "Annotations"))
    for folder in (images, masks):
        folder.mkdir(parents=True)
    for index in range(frames):
        cv2.imwrite(str(images / f"{index:05}.jpg"), np.full((8, 10, 3), 40 * index, np.uint8))
        if index < annotated:
            numbers = np.zeros((8, 10), np.uint8)
            numbers[1:4, 2:5], numbers[5:7, 6:9] = 1, 2
            mask = Image.fromarray(numbers, "P")
            mask.putpalette(PALETTE)
            mask.save(masks / f"{index:05}.png")


def test_palette_numbers_are_objects_and_there_is_no_label(tmp_path: Path) -> None:
    _clip(tmp_path, "two", annotated=1)
    reader = open_davis(tmp_path)
    assert reader.classes == ()
    first, second = reader[0], reader[1]
    assert first.label is None and second.label is None
    assert second.objects is None
    assert first.objects is not None
    assert np.bincount(first.objects.ravel()).tolist() == [80 - 9 - 6, 9, 6]
    assert len(reader.labelled()) == 1


def test_lists_choose_clips(tmp_path: Path) -> None:
    for name in ("boat", "dog", "swan"):
        _clip(tmp_path, name)
    lists = tmp_path / "ImageSets" / "2017"
    lists.mkdir(parents=True)
    (lists / "val.txt").write_text("swan\nboat\n")
    assert open_davis(tmp_path, split="val").sequences == ("swan", "boat")
    assert open_davis(tmp_path).sequences == ("boat", "dog", "swan")
    clip = open_davis(tmp_path, split="val", size=(4, 5)).sequence("boat")
    assert [s.name for s in clip] == ["boat/00000", "boat/00001", "boat/00002"]
    assert clip[0].rgb.shape == (4, 5, 3)
    (lists / "val.txt").write_text("whale\n")
    with pytest.raises(InputError, match=r"looked for whale/%05d\.jpg, found boat/, dog"):
        open_davis(tmp_path, split="val")


def test_wrong_folders(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected DAVIS 2017: JPEGImages/"):
        open_davis(tmp_path / "absent")
    with pytest.raises(InputError, match="looked for JPEGImages/480p/, found an empty folder"):
        open_davis(tmp_path)
    _clip(tmp_path, "two")
    with pytest.raises(InputError, match=r'val\.txt: no such list; add it, or use split "all"'):
        open_davis(tmp_path, split="val")
    with pytest.raises(InputError, match="looked for JPEGImages/Full-Resolution/"):
        open_davis(tmp_path, resolution="Full-Resolution")


def test_real_clip(shared_data: Path) -> None:
    if not (shared_data / "davis").is_dir():
        pytest.skip("needs DAVIS beside the project (../shared/data/davis), which is not here")
    reader = open_davis(shared_data / "davis")
    assert reader.sequences == ("tennis",)
    assert len(reader) == 70
    sample = reader[35]
    assert sample.objects is not None
    assert sample.objects.shape == sample.rgb.shape[:2]
    # Its masks are those of 2016: one object, white on black.
    assert set(np.unique(sample.objects)) == {0, 1}
    assert 0.01 < (sample.objects == 1).mean() < 0.5
