"""Training: resumed is the same as uninterrupted, same seed same weights, and it learns."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from depth_snn.config import NetworkConfig
from depth_snn.data.classes import IGNORE
from depth_snn.data.metrics import miou
from depth_snn.errors import ConfigError, InputError
from depth_snn.models import fake_quant
from depth_snn.models.build import Network, build_network
from depth_snn.training.augment import class_weights, draw_batch, recolour, repaint
from depth_snn.training.dataset import LabelledFrames, paint
from depth_snn.training.device import choose_device, choose_precision
from depth_snn.training.evaluate import class_scores, evaluate
from depth_snn.training.loop import Callbacks, Trainer
from depth_snn.training.losses import pixel_scores, segmentation_loss
from depth_snn.training.optimiser import learning_rate, make_optimiser
from depth_snn.training.recipe import DataRecipe, Recipe, TrainRecipe
from depth_snn.windows import class_map

NANO = NetworkConfig(
    name="nano", height=32, width=64, stem=(4, 6), dim=8, heads=(2, 2), head_dim=4, mlp=8,
    decoder=4,
)  # fmt: skip
TRAIN = TrainRecipe(steps=20, batch=2, warmup=4, learning_rate=5e-3, precision="float32")
RECIPE = Recipe(NANO, DataRecipe(clips=1), TRAIN)


@pytest.fixture(scope="module")
def data() -> LabelledFrames:
    return paint(NANO, 1, workers=1)


class Interrupted(Exception):
    """Stands for a power cut."""


def train(data: LabelledFrames, calls: Callbacks | None = None, **changes: object) -> Network:
    recipe = replace(RECIPE, train=replace(TRAIN, **changes))  # type: ignore[arg-type]
    return Trainer(recipe, data).run(calls)


def same(a: Network, b: Network) -> bool:
    left, right = a.state_dict(), b.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)


@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
def test_resumed_training_is_the_uninterrupted_one(
    data: LabelledFrames, tmp_path: Path, optimiser: str
) -> None:
    whole = train(data, optimiser=optimiser)
    path = tmp_path / "run" / "checkpoint.safetensors"

    def cut(step: int, losses: dict[str, float]) -> None:
        if step == 13:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(data, Callbacks(cut, path, 5), optimiser=optimiser)
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    torch.manual_seed(99)  # nothing outside the checkpoint matters
    steps: list[int] = []
    note = Callbacks(lambda step, losses: steps.append(step), path, 5)
    resumed = train(data, note, optimiser=optimiser)
    assert steps == list(range(11, 21))
    assert same(whole, resumed) and not resumed.training
    with safe_open(path, framework="np") as file:
        assert float(file.metadata()["minutes"]) > 0
    # A finished checkpoint is not trained further.
    assert same(train(data, Callbacks(checkpoint=path), optimiser=optimiser), whole)


@pytest.mark.parametrize("kind", ["loihi", "vit"])
def test_seed_decides_and_the_loss_falls(data: LabelledFrames, kind: str) -> None:
    losses: list[float] = []
    recipe = replace(RECIPE, network=replace(NANO, kind=kind), train=replace(TRAIN, steps=80))
    note = Callbacks(lambda step, parts: losses.append(sum(parts.values())))
    first = Trainer(recipe, data).run(note)
    assert np.mean(losses[-10:]) < 0.9 * np.mean(losses[:5])
    short = replace(recipe, train=TRAIN)
    again = Trainer(short, data).run()
    assert same(again, Trainer(short, data).run())
    other = replace(short, train=replace(TRAIN, seed=1))
    assert not same(again, Trainer(other, data).run())
    untrained = build_network(recipe.network).eval()
    assert miou(evaluate(first, data)) > miou(evaluate(untrained, data))


def test_checkpoints_of_something_else_are_refused(data: LabelledFrames, tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    train(data, Callbacks(None, path, 1), steps=2)
    before = path.read_bytes()
    for changes in ({"seed": 5}, {"steps": 3}):
        with pytest.raises(InputError, match="another recipe") as caught:
            train(data, Callbacks(checkpoint=path), **{"steps": 2, **changes})
        assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    for damaged in (before[:100], before[:-50], b"", b"text"):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match="not a readable checkpoint"):
            train(data, Callbacks(checkpoint=path), steps=2)


def test_a_student_learns_from_its_teacher(data: LabelledFrames) -> None:
    """The twin's weights start the student; more of the teacher's word brings it closer."""
    twin = Trainer(
        replace(RECIPE, network=replace(NANO, kind="vit"), train=replace(TRAIN, steps=60)), data
    ).run()
    rgb = torch.from_numpy(data.rgb[:4]).permute(0, 3, 1, 2).float()

    def distance(share: float) -> float:
        recipe = replace(
            RECIPE, train=replace(TRAIN, steps=60, teacher_weight=share, features_weight=0.1)
        )
        trainer = Trainer(recipe, data, start=twin, teacher=twin)
        assert "tensors loaded" in trainer.transferred and "misfits" not in trainer.transferred
        student = trainer.run()
        with torch.no_grad():
            return float((student(rgb).softmax(-1) - twin(rgb).softmax(-1)).abs().mean())

    assert distance(1.0) < distance(0.0)


def test_rounding_costs_less_after_training_through_it(
    data: LabelledFrames, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under weights of seven levels the network is worse, and learns to live with them."""
    monkeypatch.setattr(fake_quant, "WEIGHT_LEVELS", 3)
    start = train(data, steps=200)
    recipe = replace(RECIPE, train=replace(TRAIN, steps=150, quantise=True))
    trainer = Trainer(recipe, data, start=start)
    assert trainer.rounding is not None
    norms = {k: v.clone() for k, v in trainer.model.state_dict().items() if "running" in k}
    whole = miou(evaluate(start, data))
    before = miou(evaluate(trainer.model, data, forward=trainer.rounding))
    tuned = trainer.run()
    after = miou(evaluate(tuned, data, forward=trainer.rounding))
    print(f"whole {whole:.3f}, rounded {before:.3f}, after training through it {after:.3f}")
    assert before < whole - 0.02 and after > before + 0.02
    assert norms and all(torch.equal(tuned.state_dict()[k], v) for k, v in norms.items())


@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
def test_norms_and_positions_do_not_decay(optimiser: str) -> None:
    groups = make_optimiser(build_network(NANO), replace(TRAIN, optimiser=optimiser)).param_groups
    assert [g["weight_decay"] for g in groups] == [TRAIN.weight_decay, 0.0]
    assert min(p.ndim for p in groups[0]["params"]) == 2
    shapes = [tuple(p.shape) for p in groups[1]["params"]]
    assert (NANO.tokens, NANO.dim) in shapes


def test_a_step_of_muon_is_orthogonal_and_as_large_as_adamws() -> None:
    """The first step of a matrix has equal singular values, and AdamW's mean size (0.2)."""
    model = build_network(NANO)
    optimiser = make_optimiser(model, replace(TRAIN, optimiser="muon", weight_decay=0.0))
    matrix = dict(model.named_parameters())["blocks.0.fc1.weight"]
    before = matrix.detach().clone()
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)
    optimiser.step()
    singular = torch.linalg.svdvals((before - matrix.detach()) / TRAIN.learning_rate)
    assert singular.min() > 0.5 * singular.max() > 0
    size = float((before - matrix.detach()).square().mean().sqrt()) / TRAIN.learning_rate
    assert 0.12 < size < 0.28


def test_batches_follow_from_the_generator_alone(data: LabelledFrames) -> None:
    def batch(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        return draw_batch(data, 3, np.random.default_rng(seed), DataRecipe())

    a, b = batch(7), batch(7)
    assert torch.equal(a[0], b[0]) and torch.equal(a[1], b[1])
    assert not torch.equal(a[0], batch(8)[0])
    assert a[0].min() >= 0 and a[0].max() <= 255


def test_flips_and_zooms_keep_picture_and_label_together() -> None:
    """Where the label of a pixel is drawn as its colour, it still is after augmentation."""
    coarse = np.random.default_rng(0).integers(0, 2, (4, 4, 8)).astype(np.uint8)
    label = coarse.repeat(8, 1).repeat(8, 2)
    drawn = LabelledFrames(np.repeat(label[..., None] * 255, 3, -1).astype(np.uint8), label)
    recipe = DataRecipe(zoom=2.0, colour=0.0)
    for step in range(8):
        rgb, picked = draw_batch(drawn, 4, np.random.default_rng(step), recipe)
        sure = (rgb[:, 0] < 60) | (rgb[:, 0] > 195)  # edges are blended when magnified
        assert sure.float().mean() > 0.7
        assert torch.equal((rgb[:, 0] > 128).long()[sure], picked[sure])


def test_recolouring_keeps_greys_grey_up_to_a_tint() -> None:
    rgb = torch.full((6, 3, 4, 4), 128.0)
    assert torch.equal(recolour(rgb, np.random.default_rng(0), 0.0), rgb)
    changed = recolour(rgb, np.random.default_rng(0), 1.0)
    assert changed.flatten(2).std(-1).max() < 1e-3 and changed.std() > 5


def test_repainting_tints_whole_classes() -> None:
    label = torch.from_numpy(np.random.default_rng(0).integers(0, 4, (12, 8, 8)).astype(np.int64))
    label[:, 0, 0] = IGNORE
    rgb = torch.full((12, 3, 8, 8), 100.0)
    painted = repaint(rgb, label, np.random.default_rng(1), 1.0)
    changed = (painted != rgb).flatten(1).any(1)
    assert 2 < changed.sum() < 10 and torch.equal(painted[..., 0, 0], rgb[..., 0, 0])
    for picture, classes in zip(painted, label, strict=True):
        for kind in range(4):
            assert len(torch.unique(picture[:, classes == kind], dim=1).T) == 1
    assert torch.equal(repaint(rgb, label, np.random.default_rng(1), 0.0), rgb)


def test_training_scores_the_map_that_inference_shows() -> None:
    logits = torch.from_numpy(np.random.default_rng(1).normal(size=(1, NANO.tokens, NANO.outputs)))
    scores = class_scores(logits.float(), build_network(NANO))
    expected = class_map(logits[0].float().numpy(), NANO)
    assert np.array_equal(pixel_scores(scores).argmax(1)[0].numpy(), expected)


def test_loss_by_hand() -> None:
    """Two pixels count, one is ignored; weights 1 and 3."""
    scores = torch.tensor([[[[0.0, 1.0, 9.0]], [[2.0, -1.0, 0.0]]]])  # (1, 2, 1, 3)
    label, weights = torch.tensor([[[0, 1, 255]]]), torch.tensor([1.0, 3.0])
    p0, p1 = 1 / (1 + np.exp(2.0)), 1 / (1 + np.exp(2.0))  # of the right class at each
    entropy = (-np.log(p0) - 3 * np.log(p1)) / 4
    assert segmentation_loss(scores, label, weights, 0.0).item() == pytest.approx(entropy)
    dice = [2 * p0 / (p0**2 + (1 - p1) ** 2 + 1), 2 * p1 / ((1 - p0) ** 2 + p1**2 + 1)]
    whole = segmentation_loss(scores, label, weights, 0.5).item()
    assert whole == pytest.approx(entropy + 0.5 * (1 - np.mean(dice)))


def test_schedule_and_weights() -> None:
    rates = [learning_rate(s, TRAIN) for s in range(TRAIN.steps)]
    assert np.argmax(rates) in (3, 4) and max(rates) == TRAIN.learning_rate
    assert all(a > b for a, b in pairwise(rates[4:]))
    label = np.array([0] * 1000 + [1] * 10 + [255] * 5000, np.uint8)
    weights = class_weights(label, 2, 2.5)
    assert weights[0] < 1 < weights[1] and weights.min() >= 0.7 and weights.max() <= 2.5


def test_devices_that_are_not_there_are_refused() -> None:
    cpu = choose_device("cpu")
    assert choose_device("auto").type in ("cpu", "cuda")
    assert choose_precision("float32", cpu) is torch.float32
    assert choose_precision("bfloat16", cpu) is torch.bfloat16
    with pytest.raises(ConfigError, match="device 'cude'"):
        choose_device("cude")
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="finds no GPU"):
            choose_device("cuda")


def test_painting_depends_neither_on_workers_nor_on_the_cache(tmp_path: Path) -> None:
    alone, shared = (paint(NANO, 2, first_seed=40, workers=n) for n in (1, 2))
    assert len(alone) == 24
    for workers in (1, 2):  # the second finds the first one's cache
        cached = paint(NANO, 2, first_seed=40, workers=workers, cache=tmp_path)
        assert len(list(tmp_path.iterdir())) == 1
        for frames in (shared, cached):
            assert np.array_equal(alone.rgb, frames.rgb)
            assert np.array_equal(alone.label, frames.label)
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(b"damaged")
    assert np.array_equal(paint(NANO, 2, first_seed=40, workers=1, cache=tmp_path).rgb, alone.rgb)
    with pytest.raises(InputError, match="GiB"):
        paint(NANO, 10**7)
