"""Bands, included prices, sensitivities, the calibration, and the command, by hand."""

from __future__ import annotations

import json
import re
import runpy
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conversion.cases.small import dense_case
from conversion.graph_file import save_graph
from conversion.netx import pilotnet
from conversion.placement import Core, Part, Placement
from conversion.placement_file import save_placement
from depth_snn.errors import ConfigError, MissingDependency
from sims import fast
from sims.calibration import calibrate, load_calibration
from sims.comparison import compare_with_baselines
from sims.core_counts import count_cores
from sims.cost_table import TABLE_FOLDER, CostTable, load_table, parse_table
from sims.digits import digits
from sims.energy import estimate_energy
from sims.inputs_file import save_arrays
from sims.record_file import save_record
from sims.sensitivity import break_even, sensitivities
from tests.unit.command import depth_snn

ROOT = Path(__file__).resolve().parents[2]
FACTORY = runpy.run_path(str(Path(__file__).with_name("record_factory.py")))
two_node_record, make_record, node = (
    FACTORY["two_node_record"],
    FACTORY["make_record"],
    FACTORY["node"],
)
EVERY = slice(None)


def table(name: str = "test", **rows: Any) -> CostTable:
    """A table of operations; a row is a price, or its fields."""
    made = []
    for event, given in rows.items():
        row: dict[str, Any] = {"event": event, "tier": "operations", "unit": "pJ"}
        if event == "static_power":
            row |= {"tier": "static", "unit": "W"}
        fields = given if isinstance(given, dict) else {"value": given}
        if fields["value"] not in ("unknown", "included"):
            row |= {"source": "made up for a test", "year": 2020, "grade": "D"}
        made.append(row | fields)
    return parse_table({"format": 1, "name": name, "title": name, "row": made}, "t.toml")


def one_node(**counts: Any) -> Any:
    """A record of one Dense node over three frames."""
    return two_node_record(counts={"a": node("a", 3, **counts)})


def test_own_bands_add_up() -> None:
    prices = table(
        synaptic_operation={"value": 2, "low": 1, "high": 5},
        graded_message_delivery={"value": 10, "low": 0, "high": 20},
    )
    total = estimate_energy(one_node(synaptic_operations=4, messages=3), prices).tiers["operations"]
    assert total.mean_pj() == 38 and total.mean_band_pj() == (4, 80)
    assert total.text() == "= 38 pJ [4 pJ to 80 pJ]"


def test_of_a_shared_total_one_class_alone_can_have_everything() -> None:
    prices = table(
        synaptic_operation={"value": 2, "low": 5, "high": 5, "shared": "synapses"},
        neuron_update_active={"value": 3, "low": 7, "high": 8, "shared": "updates"},
        neuron_update_idle={"value": 1, "low": 0, "high": 7, "shared": "updates"},
    )
    events = {"synaptic_operations": 4, "updates_active": 2, "updates_idle": 1}
    total = estimate_energy(one_node(**events), prices).tiers["operations"]
    # synapses 4 x 5 = 20; updates 2 x 7 + 0 to 2 x 8 + 1 x 7
    assert total.mean_pj() == 15 and total.mean_band_pj() == (14, 23)
    # A network without updates could cost nothing, were all energy theirs.
    bare = estimate_energy(one_node(synaptic_operations=4), prices).tiers["operations"]
    assert bare.mean_band_pj() == (0, 20)


def test_a_price_within_another_adds_nothing_and_is_not_unknown() -> None:
    prices = table(
        synaptic_operation=2,
        synaptic_memory_access={"value": "included", "tier": "memory", "reason": "measured as one",
                                "within": "synaptic_operation"},
    )  # fmt: skip
    energy = estimate_energy(one_node(synaptic_operations=4), prices)
    assert energy.tiers["memory"].unknown == () and energy.tiers["memory"].mean_pj() == 8


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"value": 2, "low": 1}, "field 'high' is missing"),
        ({"value": 2, "low": 3, "high": 4}, "low 3, value 2, high 4 are not in this order"),
        ({"value": 5, "low": 1, "high": 4, "shared": "a"}, "low 1, value 5, high 4"),
        ({"value": 2, "low": -1, "high": 4}, "field 'low' is -1"),
        ({"value": "included", "reason": "r"}, "field 'within' is missing"),
        ({"value": "unknown", "reason": "r", "low": 1}, "field 'low' is not one this row can have"),
    ],
)
def test_a_wrong_band_is_named(row: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        table(synaptic_operation=row)


def test_overlapping_bands_decide_nothing() -> None:
    record = one_node(synaptic_operations=100)  # against 1000 dense MACs
    base = table("base", mac_int8=1, mac_fp32={"value": "unknown", "reason": "r"})

    def outcome(low: float, high: float) -> str:
        prices = table(synaptic_operation={"value": 10, "low": low, "high": high})
        found = compare_with_baselines(estimate_energy(record, prices, base), EVERY)
        return {c.baseline: c.outcome for c in found}["dense int8"]

    assert [outcome(1, 12), outcome(10, 10.5)] == ["undecided", "undecided"]
    assert outcome(10, 10) == "undecided"
    lower, higher = (
        estimate_energy(record, table(synaptic_operation={"value": v, "low": v, "high": v}), base)
        for v in (9, 11)
    )
    kinds = [compare_with_baselines(e, EVERY)[1].outcome for e in (lower, higher)]
    assert kinds == ["wins", "loses"]


def test_sensitivity_turns_the_verdict_where_it_says() -> None:
    record = one_node(synaptic_operations=100, updates_active=30, messages=5)
    base = table("base", mac_int8=2, mac_fp32=4)
    rows = {"synaptic_operation": 30, "neuron_update_active": 9, "graded_message_delivery": 1}
    energy = estimate_energy(record, table(**rows), base)
    dense = next(b for b in energy.baselines if b.name == "dense int8")  # 2000 against 3275
    found = sensitivities(energy, dense, EVERY, "operations")
    by_name = {s.constant: s for s in found}
    assert found[0] is by_name["base: int8 MACs"]  # 1.64 is nearer to 1 than 0.575 is
    assert found[0].factor == pytest.approx(3275 / 2000)
    turning = by_name["test: synaptic operations"].factor
    assert turning == pytest.approx(1725 / 3000)
    assert by_name["test: graded messages"].text == "cannot flip it"
    assert [s.flips for s in found] == [True, True, False, False]
    # A little beyond the factor the other side wins, a little before it does not.
    for nudge, outcome in ((0.999, "wins"), (1.001, "loses")):
        price = round(30 * turning * nudge, 6)
        changed = estimate_energy(record, table(**rows | {"synaptic_operation": price}), base)
        assert compare_with_baselines(changed, EVERY)[1].outcome == outcome


def test_break_even_activity_by_hand() -> None:
    record = one_node(synaptic_operations=100, updates_active=30)
    base = table("base", mac_int8=1, mac_fp32=4)
    energy = estimate_energy(record, table(synaptic_operation=30, neuron_update_active=10), base)
    dense = next(b for b in energy.baselines if b.name == "dense int8")
    even = break_even(energy, dense, EVERY, "operations", record.dense_macs)
    # 300 of updates stay; 700 are left for 3000 of synaptic operations, of 0.1 per dense MAC
    assert even.factor == pytest.approx(7 / 30) and even.share == pytest.approx(0.7 / 30)
    dear = estimate_energy(record, table(synaptic_operation=1, neuron_update_active=40), base)
    never = break_even(dear, dear.baselines[1], EVERY, "operations", record.dense_macs)
    assert never.factor is None and never.observed == 0.1


def test_an_unknown_price_says_where_the_verdict_would_turn() -> None:
    counts = {"m": node("m", 3, kind="LinearAttention", neurons=0, synaptic_operations=50)}
    record, base = two_node_record(counts=counts), table("base", mac_int8=1, mac_fp32=4)
    energy = estimate_energy(record, table(neuron_update_active=1), base)
    found = sensitivities(energy, energy.baselines[1], EVERY, "operations")
    assert found[0].constant == "test: products of two states" and found[0].price_pj == 20


def test_reads_of_the_equally_quantised_network_lie_between_two_dataflows() -> None:
    counts = {"a": node("a", 3, neurons=100, synaptic_operations=1, weight_bytes=300)}
    record = two_node_record(counts=counts)  # 1000 dense MACs
    base = table("base", mac_int8=1, mac_fp32=2, sram_read_32kb={"value": 20, "tier": "memory"})
    energy = estimate_energy(record, table(synaptic_operation=1), base)
    dense = next(b for b in energy.baselines if b.name == "dense int8")
    # 400 values in words of 8, or two reads for each MAC
    assert dense.tiers["memory"].mean_band_pj() == (1000 + 50 * 20, 1000 + 2000 * 20)
    assert estimate_energy(two_node_record()).baselines[1].tiers["memory"].unknown


def test_loihi2_is_what_the_stored_counts_give() -> None:
    script = runpy.run_path(str(ROOT / "benchmarks" / "calibrate_loihi2.py"), run_name="looked_at")
    stored = load_calibration()
    written = (TABLE_FOLDER / "loihi2.toml").read_text(encoding="utf-8")
    assert script["table_text"](stored) == written
    prices = calibrate(stored, load_table("loihi1"))
    counts = {"synaptic_operation": "synaptic_operations", "neuron_update_active": "updates_active",
              "neuron_update_idle": "updates_idle", "spike_delivery": "spikes"}  # fmt: skip
    total = sum(prices[e].value * stored.counts[c] for e, c in counts.items())
    assert abs(total / Decimal(10**9) - Decimal("1.094")) < Decimal("0.001")
    for event, count in counts.items():
        assert prices[event].high * stored.counts[count] <= Decimal("1.001") * stored.dynamic_pj
    try:
        pilotnet.folder()
    except MissingDependency:
        return  # the counts themselves need the network inside lava-dl
    assert script["count"]() == stored.counts


def test_the_calibrated_table_gives_the_measured_energy_back() -> None:
    stored = load_calibration().counts
    record = one_node(**{name: stored[name] for name in stored})
    total = estimate_energy(record, load_table("loihi2")).tiers["operations"]
    low, high = total.mean_band_pj()
    assert total.unknown == () and total.mean_pj() == pytest.approx(1.094e9, rel=1e-3)
    assert low == pytest.approx(1.094e9, rel=3e-3) and high == pytest.approx(1.094e9, rel=3e-3)


def placed(folder: Path) -> tuple[Any, Any, Any, Placement]:
    """A record of a small graph with graph, inputs and placement beside it."""
    graph, inputs = dense_case(frames=3)
    record = two_node_record(counts=dict(fast.simulate(graph, inputs, probes=()).counts))
    cores = (Core(0, 0, 0), Core(0, 2, 3))
    placement = Placement(cores, {"code": (Part(0, 0, 30),), "sum": (Part(1, 0, 24),)})
    save_record(record, folder / "run.h5")
    save_graph(graph, folder / "graph.h5")
    save_arrays(inputs, folder / "inputs.h5")
    save_placement(placement, folder / "p.json")
    return record, graph, inputs, placement


def test_hops_of_a_placed_network_have_a_price(tmp_path: Path) -> None:
    record, graph, inputs, placement = placed(tmp_path)
    cores = count_cores(graph, placement, inputs)
    messages = record.counts["code"].messages
    assert np.array_equal(cores.per_frame("hops_east_west"), 2 * messages)
    energy = estimate_energy(record, load_table("sanafe"), cores=cores)
    hops = [c for c in energy.contributions if c.event.startswith("hop")]
    priced = sum(sum(c.energy_aj or ()) for c in hops)
    assert priced == int(messages.sum()) * (2 * 3_000_000 + 3 * 4_200_000)
    assert "hops" not in energy.tiers["memory"].unknown
    other = two_node_record()
    with pytest.raises(ConfigError, match="counts by core are of another run"):
        estimate_energy(other, load_table("sanafe"), cores=cores)


def test_the_command_compares_tables(tmp_path: Path) -> None:
    placed(tmp_path)
    run = str(tmp_path / "run.h5")
    done = depth_snn("energy", run, "--placement", tmp_path / "p.json", "--json", tmp_path / "e")
    assert done.code == 0, done
    for words in ("dense int8", "against dense int8 (horowitz45)", "+ static", "--full"):
        assert words in done.out, words
    full = depth_snn("energy", run, "--placement", tmp_path / "p.json", "--full").out
    for words in ("hangs on", "activity", "sanafe against dense int8 (xavier)", "+ static"):
        assert words in full, words
    assert len(done.out) < len(full) / 2
    assert not re.search(r"\de[+-]\d|(?<![.\d])\d{5}", done.out + full), "few digits, written out"
    found = json.loads((tmp_path / "e").read_text())
    assert found["format"] == 1 and len(found["reports"]) == 6
    bands = {r["table"]: r["tiers"]["operations"] for r in found["reports"]}
    assert bands["loihi2"]["low_uj_per_frame"] < bands["loihi2"]["high_uj_per_frame"]
    assert found["reports"][0]["baselines"]["dense int8"]["sensitivity"]["operations"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--table", "loihi1,,"), "expected different names separated by commas"),
        (("--table", "horowitz45"), "horowitz45: this table has no prices of a spiking network"),
        (("--baseline", "xavier,loihi1"), "loihi1: this table has no prices of MACs"),
        (("--table", "loihi9"), "no cost table 'loihi9'; shipped are"),
        (("--placement", "none.json"), "none.json: cannot be read"),
        (("--frame-time", "0"), "expected a number above 0"),
    ],
)
def test_the_command_names_what_is_wrong(
    words: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    save_record(two_node_record(), tmp_path / "run.h5")
    done = depth_snn("energy", tmp_path / "run.h5", *words)
    assert done.code == 1 and message in done.err and len(done.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1.5, "1.5"), (9.996, "10"), (12345, "12,300"), (99950.0, "100,000"), (2, "2"),
     (0.001234, "0.00123"), (1e-5, "0.00001"), (999.6, "1,000"), (-0.12345, "-0.123")],
)  # fmt: skip
def test_numbers_have_few_digits_and_no_power_of_ten(value: float, text: str) -> None:
    assert digits(value) == text
