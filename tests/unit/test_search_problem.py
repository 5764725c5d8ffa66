"""Policies on sets of clips: against players without any memory, and in other processes."""

from __future__ import annotations

import json
import multiprocessing
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from threadpoolctl import threadpool_info

from depth_snn.cli.depth.protocol import families
from depth_snn.cli.depth.score import seed_scores
from depth_snn.config import PolicyConfig
from depth_snn.data.bursts import LAST_LAG
from depth_snn.data.frames import open_frames
from depth_snn.data.metrics import miou
from depth_snn.data.scene import SCENES
from depth_snn.errors import ConfigError, InputError
from depth_snn.models.weights import find_weights, network_config
from depth_snn.pruning.play import Method, Player
from depth_snn.search import bench
from depth_snn.search.clips import (
    HELD_OUT_SEEDS,
    SEARCH_FRAMES,
    SEARCH_SCENES,
    SEARCH_SEEDS,
    Clip,
    ClipSet,
    make_set,
    set_bytes,
)
from depth_snn.search.genome import Candidate, preset
from depth_snn.search.measure import MEASURES, cap_violation, known_of, measure_policy
from depth_snn.search.problem import PolicyProblem, heldout_problem
from depth_snn.search.threads import one_thread
from depth_snn.search.types import Problem
from tests.unit.small import ROOT, TINY, random_network, tiny_network

BASE = PolicyConfig.load(ROOT / "depth_snn" / "policies" / "default.toml")
GENOME = preset("policy", TINY, BASE)
SCENE_PAIR = ("standing-traffic", "driving-rain")
PROBLEM = PolicyProblem("tiny", GENOME, scenes=SCENE_PAIR, frames=5, seeds=(320, 321))


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """Players that the tests use themselves round as evaluations do."""
    with one_thread():
        yield


def some_points(count: int) -> list[tuple[float, ...]]:
    rng = np.random.default_rng(8)
    return [tuple(rng.random(GENOME.dimensions).tolist()) for _ in range(count)]


# ------------------------------------------------------------------ measures


def test_measures_are_those_of_the_protocol() -> None:
    """Fresh players, no motion known beforehand, scores by the depth protocol's own sums."""
    clip_set = make_set(0, SCENE_PAIR, 320, 16, TINY)
    assert clip_set.last_lag == LAST_LAG
    player, new = (Player(tiny_network(), keep=1) for _ in "ab")
    dense = [new.play(clip.frames, Method("dense", None)) for clip in clip_set.clips]
    known = [known_of(clip, player, BASE.motion) for clip in clip_set.clips]
    for point in some_points(2):
        policy = GENOME.decode(point).policy
        found = measure_policy(GENOME.decode(point), clip_set, player, known)
        played = [new.play(clip.frames, Method("", policy)) for clip in clip_set.clips]
        wanted = seed_scores(played, dense, [clip.events for clip in clip_set.clips])
        assert tuple(found) == MEASURES
        assert found["loss"] == wanted.loss and found["miou"] == wanted.miou
        assert found["burst_loss"] == wanted.burst_loss
        assert found["macs"] == wanted.work and found["extra_worst"] == wanted.worst_extra
    assert measure_policy(Candidate(policy), clip_set, new) == found
    assert len(player._cut) <= 1  # the last one's heads alone


def test_windows_after_events_end_with_short_clips() -> None:
    clip_set = make_set(0, SCENE_PAIR, 320, 8, TINY)
    assert [list(clip.events) for clip in clip_set.clips] == [[2], [2]]
    assert clip_set.last_lag == 5
    player = Player(tiny_network())
    quick = replace(BASE, tau_stale=30.0)
    found = measure_policy(Candidate(quick), clip_set, player)
    ours, theirs = (
        sum(player.play(clip.frames, Method("", p)).matrices[2:].sum(0) for clip in clip_set.clips)
        for p in (quick, None)
    )
    assert found["burst_loss"] == 100 * miou(theirs) - 100 * miou(ours)


def first_event(scene: str, frames: int) -> int:
    source = open_frames(f"scene:{scene}", height=32, width=64, limit=frames, seed=450)
    return min(event.first_frame for event in source.events)


def test_default_clips_all_hold_a_window() -> None:
    frames = list(range(SEARCH_FRAMES))
    for scene in SEARCH_SCENES:
        assert first_event(scene, SEARCH_FRAMES) == 5
    held = ClipSet(0, (Clip(frames, [5]), Clip(frames, [2, 9])))  # type: ignore[arg-type]
    assert held.last_lag == 9
    for scene in SCENES:  # the shortest clips that are let through
        assert 0 < first_event(scene, 4) < 3, scene


def test_policy_without_recovery_restores_nothing() -> None:
    clip_set = make_set(0, SCENE_PAIR, 320, 4, TINY)
    plain = replace(BASE, recovery=False)
    assert measure_policy(Candidate(plain), clip_set, Player(tiny_network()))["extra_worst"] == 0


def test_memory_of_a_set_is_as_stated() -> None:
    clip_set = make_set(0, SCENE_PAIR, 320, 5, TINY)
    known = [known_of(clip, Player(tiny_network()), "dis") for clip in clip_set.clips]
    frames = [frame for clip in clip_set.clips for frame in clip.frames]
    flows = sum(m.flow.nbytes for facts in known for m in facts.motions)
    pictures = sum(f.rgb.nbytes + f.label.nbytes for f in frames if f.label is not None)
    held = pictures + flows + sum(facts.dense.nbytes for facts in known)
    assert 0.8 * set_bytes(2, 5, TINY) < held <= set_bytes(2, 5, TINY)


def test_cap_holds_and_would_be_seen_if_it_did_not() -> None:
    lavish = replace(BASE, gate=replace(BASE.gate, vth=1, hold=8))
    found = measure_policy(Candidate(lavish), make_set(0, SCENE_PAIR, 5, 6, TINY),
                           Player(tiny_network()))  # fmt: skip
    assert 10 < found["extra_worst"] <= 15 and cap_violation(found, lavish) == 0
    assert cap_violation({"extra_worst": 18.0}, BASE) == pytest.approx(0.2)
    none = replace(BASE, gate=replace(BASE.gate, cap_percent=0))
    assert cap_violation({"extra_worst": 0.0}, none) == 0
    assert cap_violation({"extra_worst": 2.0}, none) == 2


# ------------------------------------------------------------------ problem


def test_same_answer_in_another_process_and_on_any_number_of_threads() -> None:
    problem: Problem = PROBLEM
    tasks = [(point, clips) for point in some_points(2) for clips in (0, 1)]
    here = [problem.evaluate(*task) for task in tasks]
    torch.set_num_threads(2)  # the fixture gives back what was there
    assert [problem.evaluate(*task) for task in reversed(tasks)] == here[::-1]
    assert torch.get_num_threads() == 2
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        assert list(pool.map(problem.evaluate, *zip(*tasks[1:3], strict=True))) == here[1:3]
    for found, violation in here:
        assert violation == 0 and set(problem.objectives) < set(found)
    assert here[0] != here[1]  # the sets differ


def test_one_thread_is_one_and_is_given_back() -> None:
    def counts() -> tuple[int, int, set[int]]:
        blas = {p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas"}
        return torch.get_num_threads(), cv2.getNumThreads(), blas

    before = counts()
    with pytest.raises(ZeroDivisionError), one_thread():
        assert counts() == (1, 1, {1})
        raise ZeroDivisionError
    assert counts() == before


def test_benches_of_two_problems_are_kept_and_share_the_network() -> None:
    problems = [replace(PROBLEM, seeds=(seed,), frames=4) for seed in (1, 2, 3)]
    for problem in problems:
        problem.evaluate(some_points(1)[0], 0)
    assert list(bench._benches) == [p._key() for p in problems[1:]]
    assert len({id(b.player) for b in bench._benches.values()}) == 1


def test_starts_are_the_base_and_its_scaled_thresholds() -> None:
    small = PolicyConfig.load(ROOT / "depth_snn" / "policies" / "small.toml")
    shape = network_config(find_weights("small"))
    problem = PolicyProblem("small", preset("full", shape, small))
    decoded = [problem.genome.decode(start) for start in problem.starts()]
    known = families(small, (0.4, 1.6, 2.5))["shipped policy"]
    for found, wanted in zip(decoded[:4], [small, *known], strict=True):
        assert found.policy.gate == wanted.gate and not any(found.thresholds.values())
        near = (found.policy.tau_stale, found.policy.tau_ego)
        assert near == pytest.approx((wanted.tau_stale, wanted.tau_ego), rel=1e-5)
    assert decoded[0].policy == decoded[4].policy == small and len(decoded) == 5
    tuned = decoded[4].thresholds
    assert (tuned["stem1"], tuned["block1.mid"], tuned["block6.h"]) == (8, 32, 8)


def test_facts_come_back_from_json() -> None:
    facts = PROBLEM.facts()
    assert json.loads(json.dumps(facts)) == facts
    assert PolicyProblem.from_dict(facts) == PROBLEM
    assert set(facts["files"]) == {"weights"} and len(facts["files"]["weights"]) == 64
    assert replace(PROBLEM, frames=6).facts() != facts
    wrong: dict[str, tuple[object, str]] = {
        "format": (2, "format 2"), "frames": ("6", "frames is '6'"), "scenes": ([["a"]], "scenes"),
        "colour": (1, "colour"), "genome": (None, "genome is None"), "extra": ({}, "further"),
        "files": ({"weights": 1}, "files"), "scales": ([5.0], "scales"),
    }  # fmt: skip
    for key, (value, word) in wrong.items():
        with pytest.raises(ConfigError, match=word):
            PolicyProblem.from_dict(facts | {key: value})


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"scenes": ("street", "moon")}, "scene 'moon': unknown"),
        ({"scenes": ()}, "at least one"),
        ({"scenes": ("street", "street")}, "each once"),
        ({"frames": 3}, "frames 3: expected 4"),
        ({"seeds": ()}, "at least one"),
        ({"seeds": (1, 1)}, "each once"),
        ({"seeds": (-1,)}, "whole numbers from 0"),
        ({"frames": 10_000, "seeds": tuple(range(99))}, "GiB in every process"),
        ({"objectives": ("loss", "beauty")}, "objective 'beauty'"),
        ({"objectives": ("miou", "macs")}, "use 'loss'"),
        ({"objectives": ("loss", "loss")}, "each once"),
        ({"scales": (5.0,)}, "a positive number for each"),
        ({"scales": (5.0, 0.0)}, "a positive number for each"),
        ({"network": "small"}, "network small has"),
    ],
)
def test_bad_problem_is_refused_before_anything_runs(changes: dict[str, Any], word: str) -> None:
    with pytest.raises(ConfigError, match=word) as caught:
        replace(PROBLEM, **changes)
    assert "\n" not in str(caught.value)


def test_missing_files_and_sets() -> None:
    with pytest.raises(InputError, match="no such shipped weights"):
        replace(PROBLEM, network="huge")
    lost = preset("policy", TINY, replace(BASE, judge="lost"))
    with pytest.raises(ConfigError, match="judge 'lost'"):
        replace(PROBLEM, genome=lost, files=())
    with pytest.raises(ConfigError, match="set of clips 2: there are 2"):
        PROBLEM.evaluate(some_points(1)[0], 2)


def test_weights_that_changed_since_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    shutil.copy(find_weights("tiny"), path)
    problem = replace(PROBLEM, network=str(path), files=(), frames=4)
    assert problem.files == PROBLEM.files
    other = random_network(TINY).state_dict()
    from depth_snn.models.weights import facts_of

    mixed = load_file(path) | {"embed.bias": other["embed.bias"].numpy() + 1}
    save_file(mixed, path, metadata=facts_of(path))
    with pytest.raises(ConfigError, match="weights file is not the one this search began with"):
        problem.evaluate(some_points(1)[0], 0)


def test_held_out_streets_are_others() -> None:
    held = heldout_problem(PROBLEM)
    assert held.seeds == HELD_OUT_SEEDS and not set(HELD_OUT_SEEDS) & set(SEARCH_SEEDS)
    assert replace(held, seeds=PROBLEM.seeds) == PROBLEM
    with pytest.raises(ConfigError, match="321 is one of the search's"):
        heldout_problem(PROBLEM, (321, 450))


@dataclass(frozen=True)
class Frames:
    """Further measures: how many frames there are, and a limit of two."""

    name: str = "frames"

    def measures(self, candidate: Candidate, clip_set: ClipSet) -> dict[str, float]:
        return {self.name: float(sum(len(clip.frames) for clip in clip_set.clips))}

    def violation(self, candidate: Candidate, measures: dict[str, float]) -> float:
        return measures[self.name] / 2 - 1

    def facts(self) -> dict[str, Any]:
        return {"name": self.name}


def test_further_measures_are_objectives_and_constraints() -> None:
    given = {"frames": 4, "objectives": ("loss", "frames"), "scales": (5.0, 8.0)}
    problem = replace(PROBLEM, **given, extra=Frames())
    found, violation = problem.evaluate(some_points(1)[0], 0)
    assert found["frames"] == 8 and violation == 3
    assert PolicyProblem.from_dict(problem.facts(), Frames()) == problem
    with pytest.raises(ConfigError, match="further measures"):
        PolicyProblem.from_dict(problem.facts())
    with pytest.raises(ConfigError, match="objective 'frames' was not measured"):
        replace(problem, extra=Frames("others")).evaluate(some_points(1)[0], 0)
