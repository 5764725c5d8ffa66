"""Training: resumed is the same as uninterrupted, same seed same weights, and it learns."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from depth_snn.config import NetworkConfig
from depth_snn.errors import InputError
from depth_snn.models.vit_loihi import DepthViTLoihi, logits_to_image
from depth_snn.training.dataset import LabelledFrames, paint
from depth_snn.training.trainer import (
    TrainConfig,
    batch_windows,
    class_weights,
    draw_batch,
    evaluate,
    learning_rate,
    train,
)
from depth_snn.windows import class_map, token_windows
from tests.unit.small import UNEVEN, random_network

NANO = NetworkConfig(
    name="nano", height=32, width=64, window=8, dim=8, heads=(1, 2), head_dim=4, mlp=8, region=2
)
RECIPE = TrainConfig(steps=20, batch=2, warmup=4, learning_rate=5e-3)


@pytest.fixture(scope="module")
def data() -> LabelledFrames:
    return paint(NANO, 1, workers=1)


class Interrupted(Exception):
    """Stands for a power cut."""


def same(a: DepthViTLoihi, b: DepthViTLoihi) -> bool:
    left, right = a.state_dict(), b.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)


def test_resumed_training_is_the_uninterrupted_one(data: LabelledFrames, tmp_path: Path) -> None:
    whole = train(NANO, data, RECIPE)
    path = tmp_path / "run" / "checkpoint.safetensors"

    def cut(step: int, loss: float) -> None:
        if step == 13:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(NANO, data, RECIPE, checkpoint=path, save_every=5, progress=cut)
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    torch.manual_seed(99)  # nothing outside the checkpoint matters
    steps: list[int] = []
    resumed = train(NANO, data, RECIPE, checkpoint=path, save_every=5,
                    progress=lambda step, loss: steps.append(step))  # fmt: skip
    assert steps == list(range(11, 21))
    assert same(whole, resumed) and not resumed.training
    # A finished checkpoint is not trained further.
    assert same(train(NANO, data, RECIPE, checkpoint=path), whole)


def test_seed_decides_and_the_loss_falls(data: LabelledFrames) -> None:
    losses: list[float] = []
    recipe = replace(RECIPE, steps=80)
    first = train(NANO, data, recipe, progress=lambda step, loss: losses.append(loss))
    assert np.mean(losses[-10:]) < 0.9 * np.mean(losses[:5])
    short = train(NANO, data, RECIPE)
    assert same(short, train(NANO, data, RECIPE))
    assert not same(short, train(NANO, data, replace(RECIPE, seed=1)))
    untrained = evaluate(random_network(NANO), data)[0]
    assert evaluate(first, data)[0] > untrained


def test_checkpoints_of_something_else_are_refused(data: LabelledFrames, tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    brief = replace(RECIPE, steps=2)
    train(NANO, data, brief, checkpoint=path, save_every=1)
    before = path.read_bytes()
    for config, recipe, said in (
        (NANO, replace(brief, seed=5), "another recipe"),
        (replace(NANO, name="other"), brief, "another network"),
        (replace(NANO, mlp=9), brief, "another network"),
    ):
        with pytest.raises(InputError, match=said) as caught:
            train(config, data, recipe, checkpoint=path)
        assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    for damaged in (before[:100], before[:-50], b"", b"text"):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match="not a readable checkpoint"):
            train(NANO, data, brief, checkpoint=path)


def test_batches_follow_from_seed_and_step_alone(data: LabelledFrames) -> None:
    a, b = draw_batch(data, 7, RECIPE), draw_batch(data, 7, RECIPE)
    assert torch.equal(a[0], b[0]) and torch.equal(a[1], b[1])
    assert not torch.equal(a[0], draw_batch(data, 8, RECIPE)[0])
    assert a[0].min() >= 0 and a[0].max() <= 255


def test_flips_keep_picture_and_label_together() -> None:
    """Where the label of a pixel is drawn as its colour, it still is after augmentation."""
    label = np.random.default_rng(0).integers(0, 2, (4, 32, 64)).astype(np.uint8)
    drawn = LabelledFrames(np.repeat(label[..., None] * 255, 3, -1).astype(np.uint8), label)
    for step in range(8):
        rgb, picked = draw_batch(drawn, step, RECIPE)
        assert torch.equal((rgb[:, 0] > 128).long(), picked)


def test_training_sees_the_windows_that_inference_sees() -> None:
    rng = np.random.default_rng(1)
    rgb = rng.integers(0, 256, (2, UNEVEN.height, UNEVEN.width, 3)).astype(np.uint8)
    batch = batch_windows(torch.from_numpy(rgb).permute(0, 3, 1, 2).float(), UNEVEN)
    for i in range(2):
        assert np.array_equal(batch[i].numpy(), token_windows(rgb[i], UNEVEN))
    logits = torch.from_numpy(rng.normal(size=(1, UNEVEN.tokens, UNEVEN.outputs)))
    image = logits_to_image(logits, UNEVEN).argmax(1)[0].numpy()
    side = UNEVEN.patch // UNEVEN.cells
    expected = class_map(logits[0].numpy(), UNEVEN)
    assert np.array_equal(image.repeat(side, 0).repeat(side, 1), expected)


def test_schedule_and_weights() -> None:
    rates = [learning_rate(s, RECIPE) for s in range(RECIPE.steps)]
    assert np.argmax(rates) in (3, 4) and max(rates) == RECIPE.learning_rate
    assert all(a > b for a, b in pairwise(rates[4:]))
    label = np.array([0] * 1000 + [1] * 10 + [255] * 5000, np.uint8)
    weights = class_weights(label, 2)
    assert weights[0] < 1 < weights[1] and weights.min() >= 0.7 and weights.max() <= 2.5


def test_painting_does_not_depend_on_workers() -> None:
    alone, shared = (paint(NANO, 2, first_seed=40, workers=n) for n in (1, 2))
    assert np.array_equal(alone.rgb, shared.rgb) and np.array_equal(alone.label, shared.label)
    assert len(alone) == 24
