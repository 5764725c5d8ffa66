"""Limits of the network, of layers, per tier and in windows of frames."""

from __future__ import annotations

import re
import runpy
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from conversion.graph_file import load_graph
from depth_snn.errors import BudgetError, ConfigError
from depth_snn.toml_io import loads_toml
from sims.budget import BudgetResult, LimitResult, evaluate
from sims.budget_file import Budget, parse_budget
from sims.limit import LIMITS
from sims.record_file import load_record

FACTORY = runpy.run_path(str(Path(__file__).with_name("record_factory.py")))
two_node_record, node = FACTORY["two_node_record"], FACTORY["node"]
# What the two-node record does after its first frame, worked out by hand: events 1 and 3 of 6
# neurons, synaptic operations 12 and 24; at Loihi 1 prices 683.9 and 1028.5 pJ, of the dense layer
# alone 10 x 23.6 + 2 x 81 + 2 x 52 + 1.7 = 503.7 and 20 x 23.6 + 3 x 81 + 52 + 2 x 1.7 = 770.4 pJ.
# On Loihi 2 it is so little that every step is the shortest there is, 200 ns.
# (section, key, limit just met, worst frame, layer)
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


def test_a_budget_names_the_prices_of_its_energy_limits() -> None:
    text = "[network.energy]\noperations_uj_mean_max = 1\n"
    record = two_node_record()
    found = {
        costs: only(evaluate(record, budget(f'[model]\ncosts = "{costs}"\n{text}')))
        for costs in ("loihi1", "loihi2")
    }
    assert found["loihi1"] == only(evaluate(record, budget(text)))
    assert found["loihi1"].observed != found["loihi2"].observed
    assert "modelled with loihi2" in found["loihi2"].note and "band" in found["loihi2"].note
    with pytest.raises(ConfigError, match="no cost table 'loihi9'"):
        evaluate(record, budget(f'[model]\ncosts = "loihi9"\n{text}'))
