"""CamVid: the real frames, the SegNet layout with lists, and the original colours."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from depth_snn.data.classes import CLASS_NAMES
from depth_snn.data.readers import (
    CAMVID_CLASSES,
    CAMVID_TO_STREET,
    STREET_TO_CAMVID,
    open_camvid,
)
from depth_snn.data.readers.camvid_colours import (
    CAMVID_COLOURS,
    CAMVID_GROUPS,
    numbers_of_colours,
)
from depth_snn.errors import InputError


@pytest.fixture(scope="module")
def camvid(shared_data: Path) -> Path:
    if not (shared_data / "camvid" / "val").is_dir():
        pytest.skip("needs CamVid beside the project (../shared/data/camvid), which is not here")
    return shared_data / "camvid"


def _segnet(root: Path, names: list[str], suffix: str = ".png") -> Path:
    for folder in ("train", "trainannot"):
        (root / folder).mkdir(parents=True)
    for number, name in enumerate(names):
        cv2.imwrite(str(root / "train" / f"{name}{suffix}"), np.full((6, 8, 3), number, np.uint8))
        label = np.arange(48, dtype=np.uint8).reshape(6, 8) % 12
        cv2.imwrite(str(root / "trainannot" / f"{name}.png"), label)
    return root


def _message(caught: pytest.ExceptionInfo[InputError]) -> str:
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_val_is_one_sequence_at_15_hz(camvid: Path) -> None:
    reader = open_camvid(camvid, split="val")
    assert len(reader) == 101
    assert reader.fps == 15.0
    assert reader.classes == CAMVID_CLASSES
    assert len(reader.sequences) == 1
    clip = reader.sequence(reader.sequences[0])
    assert [entry.index for entry in clip.entries] == list(range(101))
    assert [clip.entries[i].name for i in (0, -1)] == ["0016E5_07959", "0016E5_08159"]


def test_real_labels_are_known_classes(camvid: Path) -> None:
    reader = open_camvid(camvid, split="val")
    sample = reader[50]
    assert sample.rgb.shape == (360, 480, 3)
    assert sample.label is not None
    assert sample.label.dtype == np.uint8
    shares = np.bincount(sample.label.ravel(), minlength=256) / sample.label.size
    assert shares[11:255].sum() == 0
    assert shares[CAMVID_CLASSES.index("road")] > 0.1
    # The road lies in the lower half, or rows and names are mixed up.
    rows, _ = np.nonzero(sample.label == CAMVID_CLASSES.index("road"))
    assert rows.mean() > 200


def test_real_train_is_one_hertz_of_three_drives(camvid: Path) -> None:
    reader = open_camvid(camvid, split="train", size=(96, 128), to_street=True)
    assert len(reader) == 367
    assert reader.fps == 1.0
    assert reader.classes == CLASS_NAMES
    assert {name.split("_")[0] for name in reader.sequences} == {"0001TP", "0006R0", "0016E5"}
    sample = reader[-1]
    assert sample.rgb.shape == (96, 128, 3)
    assert sample.label is not None
    assert set(np.unique(sample.label)) <= {*range(8), 255}


def test_segnet_lists_are_rebased_and_choose(tmp_path: Path) -> None:
    names = ["0001TP_000030", "0001TP_000060", "0001TP_000090"]
    root = _segnet(tmp_path, names, suffix=".jpg")
    lines = [f"/SegNet/CamVid/train/{n}.png /SegNet/CamVid/trainannot/{n}.png" for n in names[1:]]
    (root / "train.txt").write_text("\n".join(lines) + "\n")
    reader = open_camvid(root)
    assert [entry.name for entry in reader.entries] == names[1:]
    (root / "train.txt").write_text(
        "/SegNet/CamVid/train/9_9.png /SegNet/CamVid/trainannot/9_9.png"
    )
    with pytest.raises(InputError, match="holds no picture 9_9, which the list names"):
        open_camvid(root)
    (root / "train.txt").write_text("\n")
    with pytest.raises(InputError, match="the list is empty"):
        open_camvid(root)


def test_void_is_ignored_and_other_numbers_are_refused(tmp_path: Path) -> None:
    root = _segnet(tmp_path, ["a_1"])
    label = open_camvid(root)[0].label
    assert label is not None
    np.testing.assert_array_equal(label.ravel()[:13], [*range(11), 255, 0])
    cv2.imwrite(str(root / "trainannot" / "a_1.png"), np.full((6, 8), 12, np.uint8))
    with pytest.raises(InputError, match="label 12 is unknown"):
        open_camvid(root)[0]


def test_nothing_is_read_before_it_is_asked_for(tmp_path: Path) -> None:
    root = _segnet(tmp_path, ["a_1", "a_2"])
    (root / "train" / "a_2.png").write_bytes(b"not a picture")
    reader = open_camvid(root)
    assert reader[0].name == "a_1"
    with pytest.raises(InputError, match=r"a_2\.png: is not a readable PNG"):
        reader[1]
    with pytest.raises(IndexError):
        reader[2]


def test_sequences_break_at_cuts_and_between_drives(tmp_path: Path) -> None:
    names = ["A_00030", "A_00060", "A_00091", "A_00120", "A_00300", "A_00330", "B_00360"]
    reader = open_camvid(_segnet(tmp_path, names))
    assert reader.sequences == ("A_00030", "A_00300", "B_00360")
    assert [entry.index for entry in reader.entries] == [0, 1, 2, 3, 0, 1, 0]
    with pytest.raises(InputError, match="has no sequence 'C'; it has 3"):
        reader.sequence("C")


def _original(root: Path, parts: list[str]) -> Path:
    """A release with one frame, whose label has a column of each class."""
    label = np.array([[CAMVID_COLOURS[p] for p in parts]], np.uint8).repeat(3, axis=0)
    for folder in ("701_StillsRaw_full", "LabeledApproved_full"):
        (root / folder).mkdir()
    cv2.imwrite(str(root / "701_StillsRaw_full" / "Seq05VD_f00030.png"), np.zeros_like(label))
    path = root / "LabeledApproved_full" / "Seq05VD_f00030_L.png"
    cv2.imwrite(str(path), label[..., ::-1])
    return root


def test_original_colours_become_the_usual_eleven(tmp_path: Path) -> None:
    parts = list(CAMVID_COLOURS)
    reader = open_camvid(_original(tmp_path, parts), split="all")
    label = reader[0].label
    assert label is not None
    group = {part: name for name, members in CAMVID_GROUPS.items() for part in members}
    expected = [CAMVID_CLASSES.index(group[p]) if p in group else 255 for p in parts]
    np.testing.assert_array_equal(label, [expected] * 3)
    assert [p for p in parts if p not in group] == ["Void"]


def test_original_release_needs_a_list_for_a_split(tmp_path: Path) -> None:
    root = _original(tmp_path, ["Road"])
    with pytest.raises(InputError) as caught:
        open_camvid(root, split="val")
    assert 'use split "all"' in _message(caught)
    (root / "val.txt").write_text("Seq05VD_f00030\n")
    assert len(open_camvid(root, split="val")) == 1


def test_colour_table_is_whole() -> None:
    assert len(CAMVID_COLOURS) == 32
    assert len(set(CAMVID_COLOURS.values())) == 32
    assert tuple(CAMVID_GROUPS) == CAMVID_CLASSES
    assert sum(map(len, CAMVID_GROUPS.values())) == 31


def test_unknown_colour_is_named() -> None:
    colours = np.full((2, 2, 3), (1, 2, 3), np.uint8)
    with pytest.raises(InputError, match=r"x_L.png: colour \(1, 2, 3\) is none of CamVid's 32"):
        numbers_of_colours(colours, Path("x_L.png"))


def test_wrong_folders_say_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        open_camvid(tmp_path / "absent")
    assert "absent: no such folder; expected CamVid" in _message(caught)
    (tmp_path / "holiday").mkdir()
    with pytest.raises(InputError) as caught:
        open_camvid(tmp_path)
    message = _message(caught)
    for word in ("train/ and trainannot/", "701_StillsRaw_full/", "found holiday/", "give the"):
        assert word in message
    root = _segnet(tmp_path, ["a_1"])
    (root / "trainannot" / "a_1.png").unlink()
    with pytest.raises(InputError, match=r"a_1\.png: no such label"):
        open_camvid(root)
    (root / "train" / "a_1.png").unlink()
    with pytest.raises(InputError, match=r"looked for \.png or \.jpg"):
        open_camvid(root)


def test_eight_to_eleven_and_back_is_the_identity() -> None:
    every = np.arange(8)
    np.testing.assert_array_equal(CAMVID_TO_STREET[STREET_TO_CAMVID[every]], every)
    assert CAMVID_TO_STREET[255] == STREET_TO_CAMVID[255] == 255
    named = {CAMVID_CLASSES[i]: CLASS_NAMES[CAMVID_TO_STREET[i]] for i in range(11)}
    assert named["bicyclist"] == "pedestrian"
    assert named["fence"] == "building"
    assert named["sign"] == named["pole"] == "pole/sign"
