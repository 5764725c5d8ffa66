"""Budgets: exact boundaries, errors instead of passes, and naming the limit, layer and frame."""

from __future__ import annotations

import json
import runpy
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from depth_snn.errors import BudgetError, ConfigError, InputError
from depth_snn.toml_io import loads_toml
from sims.budget import BudgetResult, LimitResult, distinct_text, evaluate
from sims.budget_file import Budget, load_budget, parse_budget, shipped_budgets
from sims.budget_table import budget_text, outcome_line
from sims.energy import estimate_energy
from sims.verdict import build_verdict, load_verdict, write_verdict

FACTORY = runpy.run_path(str(Path(__file__).with_name("record_factory.py")))
make_record, two_node_record, node = (
    FACTORY["make_record"],
    FACTORY["two_node_record"],
    FACTORY["node"],
)
LABELLED = {"quality": {"miou_dense": 0.71, "miou_integer": 0.68}}
# What the two-node record does after its first frame, worked out by hand.
# Energy of frame 2 at Loihi 1 prices: 24 x 23.6 + 5 x 81 + 1 x 52 + (1 + 2) x 1.7 = 1028.5 pJ.
# (section, key, limit just met, worst frame, layer)
EXACT: list[tuple[str, str, Any, int | None, str]] = [
    ("[network]", "energy_uj_per_frame_max", "0.0010285", 2, "network"),
    ("[network]", "synaptic_operations_per_frame_max", "24", 2, "network"),
    ("[network]", "macs_ratio_max", "0.2", 2, "network"),
    ('[layers."dense"]', "firing_rate_max", "0.375", 2, "dense"),
    ('[layers."dense"]', "firing_rate_min", "0.375", 1, "dense"),
    ('[layers."lif"]', "firing_rate_peak_max", "0.5", 2, "lif"),
    ('[layers."l*"]', "synaptic_operations_per_frame_max", "4", 2, "lif"),
    ("[recovery]", "extra_compute_percent_max", "15", 2, "network"),
    ("[recovery]", "extra_compute_percent_mean_max", "7.5", 2, "network"),
    ("[quality]", "miou_min", "0.68", None, "network"),
    ("[quality]", "miou_loss_max", "3", None, "network"),
]
NUDGE = Fraction(1, 10**9)


def budget(text: str) -> Budget:
    return parse_budget(loads_toml("format = 1\n" + text), "b.toml")


def only(result: BudgetResult) -> LimitResult:
    assert len(result.limits) == 1
    return result.limits[0]


@pytest.mark.parametrize(("section", "key", "value", "frame", "layer"), EXACT)
def test_exact_limit_passes_and_a_nudge_fails(
    section: str, key: str, value: str, frame: int | None, layer: str
) -> None:
    record = two_node_record(**LABELLED)
    met = evaluate(record, budget(f"{section}\n{key} = {value}\n"))
    assert met.passed and met.exit_code == 0
    assert only(met).headroom == 0 and only(met).observed_text == only(met).limit_text
    sign = 1 if key.endswith("_min") else -1
    tight = float(Fraction(value) + sign * NUDGE)
    failed = evaluate(record, budget(f"{section}\n{key} = {tight!r}\n"))
    seen = only(failed)
    assert not failed.passed and failed.exit_code == 2
    assert (seen.layer, seen.worst_frame, key in seen.name) == (layer, frame, True)
    assert seen.headroom < 0 and seen.headroom_text.startswith("−")
    assert seen.observed_text != seen.limit_text
    loose = float(Fraction(value) - sign * NUDGE)
    assert evaluate(record, budget(f"{section}\n{key} = {loose!r}\n")).passed


def test_first_frame_is_left_out_unless_asked_for() -> None:
    text = "[network]\nsynaptic_operations_per_frame_max = 24\n"
    assert evaluate(two_node_record(), budget(text)).passed
    strict = evaluate(two_node_record(), budget("include_first_frame = true\n" + text))
    assert not strict.passed and only(strict).worst_frame == 0 and only(strict).observed == 108


def test_extra_compute_of_the_first_frame_counts_too() -> None:
    record = two_node_record(extra_macs=np.array([200, 0, 0]))
    seen = only(evaluate(record, budget("[recovery]\nextra_compute_percent_max = 15\n")))
    assert not seen.passed and seen.worst_frame == 0 and seen.observed == 20


def test_energy_limit_on_a_lower_bound_says_so() -> None:
    record = two_node_record()
    under = only(evaluate(record, budget("[network]\nenergy_uj_per_frame_max = 1\n")))
    assert under.passed and "on the priced part only, unknown: synaptic" in under.note
    over = evaluate(record, budget('[network]\ntier = "memory"\nenergy_uj_per_frame_max = 0.001\n'))
    assert not over.passed and "hops" in only(over).note


@pytest.mark.parametrize(
    ("text", "change", "message"),
    [
        ("[quality]\nmiou_min = 0.1", {}, "quality.miou_min: miou_integer was not observed"),
        (
            "[quality]\nmiou_loss_max = 9",
            {"quality": {"miou_integer": 0.5}},
            "miou_dense was not observed",
        ),
        ('[layers."conv*"]\nfiring_rate_max = 9', {}, "no layer matches; the run has dense, lif"),
        ("[network]\nenergy_uj_per_frame_max = 9", {"counts": {}}, "no energy was observed"),
        ("[network]\nsynaptic_operations_per_frame_max = 9", {"counts": {}}, "no event counts"),
        (
            '[layers."x"]\nfiring_rate_max = 9',
            {"counts": {"x": node("x", 3, neurons=0)}},
            "no matching layer has neurons",
        ),
        (
            "[recovery]\nextra_compute_percent_max = 15",
            {"base_macs": np.array([1, 1, 0])},
            "frame 2 restored 30 MACs beside a pruned stream of 0",
        ),
    ],
)
def test_what_was_not_observed_is_an_error(text: str, change: dict[str, Any], message: str) -> None:
    with pytest.raises(BudgetError, match=message):
        evaluate(two_node_record(**change), budget(text))


def test_one_frame_has_no_steady_frames() -> None:
    with pytest.raises(BudgetError, match="only the first, dense frame"):
        evaluate(make_record(1), budget("[network]\nmacs_ratio_max = 9\n"))
    text = "include_first_frame = true\n[network]\nmacs_ratio_max = 9\n"
    assert evaluate(make_record(1), budget(text)).passed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[network]\nmac_ratio_max = 1", r"unknown key 'mac_ratio_max' in \[network\]; did you "
         "mean 'macs_ratio_max'"),
        ("[netwrok]\nmacs_ratio_max = 1", "unknown key 'netwrok'; did you mean 'network'"),
        ('[layers."a"]\nfiring_max = 1', "did you mean 'firing_rate_max'"),
        ("[recovery]\nextra_compute_percent = 1", "did you mean 'extra_compute_percent_max'"),
        ("", "no limit in the file"),
        ("[network]\nmacs_ratio_max = true", "network.macs_ratio_max is True, expected a number"),
        ("[network]\nmacs_ratio_max = -1", "at least 0"),
        ("[network]\nmacs_ratio_max = inf", "finite"),
        ("[network]\nmacs_ratio_max = nan", "finite"),
        ('[network]\nmacs_ratio_max = "1"', "expected a number"),
        ('[network]\ntier = "all"\nmacs_ratio_max = 1', "network.tier is 'all'"),
        ("network = 3", "network must be a table"),
        ("include_first_frame = 1\n[network]\nmacs_ratio_max = 1", "must be true or false"),
        ('[layers."a"]\nfiring_rate_min = 2\nfiring_rate_max = 1', "no run could pass"),
    ],
)  # fmt: skip
def test_malformed_budgets(text: str, message: str) -> None:
    with pytest.raises(BudgetError, match=message) as caught:
        budget(text)
    assert str(caught.value).startswith("b.toml: ") and "\n" not in str(caught.value)


def test_format_is_required_and_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(BudgetError, match="expected format = 1"):
        parse_budget({"network": {"macs_ratio_max": 1}}, "b.toml")
    with pytest.raises(ConfigError, match=r"missing\.toml"):
        load_budget(tmp_path / "missing.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("format = = 1")
    with pytest.raises(ConfigError, match=r"broken\.toml"):
        load_budget(broken)


@pytest.mark.parametrize("name", shipped_budgets())
def test_shipped_budgets_load(name: str) -> None:
    assert load_budget(name).limits


def test_a_kept_budget_passes_and_each_tightened_limit_fails() -> None:
    shipped = parse_budget(loads_toml(FACTORY["GENERIC_BUDGET"]), "generic.toml")
    record = make_record()
    energy = estimate_energy(record)
    base = evaluate(record, shipped, energy)
    assert base.passed
    for index, limit in enumerate(shipped.limits):
        worst = max((r for r in base.limits if r.name == limit.name), key=lambda r: r.observed)
        tight = Fraction(worst.observed) * Fraction(999, 1000)
        changed = replace(limit, value=tight)
        limits = (*shipped.limits[:index], changed, *shipped.limits[index + 1 :])
        result = evaluate(record, replace(shipped, limits=limits), energy)
        assert result.exit_code == 2
        named = {(f.name, f.layer, f.worst_frame) for f in result.failures}
        assert (limit.name, worst.layer, worst.worst_frame) in named
        assert {f.name for f in result.failures} == {limit.name}


def test_table_names_limit_layer_and_frame() -> None:
    text = '[layers."*"]\nfiring_rate_max = 0.3\nfiring_rate_peak_max = 0.6\n'
    result = evaluate(two_node_record(), budget(text))
    lines = budget_text(result).splitlines()
    failing = next(line for line in lines if line.startswith("FAIL  "))
    assert (
        'layers."*".firing_rate_max' in failing and " dense " in failing and failing.endswith(" 2")
    )
    assert any("lif" in line and line.startswith("PASS  ") for line in lines)
    assert lines[-1] == outcome_line(result)
    assert "0.375 events/neuron/frame, allowed <= 0.3 (dense, frame 2)" in lines[-1]


@pytest.mark.parametrize(
    ("value", "other", "text"),
    [
        (Fraction(15), Fraction(15), "15"),
        (Fraction(15) + Fraction(1, 10**7), Fraction(15), "15.0000001"),
        (Fraction(1, 3), Fraction(1), "0.333"),
        (Fraction(1234567, 10), Fraction(1), "123,457"),
        (Fraction(1, 10**9), Fraction(1), "0.000000001"),
        (Fraction(999999, 10**6), Fraction(1), "0.999999"),
        (Fraction(0), Fraction(1), "0"),
    ],
)
def test_numbers_never_look_equal_when_they_are_not(
    value: Fraction, other: Fraction, text: str
) -> None:
    assert distinct_text(value, other) == text


def test_verdict_file_round_trip(tmp_path: Path) -> None:
    record = make_record()
    energy = estimate_energy(record)
    result = evaluate(record, budget("[network]\nmacs_ratio_max = 0.01\n"), energy)
    verdict = build_verdict(record, energy, (result,))
    path = write_verdict(tmp_path / "verdict.json", verdict)
    assert load_verdict(path) == json.loads(json.dumps(verdict))
    assert (verdict["format"], verdict["passed"], verdict["exit_code"]) == (2, False, 2)
    assert verdict["limits"][0]["worst_frame"] == int(record.total_macs[1:].argmax()) + 1
    ratio = float(record.total_macs[1:].mean()) / record.dense_macs
    assert verdict["macs"]["ratio_mean"] == pytest.approx(ratio)
    assert verdict["extra_compute"]["worst_frame"] == int(record.extra_percent.argmax())
    assert verdict["energy"]["tiers"]["static"]["bound"] == ">="
    assert verdict["timing_ratios"]["dense_sdpa_over_pruned"] == pytest.approx(27.1 / 18.5)
    assert verdict["kinds"]["energy"] == "modelled"
    assert [p.name for p in tmp_path.iterdir()] == ["verdict.json"]


def test_verdict_without_a_budget() -> None:
    record = make_record(1)
    verdict = build_verdict(record, estimate_energy(record))
    assert verdict["passed"] is None and verdict["exit_code"] == 0 and verdict["limits"] == []


@pytest.mark.parametrize("limit", ["0.9", None])
def test_witnesses_that_disagree_void_the_verdict(limit: str | None, tmp_path: Path) -> None:
    record = make_record(3)
    energy = estimate_energy(record)
    judged = [evaluate(record, budget(f"[network]\nmacs_ratio_max = {x}\n"), energy)
              for x in (limit,) if x]  # fmt: skip
    sound = build_verdict(record, energy, judged)
    assert (sound["valid"], sound["broken_witnesses"]) == (True, [])
    assert sound["passed"] is (True if limit else None) and sound["exit_code"] == 0
    verdict = build_verdict(record, energy, judged, broken=("lava", "reference_vs_fast"))
    assert verdict["broken_witnesses"] == ["lava", "reference_vs_fast"]
    assert (verdict["valid"], verdict["passed"], verdict["exit_code"]) == (False, False, 1)
    assert load_verdict(write_verdict(tmp_path / "verdict.json", verdict)) == verdict


def test_another_input_gives_another_verdict() -> None:
    verdicts = [
        build_verdict(r, estimate_energy(r))
        for r in (two_node_record(), two_node_record(extra_macs=np.array([0, 10, 30])))
    ]
    assert verdicts[0]["extra_compute"] != verdicts[1]["extra_compute"]


@pytest.mark.parametrize("text", ["", "[]", '{"format": 2}', '{"format": 1}', "{", "[" * 100_000])
def test_damaged_verdicts(tmp_path: Path, text: str) -> None:
    path = tmp_path / "verdict.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"verdict\.json") as caught:
        load_verdict(path)
    assert "\n" not in str(caught.value)


def test_verdict_into_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        write_verdict(tmp_path / "none" / "verdict.json", {})
