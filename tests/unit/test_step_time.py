"""Modelled time and cores: steps by hand, a real run, a placement, and the tables behind them."""

from __future__ import annotations

import runpy
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conversion.graph_file import load_graph
from conversion.placement import PLACED_KINDS, Core, Part, Placement
from depth_snn.errors import BudgetError, ConfigError
from depth_snn.toml_io import load_toml, loads_toml
from sims.budget import evaluate
from sims.budget_file import Budget, parse_budget
from sims.core_spread import CoreSpread, fewest_cores
from sims.record import RunRecord
from sims.record_file import load_record
from sims.step_time import step_times, steps_per_frame
from sims.timing_table import TIMING_FOLDER, load_timing, parse_timing, shipped_timings

node = runpy.run_path(str(Path(__file__).with_name("record_factory.py")))["node"]
APART = ("decoder.classes.syn", "decoder.cells1", "decoder.cells2")
"""Connections that feed no neurons, so they are placed by themselves."""


def budget(text: str) -> Budget:
    return parse_budget(loads_toml("format = 1\n" + text), "b.toml")


def test_step_time_is_the_slowest_part_of_the_busiest_core() -> None:
    table = load_timing("loihi1")
    counts = {
        "syn": node("syn", 2, neurons=0, synaptic_operations=[1000, 10]),
        "n": node("n", 2, neurons=9, updates_active=[200, 1], updates_idle=[100, 1], spikes=[1, 0]),
        "host": node("host", 2, runs_on="host", macs_off_core=[5, 5], updates_active=10**6),
    }
    one = step_times(counts, 2, CoreSpread(1, False, ""), table)
    # 1000 x 3.5 = 3500 ns beside 200 x 8.4 + 100 x 5.3 = 2210; then the barrier of 113 ns.
    assert one.ns == (3500, 113)
    assert one.unknown == ("synaptic memory reads", "time between cores", "work of the host")
    assert step_times(counts, 2, CoreSpread(2, False, ""), table).ns == (1750, 113)
    # All synapses on core 0 and a fifth of the neurons: its neurons are not what takes longest.
    half = {"syn": {0: Fraction(1)}, "n": {0: Fraction(1, 5), 1: Fraction(4, 5)}}
    assert step_times(counts, 2, CoreSpread(2, True, "", half), table).ns == (3500, 113)
    apart = {"syn": {0: Fraction(1, 2), 1: Fraction(1, 2)}, "n": {1: Fraction(1)}}
    assert step_times(counts, 2, CoreSpread(2, True, "", apart), table).ns == (2210, 113)
    products = {"y": node("y", 1, kind="LinearAttention", synaptic_operations=10**6)}
    assert step_times(products, 1, CoreSpread(1, False, ""), table).ns == (113,)
    unknown = step_times(products, 1, CoreSpread(1, False, ""), table).unknown
    assert unknown == ("product operations",)


def test_the_fewest_cores_come_from_neurons_or_memory() -> None:
    table = load_timing("loihi2")
    counts = {"n": node("n", 1, neurons=8193), "host": node("h", 1, runs_on="host", neurons=10**9)}
    by_neurons = fewest_cores(counts, table)
    assert by_neurons is not None and by_neurons.cores == 2 and "by neurons" in by_neurons.note
    assert "memory, axons" in by_neurons.note, "nobody knows the bytes of this run"
    sized = {"n": node("n", 1, neurons=8192, state_bytes=196608, weight_bytes=196609)}
    by_memory = fewest_cores(sized, table)
    assert by_memory is not None and by_memory.cores == 3 and "by memory" in by_memory.note
    assert fewest_cores({}, table) is None


def test_latency_of_a_real_run_and_of_a_placement(finished: Path) -> None:
    record, graph = load_record(finished / "run.h5"), load_graph(finished / "graph.h5")
    text = "[network]\nlatency_ms_max = 1e9\nframes_per_s_min = 0\ncores_max = 1e9\n"
    even = {x.name.split(".")[1]: x for x in evaluate(record, budget(text), graph=graph).limits}
    steps = max(graph.lags.values()) + 1
    assert steps_per_frame(graph) == steps > 10
    cores = int(even["cores_max"].observed)
    busy = [sum(loads) / cores for loads in zip(*neurocore_ns(record).values(), strict=True)]
    slowest = max(busy[1:])
    assert even["latency_ms_max"].observed == pytest.approx(steps * slowest / 1e6, rel=1e-12)
    assert even["frames_per_s_min"].observed == pytest.approx(1e9 / slowest, rel=1e-12)
    assert even["latency_ms_max"].bound and even["cores_max"].bound
    # Every node's values on a core of its own: the busiest one rules, and nothing is a bound.
    held = [n for n in graph.nodes if n.kind in PLACED_KINDS or n.name in APART]
    parts = {n.name: (Part(i, 0, int(np.prod(n.output_shape("out")))),) for i, n in enumerate(held)}
    placement = Placement(tuple(Core(0, i, 0) for i in range(len(held))), parts)
    result = evaluate(record, budget(text), graph=graph, placement=placement)
    apart = {x.name.split(".")[1]: x for x in result.limits}
    assert apart["cores_max"].observed == len(held) and not apart["cores_max"].bound
    loads = {n.name: np.zeros(record.frames) for n in held}
    for name, ns in neurocore_ns(record).items():
        targets = [name] if name in loads else [e.target for e in graph.edges if e.source == name]
        loads[targets[0]] += ns
    slowest = max(load[1:].max() for load in loads.values())
    assert apart["latency_ms_max"].observed == pytest.approx(steps * slowest / 1e6, rel=1e-12)
    assert apart["latency_ms_max"].observed != even["latency_ms_max"].observed
    with pytest.raises(BudgetError, match="needs the graph of the run"):
        evaluate(record, budget("[network]\nlatency_ms_max = 1\n"))
    few = budget("[model]\ncores = 1\n[network]\nframes_per_s_min = 1\n")
    with pytest.raises(BudgetError, match=f"model.cores is 1, and the network takes {cores}"):
        evaluate(record, few)


def neurocore_ns(record: RunRecord) -> dict[str, list[float]]:
    """Synaptic operations per frame and node at Loihi 2's time, in this run the slowest part."""
    return {
        name: [0.7 * int(n) for n in counted.synaptic_operations]
        for name, counted in record.counts.items()
        if counted.runs_on == "neurocore" and counted.kind != "LinearAttention"
    }


def test_loihi2_times_are_those_of_loihi1_divided_by_the_stated_factors() -> None:
    one, two = load_timing("loihi1").values, load_timing("loihi2").values
    for row, factor in (
        ("synaptic_operation", 5), ("neuron_update_active", 2), ("neuron_update_idle", 2)
    ):  # fmt: skip
        slow, fast = one[row], two[row]
        assert slow is not None and fast is not None and slow == factor * fast


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"value": 0}, "expected a number above 0"),
        ({"value": float("nan")}, "expected a number above 0"),
        ({"value": "fast"}, "expected a number or"),
        ({"unit": "ms"}, "unit is 'ms', expected 'ns'"),
        ({"grade": "E"}, "grade is 'E'"),
        ({"event": "stp"}, "event is 'stp'"),
        ({"colour": "red"}, "field 'colour' is not one"),
    ],
)
def test_malformed_timing_tables(change: dict[str, Any], said: str) -> None:
    data = load_toml(TIMING_FOLDER / "loihi1.toml")
    assert parse_timing(data, "t.toml").name == "loihi1" and shipped_timings()
    data["row"][0] |= change
    with pytest.raises(ConfigError, match=said) as caught:
        parse_timing(data, "t.toml")
    assert str(caught.value).startswith("t.toml: row 1")
    with pytest.raises(ConfigError, match="no timing table 'loihi3'; shipped are loihi1, loihi2"):
        load_timing("loihi3")
