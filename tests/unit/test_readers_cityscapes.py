"""Cityscapes on tiny files of the real layout and encoding."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest

from depth_snn.data.classes import CLASS_NAMES
from depth_snn.data.readers import CITYSCAPES_CLASSES, open_cityscapes
from depth_snn.data.readers.cityscapes_table import (
    CARRIED_TRAIN_IDS,
    train_id_table,
    train_ids_of_package,
)
from depth_snn.errors import ConfigError, InputError, MissingDependency

PACKAGE = importlib.util.find_spec("cityscapesscripts") is not None
IDS = np.arange(34, dtype=np.uint8).reshape(2, 17)


def _write(root: Path, city: str, drive: int, frames: range, labelled: int | None) -> None:
    images = root / "leftImg8bit_sequence" / "val" / city
    labels = root / "gtFine" / "val" / city
    for folder in (images, labels):
        folder.mkdir(parents=True, exist_ok=True)
    for frame in frames:
        name = f"{city}_{drive:06}_{frame:06}"
        picture = np.full((2, 17, 3), frame % 256, np.uint8)
        cv2.imwrite(str(images / f"{name}_leftImg8bit.png"), picture)
        if frame == labelled:
            cv2.imwrite(str(labels / f"{name}_gtFine_labelIds.png"), IDS)


def test_snippets_of_one_drive_and_the_labelled_twentieth(tmp_path: Path) -> None:
    _write(tmp_path, "bochum", 0, range(294, 324), 313)
    _write(tmp_path, "bochum", 0, range(600, 630), 619)
    _write(tmp_path, "aachen", 2, range(0, 30), 19)
    _write(tmp_path, "aachen", 3, range(0, 30), 19)
    reader = open_cityscapes(tmp_path)
    assert reader.sequences == (
        "aachen_000002_000000",
        "aachen_000003_000000",
        "bochum_000000_000294",
        "bochum_000000_000600",
    )
    assert reader.fps == 17.0
    assert len(reader) == 120
    for name in reader.sequences:
        snippet = reader.sequence(name)
        known = [entry.index for entry in snippet.entries if entry.label is not None]
        assert len(snippet) == 30
        assert known == [19]
    assert len(reader.labelled()) == 4
    assert reader[0].label is None
    assert int(reader[5].rgb[0, 0, 0]) == 5


def test_adjoining_snippets_are_told_apart(tmp_path: Path) -> None:
    _write(tmp_path, "ulm", 1, range(0, 60), None)
    assert open_cityscapes(tmp_path).sequences == ("ulm_000001_000000", "ulm_000001_000030")


def test_label_ids_become_train_ids(tmp_path: Path) -> None:
    _write(tmp_path, "ulm", 1, range(0, 30), 19)
    label = open_cityscapes(tmp_path)[19].label
    assert label is not None
    told = dict(zip(IDS.ravel().tolist(), label.ravel().tolist(), strict=True))
    assert told[7] == 0 and told[11] == 2 and told[24] == 11 and told[26] == 13 and told[33] == 18
    assert all(told[i] == 255 for i in (*range(7), 9, 10, 14, 15, 16, 18, 29, 30))
    assert open_cityscapes(tmp_path).classes == CITYSCAPES_CLASSES
    street = open_cityscapes(tmp_path, to_street=True)
    eight = street[19].label
    assert eight is not None
    assert street.classes == CLASS_NAMES
    names = dict(zip(IDS.ravel().tolist(), eight.ravel().tolist(), strict=True))
    assert CLASS_NAMES[names[24]] == "pedestrian"
    assert CLASS_NAMES[names[28]] == CLASS_NAMES[names[33]] == "vehicle"
    assert CLASS_NAMES[names[22]] == "vegetation"
    assert names[0] == 255


def test_only_the_labelled_frames(tmp_path: Path) -> None:
    _write(tmp_path, "ulm", 1, range(19, 20), 19)
    (tmp_path / "leftImg8bit_sequence").rename(tmp_path / "leftImg8bit")
    reader = open_cityscapes(tmp_path, size=(4, 34))
    assert reader.fps is None
    sample = reader[0]
    assert sample.rgb.shape == (4, 34, 3)
    assert sample.label is not None
    assert sample.label.shape == (4, 34)


def test_wrong_folders_and_names(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder; expected Cityscapes"):
        open_cityscapes(tmp_path / "absent")
    with pytest.raises(InputError, match="looked for leftImg8bit_sequence/test/ or leftImg8bit/"):
        open_cityscapes(tmp_path, split="test")
    _write(tmp_path, "ulm", 1, range(2), None)
    with pytest.raises(InputError, match="holds no labelled frame"):
        open_cityscapes(tmp_path).labelled()
    odd = tmp_path / "leftImg8bit_sequence" / "val" / "ulm" / "holiday.png"
    cv2.imwrite(str(odd), np.zeros((2, 2), np.uint8))
    with pytest.raises(InputError, match="unknown name; expected <city>_<seq:06>"):
        open_cityscapes(tmp_path)


def test_colour_labels_are_refused(tmp_path: Path) -> None:
    _write(tmp_path, "ulm", 1, range(1), 0)
    path = tmp_path / "gtFine" / "val" / "ulm" / "ulm_000001_000000_gtFine_labelIds.png"
    cv2.imwrite(str(path), np.zeros((2, 17, 3), np.uint8))
    with pytest.raises(InputError, match="expected 8-bit numbers"):
        open_cityscapes(tmp_path)[0]


def test_carried_table() -> None:
    assert sorted(CARRIED_TRAIN_IDS.values()) == list(range(len(CITYSCAPES_CLASSES)))
    with pytest.raises(ConfigError, match="use one of auto, package, carried"):
        train_id_table("mine")


@pytest.mark.skipif(not PACKAGE, reason="cityscapesScripts is not installed")
def test_carried_table_is_the_package_s() -> None:
    assert train_ids_of_package() == CARRIED_TRAIN_IDS
    np.testing.assert_array_equal(train_id_table("package"), train_id_table("carried"))


@pytest.mark.skipif(PACKAGE, reason="cityscapesScripts is installed")
def test_missing_package_is_one_clear_line() -> None:
    with pytest.raises(MissingDependency, match="pip install cityscapesscripts") as caught:
        train_id_table("package")
    assert "\n" not in str(caught.value)
    np.testing.assert_array_equal(train_id_table("auto"), train_id_table("carried"))
