"""CARLA recordings written in the simulator's own encoding, and the parts of the live recorder
that need no server.
"""

from __future__ import annotations

import importlib.util
import json
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from depth_snn.data.classes import CLASS_NAMES
from depth_snn.data.readers import CITYSCAPES_CLASSES, open_carla
from depth_snn.data.readers.carla_encoding import (
    bgra_of_bytes,
    depth_m_of_rgb,
    flow_of_bytes,
    read_flow_file,
    rgb_of_bgra,
    rgb_of_depth_m,
    tags_of_rgb,
)
from depth_snn.data.readers.carla_live import DriveSettings, record_drive
from depth_snn.data.readers.carla_recording import Recording, read_recording, write_recording
from depth_snn.data.readers.carla_tags import NEW_TAGS, OLD_TAGS, tag_table, tags_of_version
from depth_snn.data.readers.carla_writer import RecordingWriter
from depth_snn.errors import ConfigError, EngineError, InputError, MissingDependency

CLIENT = importlib.util.find_spec("carla") is not None
SIZE = (4, 8)


def _bgra(blue: Any, green: Any, red: Any) -> bytes:
    """Raw sensor bytes; alpha is 255 as the simulator sends it."""
    planes = [np.broadcast_to(np.asarray(p), SIZE) for p in (blue, green, red)]
    return np.stack([*planes, np.full(SIZE, 255)], axis=-1).astype(np.uint8).tobytes()


def _record(root: Path, version: str = "0.9.15", frames: int = 3) -> Path:
    """Writes the sensors' bytes through the live recorder's writer."""
    writer = RecordingWriter(root, Recording(version, *SIZE, fov_deg=90.0, step_s=0.1))
    tags = np.arange(32).reshape(SIZE)
    for index in range(frames):
        writer.write(index, "rgb", _bgra(10, 20, 100 + index))
        writer.write(index, "semantic", _bgra(0, 0, tags))
        # 24 bits, lowest in red: 1 + 2·256 + 3·65536 steps
        writer.write(index, "depth", _bgra(3, 2, 1))
        flow = np.full((*SIZE, 2), (0.25, -0.5), np.float32)
        writer.write(index, "flow", flow.tobytes())
    return root


def test_a_recording_comes_back_as_the_sensors_sent_it(tmp_path: Path) -> None:
    reader = open_carla(_record(tmp_path / "drive"))
    assert len(reader) == 3
    assert reader.fps == pytest.approx(10.0)
    assert reader.classes == CITYSCAPES_CLASSES
    sample = reader[2]
    assert sample.rgb[0, 0].tolist() == [102, 20, 10]
    assert sample.depth_m is not None
    expected_m = 1000.0 * (1 + 2 * 256 + 3 * 65536) / (2**24 - 1)
    np.testing.assert_allclose(sample.depth_m, expected_m, rtol=1e-6)
    assert sample.flow is None  # nobody has decided yet how to read it
    assert sample.flow_to is None
    raw = read_flow_file(tmp_path / "drive" / "flow" / "000002.npy")
    assert raw[0, 0].tolist() == [0.25, -0.5]


@pytest.mark.parametrize(
    ("version", "tags"),
    [("0.9.13", OLD_TAGS), ("0.9.8", OLD_TAGS), ("0.9.14", NEW_TAGS), ("0.10.0", NEW_TAGS)],
)
def test_the_version_chooses_the_tags(tmp_path: Path, version: str, tags: tuple[str, ...]) -> None:
    assert tags_of_version(version) == tags
    label = open_carla(_record(tmp_path / "drive", version))[0].label
    assert label is not None
    table = tag_table(version)
    np.testing.assert_array_equal(label.ravel(), table[np.arange(32)])
    street = open_carla(tmp_path / "drive", to_street=True)
    assert street.classes == CLASS_NAMES
    eight = street[0].label
    assert eight is not None
    named = {tag: eight.ravel()[i] for i, tag in enumerate(tags)}
    assert CLASS_NAMES[named["Pedestrian"]] == "pedestrian"
    assert CLASS_NAMES[named["Sky"]] == "sky"
    assert CLASS_NAMES[named["RoadLine"]] == "road"
    assert named["Unlabeled"] == named["Ground"] == named["Bridge"] == 255


def test_tag_tables() -> None:
    np.testing.assert_array_equal(tag_table("0.9.14")[1:20], np.arange(19))
    assert OLD_TAGS.index("Building") == 1 and OLD_TAGS.index("Pedestrian") == 4
    assert OLD_TAGS.index("Road") == 7 and OLD_TAGS.index("Vehicles") == 10
    assert NEW_TAGS.index("RoadLine") == 24 and NEW_TAGS.index("GuardRail") == 28
    with pytest.raises(InputError, match="three numbers"):
        tag_table("newest")


def test_version_is_asked_for_if_missing(tmp_path: Path) -> None:
    root = _record(tmp_path / "drive")
    (root / "recording.json").unlink()
    with pytest.raises(InputError) as caught:
        open_carla(root)
    message = str(caught.value)
    assert "recording.json: no such file" in message and "or give carla_version" in message
    assert "\n" not in message
    assert len(open_carla(root, carla_version="0.9.13")) == 3
    # What the message tells to write works.
    (root / "recording.json").write_text("{" + message.split("{")[1].split("}")[0] + "}")
    assert len(open_carla(root)) == 3
    with pytest.raises(InputError, match=r"says CARLA 0\.9\.15, asked for 0\.9\.13"):
        open_carla(root, carla_version="0.9.13")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "other"}, '"format" is not'),
        ({"format_version": 9}, "format_version 9"),
        ({"carla_version": None}, '"carla_version" is missing'),
        ({"carla_version": "x"}, "three numbers"),
        ({"height": -3}, "height is -3"),
        ({"step_s": "fast"}, "step_s is 'fast'"),
        ({"colour": 1}, "wrong or missing entry"),
        ({"flow": {"unit": "mile"}}, "wrong or missing entry"),
    ],
)
def test_malformed_facts(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    root = _record(tmp_path / "drive", frames=1)
    path = root / "recording.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InputError) as caught:
        open_carla(root)
    assert said in str(caught.value) and "recording.json" in str(caught.value)


def test_facts_round_trip(tmp_path: Path) -> None:
    facts = Recording("0.9.16", 4, 8, fov_deg=90.0, step_s=0.05)
    write_recording(tmp_path, facts)
    assert read_recording(tmp_path) == facts
    assert read_recording(tmp_path, "0.9.16") == facts
    (tmp_path / "recording.json").write_bytes(b"\xff{")
    with pytest.raises(InputError, match="is not JSON"):
        read_recording(tmp_path)


def test_wrong_folder_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder; expected a CARLA recording"):
        open_carla(tmp_path / "absent")
    with pytest.raises(InputError, match=r"looked for rgb/<frame:06>\.png, found an empty folder"):
        open_carla(tmp_path)


@given(st.integers(0, 2**24 - 1))
def test_every_depth_step_survives(step: int) -> None:
    rgb = np.array([[[step & 255, (step >> 8) & 255, step >> 16]]], np.uint8)
    # A step is 0.060 mm; float32 tells 0.031 mm apart up to 512 m and 0.061 mm beyond.
    again = rgb_of_depth_m(depth_m_of_rgb(rgb)).astype(np.int64) @ [1, 256, 65536]
    assert abs(int(again[0, 0]) - step) <= (0 if step < 8_500_000 else 1)


def test_sensor_bytes() -> None:
    image = bgra_of_bytes(_bgra(1, 2, 3), SIZE)
    assert image.shape == (*SIZE, 4)
    rgb = rgb_of_bgra(image)
    assert rgb[1, 1].tolist() == [3, 2, 1]
    assert set(tags_of_rgb(rgb).ravel()) == {3}
    flow = np.random.default_rng(0).standard_normal((*SIZE, 2)).astype(np.float32)
    np.testing.assert_array_equal(flow_of_bytes(flow.tobytes(), SIZE), flow)
    for wrong in (b"", bytes(127)):
        with pytest.raises(InputError, match="check the camera's size"):
            bgra_of_bytes(wrong, SIZE)
        with pytest.raises(InputError, match="check the camera's size"):
            flow_of_bytes(wrong, SIZE)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 8), np.float32),
        np.zeros((4, 8, 2)),
        np.full((4, 8, 2), np.nan, np.float32),
        np.array([{"a": 1}], object),
    ],
)
def test_bad_flow_files(tmp_path: Path, array: Any) -> None:
    np.save(tmp_path / "a.npy", array)  # the last holds objects and must not be opened
    with pytest.raises(InputError, match=r"a\.npy: "):
        read_flow_file(tmp_path / "a.npy")
    np.savez(tmp_path / "b.npz", array[:1] if array.dtype != object else np.zeros(1))
    with pytest.raises(InputError, match=r"b\.npz: is not one"):
        read_flow_file(tmp_path / "b.npz")


def test_a_recording_is_not_written_over(tmp_path: Path) -> None:
    _record(tmp_path / "drive")
    with pytest.raises(InputError, match="is not empty; give a new folder"):
        _record(tmp_path / "drive")
    with pytest.raises(InputError, match="height and width must be known"):
        RecordingWriter(tmp_path / "other", Recording("0.9.15"))


@pytest.mark.parametrize(
    "wrong",
    [{"frames": 0}, {"step_s": 0.5}, {"width": 0}, {"height": 10**9}, {"fov_deg": 180.0}],
)
def test_drive_settings(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"CARLA drive: {next(iter(wrong))} is"):
        replace(DriveSettings(), **wrong)


@pytest.mark.skipif(CLIENT, reason="the carla client is installed")
def test_without_the_client_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(MissingDependency, match="pip install carla") as caught:
        record_drive(tmp_path / "drive")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "drive").exists()


@pytest.mark.skipif(not CLIENT, reason="the carla client is not installed")
def test_without_a_server_one_clear_line(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(EngineError, match=f"no CARLA server answers at 127.0.0.1:{port}") as caught:
        record_drive(tmp_path / "drive", port=port, timeout_s=1.0)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "drive").exists()
