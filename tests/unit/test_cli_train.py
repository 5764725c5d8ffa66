"""`depth-snn train`, `eval` and `convert` on the tiny network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from conversion.graph_file import load_graph
from depth_snn.config import NETWORKS
from depth_snn.errors import InputError
from depth_snn.models.vit_loihi import DepthViTLoihi
from depth_snn.models.weights import load_model
from depth_snn.training.dataset import paint
from depth_snn.training.trainer import TrainConfig, train
from tests.unit.command import TINY, contents, depth_snn, refused

STEPS, BATCH = 5, 2
QUICK = (
    *TINY,
    "--steps",
    str(STEPS),
    "--batch",
    str(BATCH),
    "--clips",
    "1",
    "--unseen",
    "1",
    "--workers",
    "1",
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights after five steps."""
    path = tmp_path_factory.mktemp("train") / "five.safetensors"
    done = depth_snn("train", "--out", path, *QUICK)
    assert done.code == 0, done
    assert "mIoU on unseen scenes of heldout assets" in done.out
    assert contents(path.parent) == ["five.safetensors"], "the checkpoint is gone"
    return path


def same(left: DepthViTLoihi, right: DepthViTLoihi) -> bool:
    a, b = left.state_dict(), right.state_dict()
    return all(torch.equal(a[k], b[k]) for k in a if not k.endswith("num_batches_tracked"))


def test_trained_weights_load_and_run(trained: Path, tmp_path: Path) -> None:
    model = load_model(trained)
    assert model.config == NETWORKS["tiny"] and not model.training
    torch.manual_seed(0)
    assert not same(model, DepthViTLoihi(NETWORKS["tiny"]).eval()), "training changes weights"
    words = ("--out", tmp_path, "--network", trained, "--frames", "2", "--witness-frames", "0")
    assert depth_snn("run", "scene:street", *words).code == 0


def test_an_interrupted_training_ends_with_the_same_weights(trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "again.safetensors"
    checkpoint = tmp_path / "again.safetensors.checkpoint"
    recipe = TrainConfig(steps=STEPS, batch=BATCH, seed=0)
    data = paint(NETWORKS["tiny"], 1, first_seed=0, workers=1)

    def interrupt(step: int, loss: float) -> None:
        if step == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(NETWORKS["tiny"], data, recipe, checkpoint=checkpoint, save_every=3,
              progress=interrupt)  # fmt: skip
    assert contents(tmp_path) == [checkpoint.name]
    with pytest.raises(InputError, match="checkpoint of another recipe"):
        train(NETWORKS["tiny"], data, replace(recipe, seed=1), checkpoint=checkpoint)
    with pytest.raises(InputError, match="checkpoint of another network"):
        train(replace(NETWORKS["tiny"], name="other"), data, recipe, checkpoint=checkpoint)
    assert depth_snn("train", "--out", out, *QUICK).code == 0
    assert same(load_model(out), load_model(trained))
    assert contents(tmp_path) == [out.name]


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "t.safetensors"
    (tmp_path / "t.safetensors.checkpoint").write_bytes(b"damaged")
    refused(depth_snn("train", "--out", out, *QUICK), "not a readable checkpoint")
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
