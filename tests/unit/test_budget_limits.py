"""Limits of the network, of layers, per tier and in windows; modelled time and cores."""

from __future__ import annotations

import re
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
from sims.budget import BudgetResult, LimitResult, evaluate
from sims.budget_file import Budget, parse_budget
from sims.core_spread import CoreSpread, fewest_cores
from sims.limit import LIMITS
from sims.record import RunRecord
from sims.record_file import load_record
from sims.step_time import step_times, steps_per_frame
from sims.timing_table import TIMING_FOLDER, load_timing, parse_timing, shipped_timings

FACTORY = runpy.run_path(str(Path(__file__).with_name("record_factory.py")))
two_node_record, node = FACTORY["two_node_record"], FACTORY["node"]
# What the two-node record does after its first frame, worked out by hand: events 1 and 3 of 6
# neurons, synaptic operations 12 and 24; at Loihi 1 prices 683.9 and 1028.5 pJ, of the dense layer
# alone 10 x 23.6 + 2 x 81 + 2 x 52 + 1.7 = 503.7 and 20 x 23.6 + 3 x 81 + 52 + 2 x 1.7 = 770.4 pJ.
# On Loihi 2 it is so little that every step is the shortest there is, 200 ns.
# (section, key, limit just met, worst frame, layer)
APART = ("decoder.classes.syn", "decoder.cells1", "decoder.cells2")
"""Connections that feed no neurons, so they are placed by themselves."""
EXACT: list[tuple[str, str, str, int | None, str]] = [
    ("[network]", "firing_rate_peak_max", "0.5", 2, "network"),
    ("[network]", "firing_rate_peak_min", "0.5", 2, "network"),
    ("[network]", "synaptic_operations_mean_max", "18", 2, "network"),
    ("[network]", "messages_per_frame_max", "3", 2, "network"),
    ("[network]", "messages_mean_max", "2", 2, "network"),
    ("[network]", "macs_ratio_peak_max", "0.3", 2, "network"),
    ("[network.energy]", "operations_uj_per_frame_max", "0.0010285", 2, "network"),
    ("[network.energy]", "operations_uj_mean_max", "0.0008562", 2, "network"),
    ("[network.energy]", "memory_uj_per_frame_max", "0.0010285", 2, "network"),
    ("[network.energy]", "static_uj_mean_max", "0.0008562", 2, "network"),
    ("[network]", "frames_per_s_min", "5000000", 1, "network"),
    ("[network]", "cores_max", "1", None, "network"),
    ('[layers."dense"]', "synaptic_operations_mean_max", "15", 2, "dense"),
    ('[layers."dense"]', "messages_per_frame_max", "2", 2, "dense"),
    ('[layers."dense"]', "messages_mean_max", "1.5", 2, "dense"),
    ('[layers."lif"]', "firing_rate_peak_min", "0.5", 2, "lif"),
    ('[layers."d*".energy]', "operations_uj_per_frame_max", "0.0007704", 2, "dense"),
    ('[layers."d*".energy]', "operations_uj_mean_max", "0.00063705", 2, "dense"),
    ('[layers."d*".energy]', "memory_uj_mean_max", "0.00063705", 2, "dense"),
]


def budget(text: str) -> Budget:
    return parse_budget(loads_toml("format = 1\n" + text), "b.toml")


def only(result: BudgetResult) -> LimitResult:
    assert len(result.limits) == 1
    return result.limits[0]


@pytest.mark.parametrize(("section", "key", "value", "frame", "layer"), EXACT)
def test_exact_limit_passes_and_a_nudge_fails(
    section: str, key: str, value: str, frame: int | None, layer: str
) -> None:
    record = two_node_record()
    met = evaluate(record, budget(f"{section}\n{key} = {value}\n"))
    assert met.passed and only(met).headroom == 0
    sign = 1 if key.endswith("_min") else -1
    tight = f"{float(Fraction(value) + sign * Fraction(1, 10**9)):.12f}"
    seen = only(evaluate(record, budget(f"{section}\n{key} = {tight}\n")))
    assert not seen.passed and seen.observed_text != seen.limit_text
    assert (seen.layer, seen.worst_frame) == (layer, frame)
    modelled = any(word in section + key for word in ("energy", "frames_per_s", "cores"))
    assert seen.kind == ("modelled" if modelled else "measured")
    assert seen.bound == modelled, "prices, hops and memory are not all known"


def test_mean_rate_of_the_network_is_over_all_neurons() -> None:
    for limit, passed in (("0.3334", True), ("0.3333", False)):
        text = f"[network]\nfiring_rate_max = {limit}\n"
        assert evaluate(two_node_record(), budget(text)).passed is passed
        text = f"[network]\nfiring_rate_min = {limit}\n"
        assert evaluate(two_node_record(), budget(text)).passed is not passed


def test_several_tiers_stand_in_one_file_beside_the_old_form() -> None:
    text = """[network]
tier = "memory"
energy_uj_per_frame_max = 0.001
[network.energy]
operations_uj_per_frame_max = 0.002
static_uj_per_frame_max = 0.0001
"""
    result = evaluate(two_node_record(), budget(text))
    assert [(x.name.rsplit(".")[-1], x.passed) for x in result.limits] == [
        ("energy_uj_per_frame_max", False),
        ("operations_uj_per_frame_max", True),
        ("static_uj_per_frame_max", False),
    ]
    assert [x.note.split(",")[0] for x in result.limits] == [
        "tier memory", "tier operations", "tier static"
    ]  # fmt: skip


def scores(limits: str, **change: Any) -> dict[str, tuple[float, int | None]]:
    """Observed value and worst frame by limit; ten frames with 0, 1, ..., 9 messages."""
    frames = 10
    counts = {"a": node("a", frames, neurons=1, messages=range(frames))}
    record = FACTORY["make_record"](frames, **{"counts": counts, "events": (), **change})
    return {x.name: (x.observed, x.worst_frame) for x in evaluate(record, budget(limits)).limits}


def test_a_window_takes_its_frames_from_the_same_limit_outside() -> None:
    outside = "[network]\nmessages_mean_max = 99\nmessages_per_frame_max = 99\n"
    found = scores(outside + '[frames."7-".network]\nmessages_mean_max = 99\n')
    assert found == {
        "network.messages_mean_max": (3.5, 6),
        "network.messages_per_frame_max": (9, 9),
        'frames."7-".network.messages_mean_max': (8, 9),
    }
    layered = '[layers."a"]\nfiring_rate_min = 0\n[frames."2-4".layers."a"]\nfiring_rate_min = 0\n'
    assert scores(layered)['layers."a".firing_rate_min'][0] == pytest.approx((1 + 35) / 6)
    assert scores(layered)['frames."2-4".layers."a".firing_rate_min'] == (3, 2)
    zero = '[frames."0-1".network]\nmessages_mean_max = 99\n'
    assert list(scores(zero).values()) == [(1, 1)], "the first frame stays out"
    assert list(scores("include_first_frame = true\n" + zero).values()) == [(0.5, 1)]


def test_bursts_are_the_frames_after_events() -> None:
    event = {"kind": "pedestrian", "first_frame": 8, "last_frame": 9, "box": [0, 0, 1, 1]}
    text = "[network]\nmessages_mean_max = 9\n[frames.bursts.network]\nmessages_mean_max = 9\n"
    found = scores(text, events=(event,))
    assert [value for value, _ in found.values()] == [4, 8.5]
    with pytest.raises(BudgetError, match="none of the run's 10 frames is judged by it; 0 burst"):
        scores(text)
    with pytest.raises(BudgetError, match="none of the run's 10 frames"):
        scores('[frames."50-60".network]\nmessages_mean_max = 9\n')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[frames."burst".network]\nmacs_ratio_max = 1', "'burst' names no frames; expected"),
        ('[frames."9-2".network]\nmacs_ratio_max = 1', "range 9-2 ends before it begins"),
        ('[frames."1-2".quality]\nmiou_min = 1', "unknown key 'quality'"),
        ('[frames."1-2".network]\ncores_max = 1', "unknown key 'cores_max'"),
        ("[network.energy]\nstatic_max = 1", "did you mean 'static_uj_"),
        ('[layers."a".energy]\nstatic_uj_mean_max = 1', "did you mean '"),
        ('[layers."a"]\ntier = "memory"', "unknown key 'tier'"),
        ("[network]\nenergy = 3", "energy must be a table"),
        ("[model]\ncore = 3\n[network]\ncores_max = 1", "did you mean 'cores'"),
        ("[model]\ncores = 0\n[network]\ncores_max = 1", "model.cores is 0"),
        ("[model]\ncores = 1.5\n[network]\ncores_max = 1", "model.cores is 1.5"),
        ("[model]\ntiming = 2\n[network]\ncores_max = 1", "model.timing is 2"),
        ("[network]\nfiring_rate_peak_min = 2\nfiring_rate_peak_max = 1", "no run could pass"),
    ],
)  # fmt: skip
def test_malformed_limits(text: str, said: str) -> None:
    with pytest.raises(BudgetError, match=re.escape(said)) as caught:
        budget(text)
    assert str(caught.value).startswith("b.toml: ") and "\n" not in str(caught.value)


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
    assert one.unknown == ("time between cores", "work of the host")
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


def test_the_budget_of_the_documentation_is_valid_and_complete(finished: Path) -> None:
    docs = Path(__file__).parents[2] / "docs" / "budgets.md"
    text = docs.read_text(encoding="utf-8")
    shown = parse_budget(loads_toml(text.split("```toml\n")[1].split("```")[0]), "docs/budgets.md")
    assert {(x.section, x.key) for x in shown.limits} == {
        (section, key) for section, keys in LIMITS.items() for key in keys
    }
    record = load_record(finished / "run.h5")
    result = evaluate(record, shown, graph=load_graph(finished / "graph.h5"))
    assert {limit.name for limit in result.limits} == {limit.name for limit in shown.limits}
    told = text.split("## Limits")[1].split("## Rules")[0]
    for section, keys in LIMITS.items():
        for key in keys:
            tiered = re.sub(r"^energy\.[a-z]+_", "energy.TIER_", key)
            rows = [line for line in told.splitlines() if f"`{tiered}`" in line]
            assert rows and any(section in row for row in rows), (section, key)
