"""Energy: sums done by hand, unknown prices, baselines."""

from __future__ import annotations

import runpy
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from depth_snn.errors import ConfigError
from sims.baselines import price_macs
from sims.comparison import compare_with_baselines
from sims.cost_table import CostTable, load_table, parse_table
from sims.energy import estimate_energy
from sims.energy_total import EnergyTotal, format_pj
from sims.report.sections import event_rows, layer_rows
from sims.verdict import build_verdict

FACTORY = runpy.run_path(str(Path(__file__).with_name("record_factory.py")))
make_record, two_node_record, node = (
    FACTORY["make_record"],
    FACTORY["two_node_record"],
    FACTORY["node"],
)
PRICES = {
    "synaptic_operation": ("operations", 2.5),
    "product_operation": ("operations", None),
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
        if new is None:
            continue
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


def test_products_of_linear_attention_are_not_synaptic_operations() -> None:
    counts = {
        "mix": node("mix", 3, kind="LinearAttention", neurons=0, synaptic_operations=[50, 5, 7],
                    messages=[4, 1, 2]),
        "dense": node("dense", 3, synaptic_operations=[10, 20, 30]),
    }  # fmt: skip
    record = two_node_record(counts=counts)
    shipped = estimate_energy(record, load_table("loihi1"))
    # Only the weights of the Dense node and the messages have a price on Loihi 1.
    expected = [10 * 23.6 + 4 * 1.7, 20 * 23.6 + 1.7, 30 * 23.6 + 2 * 1.7]
    assert shipped.tiers["operations"].lower_pj.tolist() == pytest.approx(expected)
    assert "products of two states" in shipped.tiers["operations"].unknown
    parts = {(c.event, c.node): c.count for c in shipped.contributions}
    assert parts["product_operation", "mix"] == (50, 5, 7)
    assert parts["neuron_state_access", "mix"] == (50, 5, 7)
    assert parts["graded_message_delivery", "mix"] == (4, 1, 2)
    assert not {("synaptic_operation", "mix"), ("synaptic_memory_access", "mix")} & set(parts)
    priced = estimate_energy(record, known_table(product_operation=2)).tiers["operations"]
    assert priced.lower_pj.tolist() == [25 + 12 + 100, 50 + 3 + 10, 75 + 6 + 14]
    assert priced.unknown == ()
    without_a_row = estimate_energy(record, known_table()).tiers["operations"]
    assert without_a_row.unknown == ("products of two states",)


def test_decisions_on_the_host_are_counted_and_have_no_price() -> None:
    name = "host.decide"
    decide = node(name, 3, kind="Host", runs_on="host", neurons=0, macs_off_core=[900, 300, 500])
    record = two_node_record(counts={**two_node_record().counts, name: decide})
    energy = estimate_energy(record)
    assert "MACs on the host" in energy.tiers["operations"].unknown
    plain = estimate_energy(two_node_record()).tiers["operations"]
    assert energy.tiers["operations"].lower_aj == plain.lower_aj
    row = next(r for r in event_rows(record, energy) if r[0] == "MACs on the host")
    assert row == ("MACs on the host", "400", "unknown (unknown: MACs on the host)", name)
    layers = {row[0]: row for row in layer_rows(record)}
    assert layers[name][1:] == ("host", "0", "0", "0", "0", "0", "400", "not counted", "")
    layer = build_verdict(record, energy)["layers"][name]
    assert (layer["macs_off_core"], layer["neurons"]) == (400.0, 0) and "firing_rate" not in layer


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


def test_macs_by_themselves_are_priced_as_a_baseline_is() -> None:
    record, table = two_node_record(), load_table("horowitz45")
    energy = estimate_energy(record, baseline_table=table)
    alone = price_macs("pruned", "int8", record.total_macs, table)
    assert alone == {b.name: b for b in energy.baselines}["pruned int8"]
    more = price_macs("pruned", "int8", record.total_macs, table, uncounted=("other_operation",))
    assert more.tiers["operations"].lower_aj == alone.tiers["operations"].lower_aj
    assert alone.tiers["operations"].unknown == ()
    assert more.tiers["operations"].unknown == ("operations that are no MACs",)
    assert more.tiers["static"].text().startswith("≥ ")


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
