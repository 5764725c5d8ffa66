"""Training on pruned clips: its forward is the pruned stream, with gradients, and it learns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from depth_snn.data.classes import IGNORE
from depth_snn.errors import ConfigError, InputError
from depth_snn.models.vit_loihi import DepthViTLoihi
from depth_snn.models.weights import facts_of, load_network, shipped
from depth_snn.pruning.stream import PrunedStream, new_state
from depth_snn.pruning.view import View
from depth_snn.training.clips import ClipBatch, Clips, draw_clips, paint_clips
from depth_snn.training.loop import Callbacks
from depth_snn.training.pruned import Memory, PrunedTrainer, carried, choose, pruned_tokens
from depth_snn.training.recipe import (
    DataRecipe,
    PrunedRecipe,
    Recipe,
    TrainRecipe,
    shipped_recipes,
)
from tests.unit.command import depth_snn

TINY = load_network(shipped("tiny"))
CONFIG = TINY.config
TRAIN = TrainRecipe(
    steps=6, batch=2, warmup=1, learning_rate=2e-3, precision="float32", start="tiny",
    teacher="tiny",
)  # fmt: skip
RECIPE = Recipe(CONFIG, DataRecipe(clips=4), TRAIN, PrunedRecipe(frames=4, least=0.1, most=0.4))


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """So small a network gains nothing from a second thread, and waits for it on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def clips() -> Clips:
    return paint_clips(CONFIG, 4, 4, workers=1)


def loihi() -> DepthViTLoihi:
    model = load_network(shipped("tiny"))
    assert isinstance(model, DepthViTLoihi)
    return model


def trainer(clips: Clips, **changes: object) -> PrunedTrainer:
    recipe = replace(RECIPE, train=replace(TRAIN, **changes))  # type: ignore[arg-type]
    return PrunedTrainer(recipe, clips, start=TINY, teacher=loihi())


def test_the_forward_is_the_pruned_stream(clips: Clips) -> None:
    """Same frames, same masks: same logits as inference, for two clips at once."""
    model, rng = loihi(), np.random.default_rng(3)
    memory, states = Memory([]), [new_state(CONFIG), new_state(CONFIG)]
    stream = PrunedStream(model)
    shown = torch.zeros(2, CONFIG.tokens, CONFIG.outputs)
    for frame in range(4):
        count = CONFIG.tokens if frame == 0 else 5 + frame
        rows = np.stack([np.sort(rng.permutation(CONFIG.tokens)[:count]) for _ in range(2)])
        rgb = torch.from_numpy(clips.rgb[:2, frame]).permute(0, 3, 1, 2).float()
        with torch.no_grad():
            chosen = torch.from_numpy(rows) if frame else None
            logits = pruned_tokens(model, *model.tokens(rgb), chosen, memory)
        for clip in range(2):
            opened = np.zeros((CONFIG.stages, CONFIG.tokens), bool)
            opened[:, rows[clip]] = True
            shown[clip, rows[clip]] = logits[clip]
            expected = stream.step(clips.rgb[clip, frame], opened, states[clip])
            assert (shown[clip] - expected).abs().max() <= 1e-4
    dense = model(rgb)
    assert (dense - shown).abs().max() > 1e-2, "stale terms must show, or nothing was pruned"


def test_what_is_shown_is_what_a_view_shows(clips: Clips) -> None:
    """Scores carried and refreshed in training are those that inference shows."""
    training = trainer(clips)
    batch = draw_clips(clips, 2, np.random.default_rng(1), DataRecipe(colour=0.0))
    batch.rgb.round_()
    dense = training.dense(batch.rgb)
    with torch.no_grad():
        shown, computed = training.stream(batch, dense, np.random.default_rng(2))
    assert computed[0].all() and 0.05 < computed[1:].float().mean() < 0.45
    # The view takes the motion of pixels; repeated, that of cells gives the same means.
    side = CONFIG.patch // CONFIG.cells
    stream, state, view = PrunedStream(training.model), new_state(CONFIG), View(CONFIG)
    for frame, rgb in enumerate(batch.rgb[:, 0]):
        if frame:
            cells = batch.flow[frame, 0].numpy() * np.float32(side)
            view.move(np.ascontiguousarray(cells.repeat(side, 0).repeat(side, 1)))
        picture = rgb.permute(1, 2, 0).numpy().astype(np.uint8)
        marks = computed[frame, 0].numpy()
        logits = stream.step(picture, np.repeat(marks[None], CONFIG.stages, 0), state)
        h, w = CONFIG.grid
        features = np.zeros((h * 2, w * 2, CONFIG.stem[-1]), np.float32)
        view.refresh(picture, features, logits.numpy(), marks)
        expected = view.scores.transpose(2, 0, 1)
        assert np.abs(shown[frame, 0].numpy() - expected).max() <= 1e-3


def test_carrying_by_hand() -> None:
    """Half a cell to the right is the mean of two cells; beyond the edge stands the edge."""
    scores = torch.arange(8.0).view(1, 1, 2, 4)
    flow = torch.zeros(1, 2, 4, 2)
    assert torch.allclose(carried(scores, flow), scores, atol=1e-5)
    flow[..., 0] = 0.5
    expected = torch.tensor([[0.5, 1.5, 2.5, 3.0], [4.5, 5.5, 6.5, 7.0]])
    assert torch.allclose(carried(scores, flow)[0, 0], expected, atol=1e-5)


def test_gradients_pass_through_memory_and_carrying(clips: Clips) -> None:
    """The second frame's loss reaches keys of the first, where they were not computed again."""
    training = trainer(clips)
    batch = draw_clips(clips, 2, np.random.default_rng(1), DataRecipe())
    model = training.model
    memory = Memory([])
    pruned_tokens(model, *model.tokens(batch.rgb[0]), None, memory)
    first = memory.kv[-1][0]  # the first frame's own results do not count
    first.retain_grad()
    rows = torch.tensor([[1, 4], [2, 3]])
    pruned_tokens(model, *model.tokens(batch.rgb[1]), rows, memory).square().sum().backward()
    assert first.grad is not None
    reached = first.grad.abs().sum(-1) > 0
    assert reached.any() and not reached[0, [1, 4]].any() and not reached[1, [2, 3]].any()
    model.zero_grad()
    torch.stack(list(training.losses(0).values())).sum().backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad is None) == name.startswith("stem."), name


@pytest.mark.parametrize("counted", [True, False])
def test_a_few_steps_lower_the_loss_and_keep_what_is_frozen(clips: Clips, counted: bool) -> None:
    """Damage done to the last layer is repaired, whatever counts in the loss."""
    start = loihi()
    with torch.no_grad():
        start.decoder.classes.weight.mul_(0.2)
    recipe = replace(
        RECIPE,
        train=replace(TRAIN, steps=12, learning_rate=2e-2),
        pruned=PrunedRecipe(frames=4, least=0.1, most=0.4, carried=counted),
    )
    training = PrunedTrainer(recipe, clips, start=start, teacher=loihi())
    losses: list[float] = []
    after = training.run(Callbacks(lambda step, parts: losses.append(sum(parts.values()))))
    assert np.mean(losses[-3:]) < 0.8 * np.mean(losses[:2])
    before = start.state_dict()
    for name, value in after.state_dict().items():
        if name.startswith("stem.") or "running" in name:
            assert torch.equal(value, before[name]), name


def test_resumed_is_uninterrupted_and_the_seed_decides(clips: Clips, tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    whole = trainer(clips).run()

    def cut(step: int, losses: dict[str, float]) -> None:
        if step == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainer(clips).run(Callbacks(cut, path, 2))
    resumed = trainer(clips).run(Callbacks(checkpoint=path))
    other = trainer(clips, seed=1).run()
    a, b, c = (m.state_dict() for m in (whole, resumed, other))
    assert all(torch.equal(a[k], b[k]) for k in a)
    assert not torch.equal(a["blocks.0.q.weight"], c["blocks.0.q.weight"])


def test_what_is_most_wrong_is_computed() -> None:
    """A token that shows another class than it should comes first, unless lots are drawn."""
    dense = torch.zeros(1, 2, 4, 8)
    shown = dense.clone()
    shown[:, 0, 2:, 6:] = 9.0
    weights, hits = torch.ones(2), 0
    for seed in range(40):
        rows = choose(shown, dense, weights, 0.01, np.random.default_rng(seed), 2)
        assert rows.shape == (1, 1)
        hits += int(rows[0, 0] == 7)
    assert 28 <= hits < 40


def test_clips_follow_from_their_seeds(clips: Clips, tmp_path: Path) -> None:
    again = paint_clips(CONFIG, 4, 4, workers=2, cache=tmp_path)
    kept = paint_clips(CONFIG, 4, 4, cache=tmp_path)
    for other in (again, kept):
        assert np.array_equal(clips.rgb, other.rgb) and np.array_equal(clips.flow, other.flow)
        assert np.array_equal(clips.label, other.label)
    assert len(list(tmp_path.iterdir())) == 1 and not clips.flow[:, 0].any()
    with pytest.raises(InputError, match="at most 12 GiB"):
        paint_clips(CONFIG, 10**6, 4)


def test_a_mirrored_clip_moves_the_other_way() -> None:
    """Motion of mirrored clips still says where the content came from."""
    base = np.random.default_rng(0).integers(0, 200, (1, 16, 40, 3)).astype(np.uint8)
    rgb = np.stack([base[0, :, 2 * t : 2 * t + 32] for t in range(3)])[None]
    flow = np.zeros((1, 3, 16, 32, 2), np.float16)
    flow[:, 1:, ..., 0] = 2
    given = Clips(rgb, np.full((1, 3, 16, 32), IGNORE, np.uint8), flow)
    seen = set()
    for seed in range(6):
        batch: ClipBatch = draw_clips(given, 1, np.random.default_rng(seed), DataRecipe(colour=0.0))
        seen.add(float(batch.flow[1, ..., 0].mean()))
        moved = carried(batch.rgb[0], batch.flow[1])
        assert torch.allclose(moved[..., 3:-3], batch.rgb[1][..., 3:-3], atol=0.1)
    assert seen == {2.0, -2.0}


def test_training_on_clips_needs_its_table_and_a_teacher(clips: Clips) -> None:
    for recipe, teacher in ((replace(RECIPE, pruned=None), loihi()), (RECIPE, None)):
        with pytest.raises(ConfigError, match=r"needs \[pruned\] in its recipe, and a teacher"):
            PrunedTrainer(recipe, clips, start=TINY, teacher=teacher)
    with pytest.raises(ValueError, match="must compute every token"):
        rgb = torch.zeros(1, 3, CONFIG.height, CONFIG.width)
        model = loihi()
        pruned_tokens(model, *model.tokens(rgb), torch.tensor([[1]]), Memory([]))


def test_the_command_trains_on_pruned_clips(tmp_path: Path) -> None:
    """A recipe with the table is a recipe like others; its file says how it was made."""
    text = shipped_recipes()["tiny"].read_text(encoding="utf-8").replace("2500", "2")
    path, out = tmp_path / "mine.toml", tmp_path / "mine.safetensors"
    path.write_text(text + 'start = "tiny"\nteacher = "tiny"\n[pruned]\nframes = 3\n')
    words = ("--clips", "2", "--batch", "2", "--unseen", "1", "--workers", "1", "--device", "cpu")
    done = depth_snn("train", path, "--out", out, *words)
    assert done.code == 0 and "known: mIoU" in done.out, done
    recipe = Recipe.from_dict(json.loads(facts_of(out)["recipe"]))
    assert recipe.pruned == PrunedRecipe(frames=3) and recipe.train.start == "tiny"
