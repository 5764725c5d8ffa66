"""`depth-snn train`, `eval` and `convert` on the tiny network."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from conversion.graph_file import load_graph
from depth_snn.models.build import Network, build_network
from depth_snn.models.weights import facts_of, load_network, round_to_half
from depth_snn.training.dataset import paint
from depth_snn.training.loop import Callbacks, Trainer
from depth_snn.training.recipe import Recipe, load_recipe
from tests.unit.command import TINY, contents, depth_snn, refused

STEPS, BATCH = 5, 2
SMALL = (
    "--steps", str(STEPS), "--batch", str(BATCH), "--clips", "1", "--unseen", "1",
    "--workers", "1", "--device", "cpu",
)  # fmt: skip
QUICK = ("tiny", *SMALL)


def quick_recipe() -> Recipe:
    """What QUICK asks for."""
    recipe = load_recipe("tiny")
    return replace(
        recipe,
        data=replace(recipe.data, clips=1),
        train=replace(recipe.train, steps=STEPS, batch=BATCH),
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights after five steps."""
    path = tmp_path_factory.mktemp("train") / "five.safetensors"
    done = depth_snn("train", *QUICK, "--out", path)
    assert done.code == 0, done
    assert "known: mIoU" in done.out and "heldout: mIoU" in done.out
    assert contents(path.parent) == ["five.safetensors"], "the checkpoint is gone"
    return path


def same(left: Network, right: Network) -> bool:
    a, b = left.state_dict(), right.state_dict()
    return all(torch.equal(a[k], b[k]) for k in a if not k.endswith("num_batches_tracked"))


def test_trained_weights_load_and_run(trained: Path, tmp_path: Path) -> None:
    model = load_network(trained)
    assert model.config == load_recipe("tiny").network and not model.training
    torch.manual_seed(0)
    assert not same(model, build_network(model.config).eval()), "training changes weights"
    words = ("--out", tmp_path, "--network", trained, "--frames", "2", "--witness-frames", "0")
    assert depth_snn("run", "scene:street", *words).code == 0


def test_weights_say_how_they_were_made(trained: Path) -> None:
    facts = facts_of(trained)
    assert Recipe.from_dict(json.loads(facts["recipe"])) == quick_recipe()
    assert float(facts["minutes"]) >= 0 and 0 < float(facts["miou_known"]) < 1


def test_an_interrupted_training_ends_with_the_same_weights(trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "again.safetensors"
    checkpoint = tmp_path / "again.safetensors.checkpoint"
    recipe = quick_recipe()
    data = paint(recipe.network, 1, first_seed=0, workers=1)

    def interrupt(step: int, losses: dict[str, float]) -> None:
        if step == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Trainer(recipe, data).run(Callbacks(interrupt, checkpoint, 3))
    assert contents(tmp_path) == [checkpoint.name]
    assert depth_snn("train", *QUICK, "--out", out).code == 0
    assert same(load_network(out), load_network(trained))
    assert contents(tmp_path) == [out.name]


def test_a_student_of_the_command_line(trained: Path, tmp_path: Path) -> None:
    out, log = tmp_path / "student.safetensors", tmp_path / "log"
    done = depth_snn(
        "train", *QUICK[:1], "--steps", "20", *SMALL[2:], "--out", out, "--start", trained,
        "--teacher", trained, "--log", log,
    )  # fmt: skip
    assert done.code == 0, done
    assert "tensors loaded" in done.out
    assert not same(load_network(out), load_network(trained))
    (events,) = log.iterdir()
    assert b"loss/teacher" in events.read_bytes()


def test_foreign_weights_start_by_name_with_a_report(tmp_path: Path) -> None:
    out, foreign = tmp_path / "a.safetensors", tmp_path / "timm.safetensors"
    width, tokens = load_recipe("tiny").network.dim, load_recipe("tiny").network.tokens
    save_file(
        {
            "norm.weight": torch.ones(width), "cls_token": torch.zeros(1, 1, width),
            "position": torch.zeros(2 * tokens * 2, width), "embed.bias": torch.zeros(3),
        },
        foreign,
    )  # fmt: skip
    done = depth_snn("train", *QUICK, "--out", out, "--start", foreign)
    assert done.code == 0, done
    assert "1 tensors loaded" in done.out and "unused (1): cls_token" in done.out
    assert "resized (1): position" in done.out and "misfits (1): embed.bias (3,)" in done.out
    pickled = tmp_path / "x.safetensors"
    pickled.write_bytes(b"\x80\x04nonsense")
    refused(
        depth_snn("train", *QUICK, "--out", tmp_path / "b.safetensors", "--start", pickled),
        "not a readable weights file",
    )


def test_stored_weights_are_the_measured_ones(trained: Path) -> None:
    """Weights are rounded to 16 bits before they are measured, so storing changes nothing."""
    model = load_network(trained)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    round_to_half(model)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "needs a recipe and --out"),
        (("tiny",), "needs a recipe and --out"),
        (("enormous", "--out", "x.safetensors"), "no such shipped recipe"),
        (("tiny", "--out", "x.pt"), "ends in .safetensors"),
        (("tiny", "--out", "x.safetensors", "--teacher", "none.safetensors"), "no such weights"),
        (("tiny", "--out", "x.safetensors", "--device", "cude"), "device 'cude'"),
    ],
)
def test_wrong_words_are_refused(
    words: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(depth_snn("train", *words), said)
    assert contents(tmp_path) == []


def test_recipes_are_listed() -> None:
    done = depth_snn("train", "--list")
    assert done.code == 0
    names = [line.split()[0] for line in done.out.splitlines()]
    assert {"tiny", "small", "small_vit"} <= set(names)


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "t.safetensors"
    (tmp_path / "t.safetensors.checkpoint").write_bytes(b"damaged")
    refused(depth_snn("train", *QUICK, "--out", out), "not a readable checkpoint")
    assert not out.exists()


def test_eval_prints_a_row_for_each_scene() -> None:
    done = depth_snn(
        "eval", *TINY, "--scenes", "street,driving", "--seeds", "2", "--frames", "4"
    )  # fmt: skip
    assert done.code == 0, done
    rows = {words[0]: words[1:] for words in map(str.split, done.out.splitlines())}
    assert rows["street"][0] == rows["driving"][0] == "2"
    # On so small a picture motion alone costs more than the network, so work has no upper bound.
    assert all(float(rows[name][1]) > 0 for name in ("street", "driving"))
    numbers = [float(w) for name in ("street", "driving") for w in rows[name][2:5]]
    assert all(0 < n < 100 for n in numbers) and np.ptp(numbers) > 1
    assert rows["street"][1:5] != rows["driving"][1:5]


def test_accuracy_of_floats_and_integers(tmp_path: Path) -> None:
    done = depth_snn(
        "eval", "--protocol", "accuracy", *TINY, "--clips", "1", "--int8", "--cache", tmp_path
    )  # fmt: skip
    assert done.code == 0, done
    rows = {line[2:26].strip(): line[26:].split() for line in done.out.splitlines()[2:]}
    assert set(rows) == {"known, float", "known, int8, 12 frames", "heldout, float",
                         "heldout, int8, 12 frames"}  # fmt: skip
    for assets in ("known", "heldout"):
        exact, integer = (float(rows[f"{assets}, {k}"][0]) for k in ("float", "int8, 12 frames"))
        assert 20 < exact < 100 and abs(exact - integer) < 3
    assert len(list(tmp_path.iterdir())) == 2
    refused(depth_snn("eval", "--protocol", "accuracy", "--network", "tiny,huge"), "'huge'")


def test_convert_writes_a_graph_that_loads(tmp_path: Path) -> None:
    first, second = tmp_path / "a.h5", tmp_path / "b.h5"
    done = depth_snn("convert", *TINY, "--out", first)
    assert done.code == 0, done
    graph = load_graph(first)
    names = {node.name for node in graph.nodes}
    assert {"gate.lif", "gate.restore", "block1.y.attention", "block2.out", "head.out"} <= names
    assert all(name in done.out for name in names)
    calibrated = depth_snn("convert", *TINY, "--out", second, "--calibrate", "scene:driving-night")
    assert calibrated.code == 0
    other = load_graph(second)
    weights = [
        (getattr(n, "weight", None), getattr(other.by_name[n.name], "weight", None))
        for n in graph.nodes
    ]
    assert any(a is not None and not np.array_equal(a, b) for a, b in weights) or (
        graph.meta["scales"] != other.meta["scales"]
    ), "the calibration clip fixes the scales"
    assert contents(tmp_path) == ["a.h5", "b.h5"]


def test_heads_are_cut_physically(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.h5", tmp_path / "cut.h5"
    assert depth_snn("convert", *TINY, "--out", whole).code == 0
    assert depth_snn("convert", *TINY, "--out", cut, "--head-rate", "0.5").code == 0
    shapes = [load_graph(p).by_name["block1.y.attention"].output_shape("out") for p in (whole, cut)]
    assert shapes[0][1] == 2 * shapes[1][1]
