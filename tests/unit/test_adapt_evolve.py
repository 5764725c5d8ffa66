"""Evolution beside a stream: never worse than the fallback, and the same every time in step."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pytest

from depth_snn.adapt.adapter import Adapter
from depth_snn.adapt.evolve import Accepted, Dropped, Evolver, Pace
from depth_snn.adapt.jobs import InStep, InThread, Job
from depth_snn.adapt.library import CHANGING, Domain, PolicySet
from depth_snn.adapt.rehearsal import Rehearsal, Score
from depth_snn.adapt.scene_search import scene_study
from depth_snn.adapt.statistics import NAMES
from depth_snn.adapt.study import Study, Trial
from depth_snn.config import PolicyConfig
from depth_snn.data.frames import open_frames
from depth_snn.errors import ConfigError
from depth_snn.search.threads import one_thread
from tests.unit.small import tiny_network

Image = npt.NDArray[np.uint8]
THOROUGH = PolicyConfig(motion="patch", tau_px=0.1, tau_stale=0.5, moved_share=0.0,
                        token_rate=(0.0,))  # fmt: skip
"""Computes nearly every token, so there is much to gain."""
SPARING = replace(THOROUGH, tau_px=0.6, tau_stale=5.0, moved_share=0.5)
PACE = Pace(window=4, rest=6, watch=8)
FAR = (1e3,) * len(NAMES)
TENTH = tuple(tuple(0.1 * (i == j) for j in range(len(NAMES))) for i in range(len(NAMES)))


@pytest.fixture(autouse=True)
def quick() -> Iterator[None]:
    """Threads of a tiny network wait for each other more than they compute."""
    with one_thread():
        yield


@cache
def frames(count: int = 40, scene: str = "standing-day") -> tuple[Image, ...]:
    clip = open_frames(f"scene:{scene}", height=32, width=64, limit=count, seed=1)
    return tuple(frame.rgb for frame in clip)


def known(policy: PolicyConfig = THOROUGH, at: tuple[float, ...] = FAR) -> PolicySet:
    domain = Domain("elsewhere", (at,), 1.0, policy)
    return PolicySet("tiny", THOROUGH, "base", TENTH, (domain,))


def study(evaluations: int = 10) -> Study:
    return scene_study(Rehearsal(tiny_network()), THOROUGH, evaluations, 0)


class Adversary(Study):
    """Whatever it is asked, it finds the policy that computes everything again and again."""

    def search(
        self, images: Sequence[Image], number: int, start: PolicyConfig, fallback: PolicyConfig
    ) -> Generator[None, None, PolicyConfig | None]:
        yield
        return replace(fallback, tau_px=0.0, tau_stale=0.0, moved_share=0.0)


def adapted(
    study: Study, policies: PolicySet, stream: Sequence[Image], **options: Any
) -> tuple[Adapter, Evolver]:
    evolver = Evolver(study, InStep(4), policies.distance, PACE)
    adapter = Adapter(policies, 32, 64, evolver=evolver, **options)
    for rgb in stream:
        adapter.step(rgb)
    adapter.close()
    return adapter, evolver


def test_the_score_is_the_proposals_scalar() -> None:
    assert Score(2.0, 0.3).value == pytest.approx(0.7 * 98 + 0.3 * 70)


def test_a_rehearsal_of_the_dense_network_agrees_with_itself() -> None:
    rehearsal = Rehearsal(tiny_network())
    window = rehearsal.label(frames()[:4])
    dense = rehearsal.player.dense_macs
    assert rehearsal.macs == 4 * dense
    whole = replace(THOROUGH, tau_px=0.0, tau_stale=0.0)
    score = rehearsal.play(window, whole)
    assert score.disagreement == pytest.approx(0) and score.work > 1
    # One dense frame, then three that are charged as they were run.
    assert rehearsal.macs == round(4 * dense + dense + 3 * score.work * dense)
    assert rehearsal.play(window, SPARING).disagreement > 0


def test_a_search_keeps_its_budget_and_changes_only_what_may_change() -> None:
    made = study(9)
    job = made.search(frames()[:4], 0, THOROUGH, THOROUGH)
    steps = 0
    while True:
        try:
            next(job)
        except StopIteration as end:
            best = end.value
            break
        steps += 1
    assert steps == 9 and best is not None
    frozen = {key: getattr(THOROUGH, key) for key in THOROUGH.to_dict() if key not in CHANGING}
    assert all(getattr(best, key) == value for key, value in frozen.items())
    rehearsal = made.rehearsal
    window = rehearsal.label(frames()[:4])
    assert rehearsal.play(window, best).value > rehearsal.play(window, THOROUGH).value


def test_an_unknown_scene_gets_a_policy_that_is_then_known() -> None:
    adapter, evolver = adapted(study(), known(), frames())
    assert [c.policy for c in adapter.changes] == ["base", "found-1"]
    assert adapter.changes[0].domain is None
    assert len(evolver.trials) >= 2, "the policy was tried, and watched after it was accepted"
    assert all(t.passed for t in evolver.trials)
    story = adapter.story()
    assert sum(told["frames"] for told in story["policies"].values()) == len(frames())
    assert story["evolution"]["searches"] == 1 and story["evolution"]["macs"] > 0
    # Back from elsewhere the scene is recognised, without another search.
    for _ in range(4):
        adapter.step(np.full((32, 64, 3), 255, np.uint8))
    assert adapter.names[-1] == "base"
    for rgb in frames()[:8]:
        adapter.step(rgb)
    assert adapter.names[-1] == "found-1"
    assert [c.policy for c in adapter.changes] == ["base", "found-1", "base", "found-1"]


def test_in_step_the_same_stream_ends_the_same() -> None:
    one, two = (adapted(study(), known(), frames(24))[0] for _ in range(2))
    assert one.changes == two.changes and one.policies == two.policies


def test_an_adversary_is_never_accepted() -> None:
    fair = study()
    bad = Adversary(fair.rehearsal, fair.genes, fair.algorithm, 10)
    policies = replace(known(), base=SPARING, domains=known(SPARING).domains)
    policies = replace(policies, domains=(Domain("elsewhere", (FAR,), 1.0, SPARING),))
    adapter, evolver = adapted(bad, policies, frames(40))
    assert set(adapter.names) == {"base"} and adapter.policy == SPARING
    assert evolver.searches == len(evolver.trials) >= 2
    assert not any(trial.passed for trial in evolver.trials)


class Noting(Study):
    """Keeps what it was asked to compare."""

    asked: ClassVar[list[tuple[Sequence[Image], PolicyConfig, PolicyConfig]]] = []

    def compare(
        self, images: Sequence[Image], policy: PolicyConfig, fallback: PolicyConfig
    ) -> Generator[None, None, Trial]:
        self.asked.append((images, policy, fallback))
        return super().compare(images, policy, fallback)


@pytest.mark.parametrize("scene", ["standing-day", "driving-day"])
def test_what_is_found_runs_only_if_it_scores_no_less_on_later_frames(scene: str) -> None:
    Noting.asked.clear()
    plain, stream = study(6), frames(40, scene)
    noting = Noting(plain.rehearsal, plain.genes, plain.algorithm, 6)
    adapter, _ = adapted(noting, known(), stream)
    images, policy, fallback = Noting.asked[0]
    # Later ones than the search saw, which were the stream's first.
    assert all(any(image is rgb for rgb in stream[PACE.window :]) for image in images)
    again = Rehearsal(tiny_network())
    window = again.label(images)
    better = again.play(window, policy).value >= again.play(window, fallback).value
    assert ("found-1" in adapter.names) == better


def test_what_falls_behind_is_dropped() -> None:
    statistics = np.zeros(len(NAMES))
    evolver = Evolver(study(), InStep(4), known().distance, PACE)
    bad = replace(SPARING, tau_px=0.0, tau_stale=0.0)
    outcomes = [
        evolver.step(rgb, statistics, "found-1", True, bad, SPARING) for rgb in frames()[:12]
    ]
    assert Dropped("found-1") in outcomes and len(evolver.trials) == 1
    good = Evolver(study(), InStep(4), known().distance, PACE)
    for rgb in frames()[:24]:
        assert good.step(rgb, statistics, "found-1", True, SPARING, bad) is None
    assert len(good.trials) == 2


def test_a_scene_that_becomes_known_ends_the_search() -> None:
    evolver = Evolver(study(100), InStep(1), known().distance, PACE)
    statistics = np.zeros(len(NAMES))
    for index, rgb in enumerate(frames()[:20]):
        domain = None if index < 10 else "elsewhere"
        evolver.step(rgb, statistics, domain, False, THOROUGH, THOROUGH)
    assert evolver.searches == 1 and not evolver.trials
    assert evolver.worker.poll() == (False, None)


def test_keeping_only_the_latest_forgets_the_rest() -> None:
    adapter, _ = adapted(study(), known(), frames(24), latest=True)
    assert [d.name for d in adapter.policies.domains] == ["found-1"]
    assert adapter.policies.policy(None) == adapter.policies.policy("found-1")


def counting(to: int) -> Job:
    for _ in range(to):
        yield
    return to


def test_workers() -> None:
    worker = InStep(2)
    worker.submit(counting(4))
    assert [worker.poll() for _ in range(3)] == [(False, None), (False, None), (True, 4)]
    with pytest.raises(ConfigError, match="evaluations_per_frame 0"):
        InStep(0)
    thread = InThread()
    try:
        assert thread.poll() == (False, None)
        thread.submit(counting(5))
        assert wait(thread) == 5
        thread.submit(failing())
        with pytest.raises(ConfigError, match="broken"):
            wait(thread)
        thread.submit(endless())
        thread.submit(counting(3))
        assert wait(thread) == 3, "the first was given up"
        thread.submit(endless())
    finally:
        thread.close()


def wait(worker: InThread) -> Any:
    while True:
        ended, value = worker.poll()
        if ended:
            return value
        time.sleep(0.005)  # asking without a pause would keep the thread from working


def failing() -> Job:
    yield
    raise ConfigError("broken")


def endless() -> Job:
    while True:
        yield


def test_a_thread_finds_what_steps_find() -> None:
    worker = InThread()
    try:
        worker.submit(study(6).search(frames()[:4], 0, THOROUGH, THOROUGH))
        threaded = wait(worker)
    finally:
        worker.close()
    step = InStep(100)
    step.submit(study(6).search(frames()[:4], 0, THOROUGH, THOROUGH))
    assert step.poll() == (True, threaded)


@pytest.mark.parametrize("pace", [{"window": 1}, {"rest": -1}, {"window": 9, "watch": 8}])
def test_paces_that_cannot_be(pace: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="window"):
        Pace(**pace)
    with pytest.raises(ConfigError, match="evaluations"):
        study(1)


def test_accepted_holds_the_scene() -> None:
    evolver = Evolver(study(), InStep(50), known().distance, PACE)
    statistics = np.arange(len(NAMES), dtype=np.float64)
    found = [
        evolver.step(rgb, statistics, None, False, THOROUGH, THOROUGH) for rgb in frames()[:12]
    ]
    (accepted,) = [f for f in found if f is not None]
    assert isinstance(accepted, Accepted) and accepted.reach == 0
    assert accepted.centre == tuple(statistics)
