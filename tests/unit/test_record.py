"""The run record and its file: shapes, ranges, round trips, damage and hostile sizes."""

from __future__ import annotations

import runpy
from pathlib import Path

import h5py
import numpy as np
import pytest

from depth_snn.cli.chain.loop import Collected
from depth_snn.cli.chain.record import quality_of
from depth_snn.errors import ConfigError, InputError
from depth_snn.sealed import write_seal
from sims.counts import COUNT_FIELDS, total_per_frame
from sims.inputs_file import FORMAT, load_arrays, save_arrays
from sims.record import ARRAY_FIELDS, scalar_fields
from sims.record_file import FILE_KIND, load_record, save_record
from sims.report.sections import layer_rows

GOLDEN = Path(__file__).parents[1] / "golden"

FACTORY = runpy.run_path(str(Path(__file__).with_name("record_factory.py")))
make_record, two_node_record, node = (
    FACTORY["make_record"],
    FACTORY["two_node_record"],
    FACTORY["node"],
)


def test_totals_and_count_checks() -> None:
    record = two_node_record()
    assert total_per_frame(record.counts, "synaptic_operations", 3).tolist() == [108, 12, 24]
    with pytest.raises(ConfigError, match="below 0"):
        node("x", 3, spikes=-1)
    with pytest.raises(ConfigError, match="runs_on is 'moon'"):
        node("x", 3, runs_on="moon")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"motion_px": np.zeros((3, 5), np.float32)},
            "motion_px has shape .3, 5., expected .3, 4.",
        ),
        ({"drive": np.zeros((3, 1))}, "drive is float64, expected int64"),
        ({"token_state": np.full((3, 4), 4, np.uint8)}, "token_state 4 is above 3"),
        ({"prediction": np.full((3, 4, 4), 2, np.uint8)}, "class 2, there are 2 names"),
        ({"quality": {"miou_dense": 71.0}}, "expected a fraction"),
        ({"extra_macs": np.array([0, -1, 0])}, "extra_macs has a value below 0"),
        ({"policy": {"x": float("nan")}}, "policy cannot be written as JSON"),
        ({"dense_macs": 0}, "dense_macs must be an integer above 0"),
        ({"grid": (2, 3)}, "not a multiple of region"),
    ],
)
def test_record_refuses_what_does_not_fit(change: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        two_node_record(**change)


def test_record_takes_arrays_over_and_makes_them_read_only() -> None:
    base = np.array([1000, 100, 200])
    record = two_node_record(base_macs=base)
    assert record.base_macs is base
    for array in (base, record.base_macs):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 5
    again = two_node_record(base_macs=record.base_macs)
    assert again.base_macs is base


@pytest.mark.parametrize("kind", ["slice", "view", "type", "order"])
def test_record_copies_what_it_cannot_take_over(kind: str) -> None:
    """Whoever holds the memory behind a view can still write, and must not reach the record."""
    given = np.zeros((3, 4), np.float32)
    value = {
        "slice": np.zeros((4, 4), np.float32)[:3],
        "view": given[:],
        "type": given.astype(np.float64),
        "order": np.asfortranarray(given),
    }[kind]
    record = two_node_record(motion_px=value)
    value[0, 0] = 7
    assert record.motion_px.dtype == np.float32 and record.motion_px.flags.c_contiguous
    assert record.motion_px[0, 0] == 0 and not record.motion_px.flags.writeable


@pytest.mark.parametrize("labels", [True, False])
def test_record_file_round_trip(tmp_path: Path, labels: bool) -> None:
    record = make_record(5) if labels else make_record(5, truth=None, quality={}, fps=None)
    again = load_record(save_record(record, tmp_path / "run.h5"))
    for name in ARRAY_FIELDS:
        a, b = getattr(record, name), getattr(again, name)
        assert (a is None and b is None) or (a.dtype == b.dtype and np.array_equal(a, b)), name
    for name in scalar_fields():
        assert getattr(record, name) == getattr(again, name), name
    assert list(record.macs) == list(again.macs) and list(record.counts) == list(again.counts)
    for name, values in record.macs.items():
        assert np.array_equal(values, again.macs[name])
    for name, counted in record.counts.items():
        other = again.counts[name]
        assert (counted.kind, counted.runs_on, counted.neurons) == (
            other.kind, other.runs_on, other.neurons,
        )  # fmt: skip
        for field in COUNT_FIELDS:
            assert np.array_equal(getattr(counted, field), getattr(other, field))
    assert [path.name for path in tmp_path.iterdir()] == ["run.h5"]


def _one_line_error(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_record(path)
    message = str(caught.value)
    assert "\n" not in message and str(path) in message
    return message


def test_a_file_of_the_first_format_is_read_and_says_what_it_did_not_count(tmp_path: Path) -> None:
    old = load_record(GOLDEN / "run_v1.h5")
    new = two_node_record()
    for name, counted in old.counts.items():
        assert counted.message_bits is None and counted.state_bytes is None
        assert np.array_equal(counted.messages, new.counts[name].messages)
    with pytest.raises(ConfigError, match="message_bits were not counted in this run"):
        total_per_frame(old.counts, "message_bits", old.frames)
    again = load_record(save_record(old, tmp_path / "run.h5"))
    assert again.counts["lif"].message_bits is None
    rows = layer_rows(old)
    assert rows[0][2 + COUNT_FIELDS.index("message_bits")] == "not counted"


def test_bits_and_bytes_are_kept(tmp_path: Path) -> None:
    counts = {"a": node("a", 3, message_bits=[5, 0, 7], state_bytes=70, weight_bytes=12)}
    again = load_record(save_record(two_node_record(counts=counts), tmp_path / "run.h5"))
    found = again.counts["a"]
    assert found.message_bits is not None and found.message_bits.tolist() == [5, 0, 7]
    assert (found.state_bytes, found.weight_bytes) == (70, 12)


@pytest.mark.parametrize("keep", [0, 100, 3000, -200])
def test_truncated_file(tmp_path: Path, keep: int) -> None:
    path = save_record(make_record(3), tmp_path / "run.h5")
    path.write_bytes(path.read_bytes()[:keep])
    _one_line_error(path)


def test_damaged_bytes_never_escape_as_another_error(tmp_path: Path) -> None:
    path = save_record(two_node_record(), tmp_path / "run.h5")
    original = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(60):
        data = bytearray(original)
        for place in rng.integers(0, len(data), size=12):
            data[place] = rng.integers(0, 256)
        path.write_bytes(bytes(data))
        try:
            load_record(path)
        except InputError as error:
            assert "\n" not in str(error)


def _edit(path: Path, name: str, data: object) -> None:
    with h5py.File(path, "a") as file:
        del file[name]
        if data is not None:
            file[name] = data
    write_seal(path, FILE_KIND)


def test_a_damaged_byte_is_found_before_the_file_is_opened(tmp_path: Path) -> None:
    path = save_record(two_node_record(), tmp_path / "run.h5")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert "checksum" in _one_line_error(path)


def test_hostile_files(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    assert "no such file" in _one_line_error(path)
    save_record(two_node_record(), path)
    _edit(path, "drive", np.zeros((3, 7), np.int64))
    assert "'drive' is int64 (3, 7), expected int64 (3, 1)" in _one_line_error(path)
    _edit(path, "drive", None)
    assert "'drive' is missing" in _one_line_error(path)
    _edit(path, "rgb", h5py.ExternalLink("/elsewhere.h5", "/rgb"))
    assert "'rgb' is missing or not an array inside the file" in _one_line_error(path)
    save_record(two_node_record(), path)
    with h5py.File(path, "a") as file:
        file.attrs["format"] = 99
    write_seal(path, FILE_KIND)
    assert "format" in _one_line_error(path)
    with h5py.File(path, "a") as file:
        file.attrs["kind"] = "something"
    write_seal(path, FILE_KIND)
    assert "not a run" in _one_line_error(path)


@pytest.mark.parametrize("kind", ["soft", "external", "raw", "virtual", "group"])
def test_inputs_must_lie_inside_their_file(tmp_path: Path, kind: str) -> None:
    path, other = tmp_path / "inputs.h5", tmp_path / "other.h5"
    drive = np.arange(6).reshape(3, 2)
    for target in (path, other):
        save_arrays({"drive": drive, "fixed": np.ones((3, 1), np.int64)}, target)
    assert np.array_equal(load_arrays(path)["drive"], drive)
    (tmp_path / "raw").write_bytes(bytes(64))
    with h5py.File(path, "a") as file:
        del file["drive"]
        if kind == "soft":
            file["drive"] = h5py.SoftLink("/fixed")
        elif kind == "external":
            file["drive"] = h5py.ExternalLink(str(other), "/drive")
        elif kind == "raw":
            stored = [(str(tmp_path / "raw"), 0, 64)]
            file.create_dataset("drive", (4, 2), np.int64, external=stored)
        elif kind == "virtual":
            layout = h5py.VirtualLayout((3, 2), np.int64)
            layout[:] = h5py.VirtualSource(str(other), "drive", (3, 2))
            file.create_virtual_dataset("drive", layout)
        else:
            file.create_group("drive")
    write_seal(path, FORMAT)
    with pytest.raises(InputError) as caught:
        load_arrays(path)
    assert str(caught.value) == f"{path}: 'drive' is missing or not an array inside the file"


def test_declared_size_is_checked_before_reading(tmp_path: Path) -> None:
    path = save_record(two_node_record(), tmp_path / "run.h5")
    with h5py.File(path, "a") as file:
        frames = 60_000_000
        for name in [n for n in file if n not in ("meta_json", "palette")]:
            shape, dtype = file[name].shape, file[name].dtype
            del file[name]
            axis = len(shape) - 1 if name in ("macs", "counts") else 0
            grown = tuple(frames if i == axis else side for i, side in enumerate(shape))
            file.create_dataset(name, shape=grown, dtype=dtype, chunks=True)
    write_seal(path, FILE_KIND)
    assert path.stat().st_size < 1 << 20
    assert "bytes, at most" in _one_line_error(path)


def test_quality_tells_how_long_a_burst_takes_to_heal() -> None:
    """The stream misses an event for three frames; a burst cut off by the end says nothing."""
    truth = np.zeros((16, 4, 8), np.uint8)
    truth[2:, :, :4] = 6  # a pedestrian fills half of the picture from frame 2 on
    late = truth.copy()
    late[2:5] = 0
    out = Collected(
        truth=list(truth), dense_map=list(truth), pruned_map=list(late), integer_map=list(truth)
    )
    found = quality_of(out, [{"first_frame": 2}])
    assert found["burst_frames_pruned"] == 3 and found["burst_worst_loss_pruned"] > 0.7
    assert found["miou_dense_burst"] == 1 > found["miou_pruned_burst"]
    assert found["burst_worst_loss_integer"] == 0 and "burst_frames_integer" not in found
    assert not [key for key in quality_of(out, [{"first_frame": 9}]) if "burst" in key]
