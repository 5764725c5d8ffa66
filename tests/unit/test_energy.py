"""Energy: sums done by hand, unknown prices, baselines, cost table files, and the run file."""

from __future__ import annotations

import runpy
from decimal import Decimal
from pathlib import Path

import h5py
import numpy as np
import pytest

from depth_snn.errors import ConfigError, InputError
from depth_snn.toml_io import loads_toml
from sims.cost_table import CostTable, load_table, parse_table, shipped_tables
from sims.counts import COUNT_FIELDS, total_per_frame
from sims.energy import compare_with_baselines, estimate_energy
from sims.energy_total import EnergyTotal, format_pj
from sims.record import ARRAY_FIELDS, scalar_fields
from sims.record_file import load_record, save_record

FACTORY = runpy.run_path(str(Path(__file__).with_name("record_factory.py")))
make_record, two_node_record, node = (
    FACTORY["make_record"],
    FACTORY["two_node_record"],
    FACTORY["node"],
)
PRICES = {
    "synaptic_operation": ("operations", 2.5),
    "neuron_update_active": ("operations", 10),
    "neuron_update_idle": ("operations", 4),
    "spike_delivery": ("operations", 1),
    "graded_message_delivery": ("operations", 3),
    "mac_host": ("operations", 7),
    "mac_embedded": ("operations", 5),
    "synaptic_memory_access": ("memory", 1),
    "neuron_state_access": ("memory", 2),
    "static_power": ("static", 0.001),
}


def known_table(**changed: object) -> CostTable:
    rows = []
    for event, (tier, value) in PRICES.items():
        row = {"event": event, "tier": tier, "unit": "W" if tier == "static" else "pJ"}
        new = changed.get(event, value)
        if new == "unknown":
            row |= {"value": "unknown", "reason": "not published"}
        else:
            row |= {"value": new, "source": "made up for a test", "year": 2020, "grade": "D"}
        rows.append(row)
    return parse_table({"format": 1, "name": "test", "title": "test", "row": rows}, "test.toml")


def test_operations_by_hand() -> None:
    energy = estimate_energy(two_node_record(), known_table())
    # frame 0: synops 108 x 2.5 + active 6 x 10 + idle 0 + spikes 2 x 1 + messages 4 x 3
    # frame 1: 12 x 2.5 + 3 x 10 + 3 x 4 + 0 + 1 x 3
    # frame 2: 24 x 2.5 + 5 x 10 + 1 x 4 + 1 x 1 + 2 x 3
    expected = [270 + 60 + 0 + 2 + 12, 30 + 30 + 12 + 0 + 3, 60 + 50 + 4 + 1 + 6]
    total = energy.tiers["operations"]
    assert total.lower_pj.tolist() == expected
    assert total.unknown == () and total.bound == "="
    assert total.text(slice(1, None)) == "= 98 pJ"


def test_memory_and_static_by_hand() -> None:
    record = two_node_record()
    energy = estimate_energy(record, known_table(), frame_time_us=50.0)
    memory = energy.tiers["memory"]
    # plus 1 pJ per synaptic operation and 2 pJ per neuron update; hops are never known
    assert memory.lower_pj.tolist() == [344 + 108 + 12, 75 + 12 + 12, 121 + 24 + 12]
    assert memory.unknown == ("hops",)
    # 0.001 W over 50 us is 0.05 uJ, that is 50,000 pJ
    static = energy.tiers["static"]
    assert (static.lower_pj - memory.lower_pj).tolist() == [50_000.0] * 3
    assert static.unknown == ("hops",)


def test_static_power_needs_a_time_and_takes_it_from_fps() -> None:
    table = known_table()
    assert "static power" in estimate_energy(two_node_record(), table).tiers["static"].unknown
    energy = estimate_energy(two_node_record(fps=20.0), table)
    assert energy.frame_time_us == 50_000.0
    difference = energy.tiers["static"].lower_pj - energy.tiers["memory"].lower_pj
    assert difference.tolist() == [50e6] * 3
    with pytest.raises(ConfigError, match="frame time"):
        estimate_energy(two_node_record(), table, frame_time_us=0.0)


@pytest.mark.parametrize(
    ("event", "label", "left"),
    [
        ("synaptic_operation", "synaptic operations", [74, 45, 61]),
        ("neuron_update_idle", "idle neuron updates", [344, 63, 117]),
        ("graded_message_delivery", "graded messages", [332, 72, 115]),
    ],
)
def test_unknown_price_makes_a_lower_bound(event: str, label: str, left: list[int]) -> None:
    total = estimate_energy(two_node_record(), known_table(**{event: "unknown"})).tiers
    assert total["operations"].lower_pj.tolist() == left
    assert total["operations"].unknown == (label,)
    assert total["operations"].text().startswith("≥ ")
    assert total["operations"].text().endswith(f"(unknown: {label})")


def test_unknown_price_of_what_did_not_happen_is_not_unknown() -> None:
    total = estimate_energy(two_node_record(), known_table(mac_host="unknown"))
    assert total.tiers["operations"].unknown == ()


@pytest.mark.parametrize(("runs_on", "price"), [("host", 7), ("embedded", 5)])
def test_macs_off_core(runs_on: str, price: int) -> None:
    counts = {"x": node("x", 3, runs_on=runs_on, macs_off_core=[10, 20, 30])}
    record = two_node_record(counts=counts)
    known = estimate_energy(record, known_table()).tiers["operations"]
    assert known.lower_pj.tolist() == [10 * price, 20 * price, 30 * price]
    shipped = estimate_energy(record).tiers["operations"]
    assert not shipped.observed and shipped.text().startswith("unknown (unknown: MACs on the")


def test_neuron_events_off_core_are_not_priced_as_neurocore() -> None:
    counts = {"x": node("x", 3, runs_on="host", synaptic_operations=5)}
    total = estimate_energy(two_node_record(counts=counts), known_table()).tiers["operations"]
    assert total.lower_pj.tolist() == [0, 0, 0]
    assert total.unknown == ("neuron events outside a neurocore",)


def test_no_counts_is_unknown_and_never_zero() -> None:
    total = estimate_energy(two_node_record(counts={})).tiers["operations"]
    assert not total.observed and "no counts" in total.text()


def test_loihi1_prices() -> None:
    energy = estimate_energy(two_node_record(), load_table("loihi1"))
    total = energy.tiers["operations"]
    first = Decimal("23.6") * 108 + 81 * 6 + Decimal("1.7") * (4 + 2)
    assert total.lower_pj[0] == float(first)
    assert "synaptic operations above their minimum price" in total.unknown
    assert {"hops", "synaptic memory", "neuron state memory"} <= set(energy.tiers["memory"].unknown)
    assert "static power" in energy.tiers["static"].unknown


def test_contributions_add_up_to_the_tier() -> None:
    energy = estimate_energy(make_record())
    by_event = sum(np.array(t.lower_aj, dtype=object) for t in energy.by_event().values())
    assert tuple(by_event) == energy.tiers["static"].lower_aj


def test_baselines_and_where_spiking_loses() -> None:
    record = two_node_record()
    energy = estimate_energy(record, known_table())
    base = {b.name: b.tiers for b in energy.baselines}
    assert base["dense fp32"]["operations"].lower_pj.tolist() == [4600.0] * 3
    assert base["dense int8"]["operations"].lower_pj.tolist() == [230.0] * 3
    assert base["pruned int8"]["operations"].lower_pj.tolist() == [230.0, 23.0, 69.0]
    assert base["dense int8"]["memory"].unknown == ("memory traffic",)
    found = {c.baseline: c for c in compare_with_baselines(energy, record.steady)}
    assert found["dense int8"].outcome == "wins"
    assert found["dense int8"].ratio == pytest.approx(98 / 230)
    assert found["pruned int8"].outcome == "loses"
    assert found["pruned int8"].ratio == pytest.approx(98 / 46)


def test_a_lower_bound_below_a_baseline_decides_nothing() -> None:
    record = two_node_record()
    energy = estimate_energy(record, known_table(spike_delivery="unknown"))
    found = {c.baseline: c.outcome for c in compare_with_baselines(energy, record.steady)}
    assert found["dense int8"] == "undecided" and found["pruned int8"] == "loses"


@pytest.mark.parametrize(
    ("value", "text"),
    [(12.3e6, "12.3 µJ"), (999.6, "1.00 nJ"), (5.0, "5 pJ"), (0.0, "0 pJ"), (2.5e9, "2.50 mJ")],
)
def test_format_pj(value: float, text: str) -> None:
    assert format_pj(value) == text


def test_large_sums_are_exact() -> None:
    assert EnergyTotal((2**80,), ()).lower_pj[0] == 2**80 / 10**6


ROW = """[[row]]
event = "e"
tier = "operations"
value = 1
unit = "pJ"
source = "s"
year = 2018
grade = "B"
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("value = 1", "value = 0", "row 1 .'e'.: field 'value' is 0"),
        ("value = 1", 'value = "cheap"', "field 'value' is 'cheap'"),
        ("value = 1", 'value = "unknown"', "field 'reason' is missing"),
        ("value = 1", "value = nan", "field 'value' is nan"),
        ("value = 1", "value = true", "field 'value' is True"),
        ('grade = "B"', 'grade = "E"', "field 'grade' is 'E', expected A or B or C or D"),
        ("year = 2018\n", "", "field 'year' is missing"),
        ("year = 2018", "yaer = 2018", "field 'year' is missing"),
        ('unit = "pJ"', 'unit = "nJ"', "field 'unit' is 'nJ', expected pJ"),
        ('source = "s"', 'source = ""', "field 'source' must be a text"),
        ('tier = "operations"', 'tier = "extra"', "field 'tier' is 'extra'"),
        ("[[row]]", "color = 1\n[[row]]", "unknown key 'color'"),
    ],
)
def test_cost_table_errors_name_file_row_and_field(old: str, new: str, message: str) -> None:
    text = 'format = 1\nname = "t"\ntitle = "t"\n' + ROW
    assert parse_table(loads_toml(text), "t.toml").prices["e"].value_aj == 10**6
    with pytest.raises(ConfigError, match=message) as caught:
        parse_table(loads_toml(text.replace(old, new)), "t.toml")
    assert str(caught.value).startswith("t.toml: ") and "\n" not in str(caught.value)


def test_duplicate_row_and_missing_table() -> None:
    text = 'format = 1\nname = "t"\ntitle = "t"\n' + ROW + ROW
    with pytest.raises(ConfigError, match="row 2: event 'e' appears twice"):
        parse_table(loads_toml(text), "t.toml")
    with pytest.raises(ConfigError, match="no cost table 'loihi9'; shipped are"):
        load_table("loihi9")


@pytest.mark.parametrize("name", shipped_tables())
def test_shipped_tables_have_a_source_or_a_reason_in_every_row(name: str) -> None:
    for price in load_table(name).prices.values():
        assert price.source if price.value is not None else price.note


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


def test_record_arrays_are_read_only_copies() -> None:
    base = np.array([1000, 100, 200])
    record = two_node_record(base_macs=base)
    base[0] = 5
    assert record.base_macs[0] == 1000
    with pytest.raises(ValueError, match="read-only"):
        record.base_macs[0] = 1


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
    assert "format" in _one_line_error(path)
    with h5py.File(path, "a") as file:
        file.attrs["kind"] = "something"
    assert "not a run" in _one_line_error(path)


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
    assert path.stat().st_size < 1 << 20
    assert "bytes, at most" in _one_line_error(path)
