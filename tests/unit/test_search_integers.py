"""Integer measures of a search against what the commands print of the same policy and frames."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conversion.graph import Graph
from conversion.graph_file import load_graph
from conversion.passes.set_thresholds import UnknownEncoder
from conversion.quant_config import QuantConfig
from depth_snn.cli.chain.setup import prepare
from depth_snn.cli.depth.protocol import Clip, scene_clip
from depth_snn.cli.search.integers import MEASURES, IntegerMeasures, make_extra
from depth_snn.config import PolicyConfig
from depth_snn.errors import BudgetError, ConfigError
from depth_snn.models.weights import find_network
from depth_snn.toml_io import load_toml
from loihi.target import TARGET_FOLDER
from sims.counts import total_per_frame
from sims.record import RunRecord
from sims.record_file import load_record
from tests.unit.command import TINY, depth_snn, refused

SCENE, SEED, FRAMES = "driving-traffic", 320, 5
POLICY = """tau_stale = 4.0
token_rate = [0.1, 0.2]
head_rate = [0.5, 0.0]
[gate]
vth = 90
dv = 1024
hold = 2
"""
THRESHOLDS = {"stem": 3, "block1.h": 8, "stage2": 4}
PLACED = "loihi2"


@dataclass(frozen=True)
class Candidate:
    """Policy and thresholds."""

    policy: PolicyConfig
    thresholds: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Clips:
    """A set of clips."""

    clips: Sequence[Clip]


@dataclass(frozen=True)
class Found:
    """A run of the searched policy under its thresholds, and what a search measured of it."""

    folder: Path
    record: RunRecord
    candidate: Candidate
    measures: Mapping[str, float]


def clips_of(*seeds: int) -> Clips:
    config = find_network("tiny").config
    return Clips([scene_clip(SCENE, seed, FRAMES, config) for seed in seeds])


def extra_of(*objectives: str, **more: Any) -> IntegerMeasures:
    found = make_extra("tiny", objectives, frames=FRAMES - 1, **more)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Found]:
    folder = tmp_path_factory.mktemp("integers")
    policy, quiet = folder / "policy.toml", folder / "quiet.toml"
    policy.write_text(POLICY, encoding="utf-8")
    lines = ["[thresholds]", *(f'"{name}" = {value}' for name, value in THRESHOLDS.items())]
    quiet.write_text("\n".join(lines), encoding="utf-8")
    done = depth_snn(
        "run", f"scene:{SCENE}", "--seed", str(SEED), "--frames", str(FRAMES), *TINY,
        "--policy", policy, "--thresholds", quiet, "--keep-inputs", str(FRAMES),
        "--witness-frames", "0", "--out", folder / "run",
    )  # fmt: skip
    assert done.code == 0, done
    candidate = Candidate(PolicyConfig.load(policy), THRESHOLDS)
    extra = extra_of(*MEASURES, target=PLACED)
    clips = clips_of(SEED)
    # The same heads without thresholds come first, so that what is kept of them is used again.
    loud = extra.measures(Candidate(candidate.policy), clips)
    measures = extra.measures(candidate, clips)
    assert measures["synops"] < loud["synops"], "thresholds hold changes back"
    assert "loss" not in loud and measures["loss"] == measures["loss_int"]
    yield Found(folder, load_record(folder / "run" / "run.h5"), candidate, measures)


def test_synops_energy_and_loss_are_those_of_a_run(found: Found) -> None:
    record, run = found.record, found.folder / "run" / "run.h5"
    assert int(record.extra_macs.sum()) > 0, "gates restored something"
    assert 0 < record.token_state[1:].astype(bool).mean() < 1, "and some tokens were not computed"
    counted = total_per_frame(record.counts, "synaptic_operations", FRAMES)[1:]
    assert found.measures["synops"] == counted.mean()
    done = depth_snn("energy", run, "--table", "loihi1", "--json", found.folder / "e.json")
    assert done.code == 0, done
    (report, *_) = json.loads((found.folder / "e.json").read_text(encoding="utf-8"))["reports"]
    priced = report["tiers"]["operations"]["value_uj_per_frame"]
    assert found.measures["energy_uj"] == pytest.approx(priced, rel=1e-12)
    lost = 100 * (record.quality["miou_dense"] - record.quality["miou_integer"])
    assert found.measures["loss_int"] == pytest.approx(lost, abs=1e-9)


def test_cores_and_latency_are_those_of_a_study(found: Found) -> None:
    graph, study = found.folder / "run" / "graph.h5", found.folder / "study.json"
    done = depth_snn("place", graph, "--target", PLACED, "--json", found.folder / "place.json")
    assert done.code == 0, done
    rows = json.loads((found.folder / "place.json").read_text(encoding="utf-8"))["rows"]
    assert found.measures["cores"] == rows[0]["cores"] > 1
    words = ("study", found.folder / "run" / "run.h5", "--target", PLACED, "--json", study)
    assert depth_snn(*words).code == 0
    cases = json.loads(study.read_text(encoding="utf-8"))["cases"]
    (case,) = [
        c for c in cases
        if (c["variant"], c["mapping"], c["placed"]) == ("pruned with recovery", "spatial", True)
    ]  # fmt: skip
    assert found.measures["latency_ms"] == pytest.approx(case["latency_ms_min"], rel=1e-12)


def same(one: Graph, other: Graph) -> None:
    """Assert that two graphs are one, value by value."""
    assert one.edges == other.edges and one.dialect == other.dialect and one.meta == other.meta
    assert [n.name for n in one.nodes] == [n.name for n in other.nodes]
    for left, right in zip(one.nodes, other.nodes, strict=True):
        mine, theirs = left.attributes(), right.attributes()
        assert left.kind == right.kind and mine.keys() == theirs.keys(), left.name
        for key, value in mine.items():
            assert np.array_equal(np.asarray(value), np.asarray(theirs[key])), (left.name, key)


def test_settings_on_a_copy_are_a_conversion_with_them(found: Found) -> None:
    ours = extra_of("synops").graphs().setup(found.candidate).graph
    policy, quiet = found.folder / "policy.toml", found.folder / "quiet.toml"
    out = found.folder / "convert.h5"
    words = ("--policy", policy, "--thresholds", quiet, "--out", out)
    assert depth_snn("convert", *TINY, *words).code == 0
    same(ours, load_graph(out))
    same(ours, load_graph(found.folder / "run" / "graph.h5"))
    whole = prepare("tiny", found.candidate.policy, quant=QuantConfig(threshold=THRESHOLDS))
    same(ours, whole.graph)


def test_several_clips_are_pooled(found: Found) -> None:
    extra, one, two = extra_of("synops", "energy_uj"), clips_of(SEED), clips_of(SEED + 1)
    apart = [extra.measures(found.candidate, clips) for clips in (one, two)]
    both = extra.measures(found.candidate, Clips([*one.clips, *two.clips]))
    for name in ("synops", "energy_uj"):
        assert both[name] == pytest.approx(np.mean([m[name] for m in apart]), rel=1e-12)
        assert apart[0][name] == pytest.approx(found.measures[name], rel=1e-12), "no memory"


def test_a_run_keeps_the_budget_proposed_from_it(found: Found) -> None:
    run, kept = found.folder / "run" / "run.h5", found.folder / "kept.toml"
    assert depth_snn("check", run, "--propose", kept, "--margin", "0").code == 0
    extra = extra_of(budget=str(kept))
    measures = extra.measures(found.candidate, clips_of(SEED))
    assert extra.violation(found.candidate, measures) == 0 and "over_budget" in measures
    limits = load_toml(kept)["network"]
    most, energy = (
        limits["synaptic_operations_mean_max"],
        limits["energy"]["operations_uj_mean_max"],
    )
    tight = found.folder / "tight.toml"
    tight.write_text(
        f"format = 1\n[network]\nsynaptic_operations_mean_max = {most / 2}\nmacs_ratio_max = 99\n"
        f"[network.energy]\noperations_uj_mean_max = {energy / 4}\n[quality]\nmiou_min = 1\n",
        encoding="utf-8",
    )
    extra = extra_of(budget=str(tight))
    over = extra.violation(found.candidate, extra.measures(found.candidate, clips_of(SEED)))
    expected = 1 + 3 + (1 - found.record.quality["miou_integer"])
    assert over == pytest.approx(expected, rel=1e-4)


def test_a_chip_that_is_too_small_is_violated_as_check_says(found: Found) -> None:
    text = (TARGET_FOLDER / f"{PLACED}.toml").read_text(encoding="utf-8")
    small, out = found.folder / "small_chip.toml", found.folder / "check.json"
    small.write_text(text.replace("value = 8192", "value = 1"), encoding="utf-8")
    graph = found.folder / "run" / "graph.h5"
    assert depth_snn("check", graph, "--target", small, "--json", out).code == 2
    broken = json.loads(out.read_text(encoding="utf-8"))["violations"]
    extra = extra_of("cores", "latency_ms", target=str(small))
    measures = extra.measures(found.candidate, clips_of(SEED))
    expected = sum(fault["value"] / fault["most"] - 1 for fault in broken)
    assert extra.violation(found.candidate, measures) == pytest.approx(expected) and expected > 0
    assert measures["cores"] == broken[-1]["value"], "a bound where nothing can be placed"
    assert measures["latency_ms"] > 0
    fits = extra_of("cores", target=PLACED)
    assert fits.violation(found.candidate, found.measures) == 0


@pytest.mark.slow
def test_another_process_measures_the_same(found: Found) -> None:
    extra = extra_of("synops", "energy_uj", "loss_int", "cores", target=PLACED)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        there = pool.submit(extra.measures, found.candidate, clips_of(SEED)).result(timeout=120)
    assert there == {name: found.measures[name] for name in there} and len(there) == 6
    assert json.loads(json.dumps(extra.facts())) == extra.facts()


@pytest.mark.parametrize(
    ("limits", "parts"),
    [
        ('[frames.bursts.network]\nmacs_ratio_max = 1', ["bursts", "macs_ratio_max"]),
        ('[frames."3-9".network]\nmacs_ratio_max = 1', ["3-9", "first 5 frames"]),
        ('[frames."9-".network]\nmacs_ratio_max = 1', ["9-", "first 5 frames"]),
        ('[layers."block9.*"]\nfiring_rate_max = 1', ["block9", "no layer"]),
    ],
)  # fmt: skip
def test_limits_that_a_few_frames_cannot_tell_are_refused(
    limits: str, parts: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "b.toml"
    path.write_text(f"format = 1\n{limits}\n", encoding="utf-8")
    with pytest.raises(BudgetError) as caught:
        extra_of(budget=str(path))
    assert all(part in str(caught.value) for part in parts), caught.value


def test_limits_of_frames_that_run_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "b.toml"
    text = "format = 1\n" + "".join(
        f'[frames."{window}".network]\n{key} = 1\n'
        for window, key in (("2-4", "macs_ratio_max"), ("3-", "macs_ratio_peak_max"))
    )
    path.write_text(text, encoding="utf-8")
    assert extra_of(budget=str(path)).budget is not None


def test_what_is_not_asked_for_or_cannot_be_measured(found: Found) -> None:
    assert make_extra("tiny", ("loss", "macs")) is None
    assert make_extra("tiny", ("loss", "macs"), thresholds=True) is not None
    with pytest.raises(ConfigError, match="objective cores: needs a target"):
        make_extra("tiny", ("cores",))
    with pytest.raises(ConfigError, match="horowitz45: has no prices of a spiking network"):
        make_extra("tiny", ("energy_uj",), cost_table="horowitz45")
    with pytest.raises(ConfigError, match="integer frames 0"):
        make_extra("tiny", ("synops",), frames=0)
    extra, policy = extra_of("synops"), found.candidate.policy
    with pytest.raises(ConfigError, match="static is 'downsample'"):
        extra.measures(Candidate(replace(policy, static="downsample")), clips_of(SEED))
    with pytest.raises(UnknownEncoder, match="block9"):
        extra.measures(Candidate(policy, {"block9.h": 1}), clips_of(SEED))
    unlabelled = [replace(f, label=None) for f in clips_of(SEED).clips[0].frames]
    with pytest.raises(ConfigError, match="all labelled"):
        extra.measures(found.candidate, Clips([Clip(unlabelled, ())]))


def test_run_refuses_thresholds_it_cannot_use(tmp_path: Path) -> None:
    odd = tmp_path / "odd.toml"
    odd.write_text('[thresholds]\n"block9.h" = 4\n', encoding="utf-8")
    words = ("run", "scene:street", *TINY, "--frames", "2", "--out", tmp_path / "out")
    refused(depth_snn(*words, "--thresholds", odd), "odd.toml: threshold of 'block9.h'")
    refused(depth_snn(*words, "--thresholds", "-1"), "--thresholds", "whole number")
    assert not (tmp_path / "out").exists()
