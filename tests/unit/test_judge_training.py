"""What a judge learns from, that it learns, and that its neuron can be tuned by gradients."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from safetensors import safe_open
from torch.nn import functional

from depth_snn.data.classes import BUILDING, PEDESTRIAN, POLE, ROAD
from depth_snn.data.readers.classmaps import CAMVID_CLASSES
from depth_snn.errors import ConfigError
from depth_snn.pruning.view import View
from depth_snn.recovery.judge import NOTES, judge_inputs
from depth_snn.recovery.judge_file import load_judge
from depth_snn.training.judge import (
    STREET_WEIGHTS,
    GateNeuron,
    JudgeNet,
    JudgeRecipe,
    class_weights_of,
    make_judge_weights,
    measure_judge,
    train_judge,
    train_neuron,
    waiting_cost,
)
from depth_snn.training.rollouts import MOST, Rollout, difference, roll, street_rollouts
from tests.unit.command import contents, depth_snn, refused
from tests.unit.small import TINY, UNEVEN, Image, scene_frames, tiny_network

F32 = npt.NDArray[np.float32]
FRAMES = 6
RECIPE = JudgeRecipe(clips=3, hidden=8, steps=60, batch=256, learning_rate=1e-2, neuron_steps=4)
WEIGHTS = class_weights_of(TINY)


class Everything:
    """A judge that is never content."""

    macs = 0

    def change(self, rgb: Image, features: F32, flow: F32, view: View) -> F32:
        return np.full(TINY.tokens, 1e6, np.float32)


def deciding() -> np.random.Generator:
    """A generator whose first draw leaves the stream to the judge."""
    seed = next(s for s in range(50) if np.random.default_rng(s).random() >= 0.4)
    return np.random.default_rng(seed)


def choosing(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@cache
def rollouts() -> tuple[Rollout, ...]:
    """Two short streams of the tiny network; shared."""
    return tuple(street_rollouts(tiny_network(), WEIGHTS, clips=range(2), frames=FRAMES))


def rolled(frames: Iterable[Image], rng: np.random.Generator) -> Rollout:
    return roll(tiny_network(), frames, WEIGHTS, rng, Everything())


def test_a_rollout_holds_what_the_judge_sees_and_should_say() -> None:
    for rollout in rollouts():
        shape = (FRAMES - 1, TINY.tokens)
        assert rollout.inputs.shape == (*shape, judge_inputs(TINY))
        assert rollout.error.shape == rollout.computed.shape == shape
        assert rollout.inputs.dtype == np.float16 and np.isfinite(rollout.inputs).all()
        assert rollout.error.min() >= 0 and 0.01 < rollout.error.max() <= WEIGHTS.max()
        shares = rollout.computed.mean(1)
        assert shares.max() <= MOST and shares.max() > 0
    first, second = rollouts()
    assert not np.array_equal(first.error, second.error)


def test_the_same_clip_gives_the_same_rollout() -> None:
    (again,) = street_rollouts(tiny_network(), WEIGHTS, clips=range(1, 2), frames=FRAMES)
    for name in ("inputs", "error", "computed"):
        assert np.array_equal(getattr(again, name), getattr(rollouts()[1], name)), name


def test_a_still_picture_is_shown_without_error() -> None:
    """After its first frame everything was computed, and nothing has changed since."""
    rgb = scene_frames(TINY, 1)[0]
    still = roll(tiny_network(), [rgb] * 4, WEIGHTS, choosing())
    assert still.error.max() < 1e-5
    assert not still.computed.all(), "most of it was computed in the first frame only"


def test_the_error_is_gone_once_everything_was_computed() -> None:
    before, after = scene_frames(TINY, 12)[0], scene_frames(TINY, 12)[11]
    rollout = rolled([before, after, after, after], deciding())
    assert rollout.computed.all()
    assert rollout.error[0].max() > 0.01 and rollout.error[1:].max() < 1e-5


def test_difference_by_hand() -> None:
    """One token of four cells; in one of them all belief goes from one class to another."""
    dense = np.full((2, 2, 3), -50, np.float32)
    dense[..., 0] = 50
    shown = dense.copy()
    shown[1, 0] = [-50, 50, -50]
    weights = np.array([1, 4, 9], np.float32)
    found = difference(dense, shown, weights, 1)
    np.testing.assert_allclose(found, [(1 + 4) / 2 / 4], rtol=1e-6)
    assert not difference(dense, dense, weights, 1).any()


def mean_square(net: JudgeNet) -> float:
    inputs = np.concatenate([r.inputs for r in rollouts()]).astype(np.float32)
    error = np.concatenate([r.error for r in rollouts()])
    with torch.inference_mode():
        return float(functional.mse_loss(net(torch.from_numpy(inputs)), torch.from_numpy(error)))


def test_a_few_steps_lower_the_error() -> None:
    start = mean_square(train_judge(list(rollouts()), replace(RECIPE, steps=1)))
    end = mean_square(train_judge(list(rollouts()), RECIPE))
    assert end < 0.5 * start
    assert measure_judge(train_judge(list(rollouts()), RECIPE), list(rollouts()))["correlation"] > 0


def test_the_same_seed_gives_the_same_weights() -> None:
    few = replace(RECIPE, steps=5)
    first, again, other = (
        train_judge(list(rollouts()), replace(few, seed=s)).weights() for s in (3, 3, 4)
    )
    for name in ("mean", "scale", "a", "a0", "b", "b0", "c", "c0"):
        assert np.array_equal(getattr(first, name), getattr(again, name)), name
    assert not np.array_equal(first.a, other.a)


def by_hand(error: F32, computed: npt.NDArray[np.bool_] | None = None) -> Rollout:
    """A stream whose pixels tell its error, and nothing else tells anything."""
    inputs = np.zeros((*error.shape, judge_inputs(TINY)), np.float16)
    inputs[..., -NOTES] = error
    if computed is None:
        computed = np.zeros(error.shape, bool)
    return Rollout(inputs, error, computed)


def test_measures_by_hand() -> None:
    net = random_net()
    error = np.arange(10, dtype=np.float32)[None] / 8
    found = measure_judge(net, [by_hand(error)])
    assert found["caught_at_best"] == pytest.approx((9 + 8) / 45)
    assert found["caught_by_pixels"] == pytest.approx((9 + 8) / 45)
    with torch.inference_mode():
        judged = net(torch.from_numpy(by_hand(error).inputs.astype(np.float32)))[0].numpy()
    worst = np.argsort(-judged)[:2]
    assert found["caught"] == pytest.approx(float(error[0, worst].sum() / error.sum()))
    assert found["correlation"] == pytest.approx(np.corrcoef(judged, error[0])[0, 1])


def random_net(seed: int = 0) -> JudgeNet:
    torch.manual_seed(seed)
    count = judge_inputs(TINY)
    return JudgeNet(np.zeros(count, np.float32), np.ones(count, np.float32), 8)


def cost(threshold: float, rollout: Rollout, price: float = 0.3) -> float:
    return float(waiting_cost(random_net(), GateNeuron(0.8, threshold), rollout, price))


def test_what_waiting_costs_by_hand() -> None:
    """Never firing costs the error; firing costs the price, once until it is computed anyway."""
    error = np.random.default_rng(0).uniform(0, 1, (4, TINY.tokens)).astype(np.float32)
    never, always = 1e6, 1e-6
    assert cost(never, by_hand(error)) == pytest.approx(error.mean(), rel=1e-5)
    assert cost(always, by_hand(error)) == pytest.approx(0.3 / 4, rel=1e-5)
    everything = by_hand(error, np.ones(error.shape, bool))
    assert cost(always, everything) == pytest.approx(0.3, rel=1e-5)
    assert cost(never, everything) == pytest.approx(error.mean(), rel=1e-5)


def test_the_cost_has_a_gradient_through_the_spikes() -> None:
    neuron = GateNeuron(0.8, 1.0)
    waiting_cost(random_net(), neuron, rollouts()[0], 0.15).backward()
    for parameter in (neuron.leaky.threshold, neuron.leaky.beta, neuron.percent):
        assert parameter.grad is not None and parameter.grad.abs() > 0


def test_the_second_input_learns_to_say_what_the_judge_does_not() -> None:
    """Error that only pixels show: the weight on them grows, and not where pixels mean nothing."""
    rng = np.random.default_rng(0)
    pixels = rng.uniform(0, 40, (4, TINY.tokens)).astype(np.float32)
    telling, idle = by_hand(pixels / 40), by_hand(0 * pixels)
    for rollout in (telling, idle):
        rollout.inputs[..., -NOTES] = np.sqrt(pixels)
    recipe = replace(RECIPE, neuron_steps=60, price=0.3)
    weights = [train_neuron(random_net(), [r], recipe).pixel_weight for r in (telling, idle)]
    assert weights[0] > 0.005 and weights[1] < 0.003


def test_the_neuron_is_tuned() -> None:
    neurons = [
        train_neuron(random_net(), list(rollouts()), replace(RECIPE, neuron_steps=n))
        for n in (0, 4, 4)
    ]
    assert neurons[0].threshold == pytest.approx(2 * RECIPE.price)
    assert neurons[0].beta == pytest.approx(0.8)
    assert neurons[1] == neurons[2] and neurons[1] != neurons[0]
    assert 0 <= neurons[1].beta <= 1 and neurons[1].pixel_weight >= 0


def test_classes_weigh_by_what_they_are() -> None:
    assert class_weights_of(TINY).tolist() == pytest.approx(list(STREET_WEIGHTS))
    camvid = class_weights_of(replace(TINY, classes=len(CAMVID_CLASSES)))
    named = dict(zip(CAMVID_CLASSES, camvid.tolist(), strict=True))
    for name, street in (
        ("pedestrian", PEDESTRIAN), ("bicyclist", PEDESTRIAN), ("sign", POLE),
        ("fence", BUILDING), ("road", ROAD),
    ):  # fmt: skip
        assert named[name] == pytest.approx(STREET_WEIGHTS[street]), name
    assert class_weights_of(UNEVEN).tolist() == [1.0] * UNEVEN.classes


def test_too_few_clips_are_refused() -> None:
    with pytest.raises(ConfigError, match="2 clips: a judge needs at least 3"):
        make_judge_weights(tiny_network(), replace(RECIPE, clips=2), lambda done, note: None)


def test_the_command_writes_a_judge_that_loads(tmp_path: Path) -> None:
    out = tmp_path / "judge.safetensors"
    done = depth_snn("judge", "tiny", "--clips", "9", "--steps", "20", "--out", out)
    assert done.code == 0, done
    assert contents(tmp_path) == [out.name]
    for said in (f"wrote {out}", "correlation", "worst fifth", "trained neuron: beta"):
        assert said in done.out
    judge = load_judge(out, TINY)
    assert judge.inputs.shape == (TINY.tokens, judge_inputs(TINY))
    with safe_open(out, framework="np") as file:
        facts = json.loads(file.metadata()["facts"])
    assert facts["network"] == "tiny" and -1 <= facts["correlation"] <= 1
    assert 0 < facts["caught"] <= facts["caught_at_best"] <= 1


def test_wrong_words_are_refused(tmp_path: Path) -> None:
    refused(depth_snn("judge", "tiny", "--out", tmp_path / "x.txt"), "x.txt", ".safetensors")
    words = ("--clips", "2", "--out", tmp_path / "x.safetensors")
    refused(depth_snn("judge", "tiny", *words), "2 clips")
    refused(depth_snn("judge", "enormous", *words), "enormous")
    assert contents(tmp_path) == []
