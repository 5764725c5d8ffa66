"""Weights files: what was saved comes back; damaged, foreign and hostile ones get one line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from depth_snn.errors import InputError
from depth_snn.models.weights import find_network, load_model, save_model, shipped
from depth_snn.training.trainer import TrainConfig
from tests.unit.small import UNEVEN, WEIGHTS, random_network


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "net.safetensors"
    save_model(random_network(), path, {"seed": "0"})
    return path


def header(**changes: object) -> dict[str, str]:
    return {"format_version": "1", "config": json.dumps(UNEVEN.to_dict() | changes)}


def rewrite(path: Path, tensors: Mapping[str, torch.Tensor], facts: dict[str, str]) -> None:
    save_file({k: v.contiguous() for k, v in tensors.items()}, path, metadata=facts)


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_model(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "\n" not in message
    return message


def test_round_trip(saved: Path) -> None:
    model, again = random_network(), find_network(str(saved))
    assert again.config == model.config and not again.training
    for key, value in model.state_dict().items():
        assert torch.equal(again.state_dict()[key], value), key
    x = torch.rand(1, UNEVEN.tokens, UNEVEN.inputs) * 255
    with torch.inference_mode():
        assert torch.equal(again(x), model(x))
    assert [p.name for p in saved.parent.iterdir()] == [saved.name]


def test_saving_again_replaces_the_file(saved: Path) -> None:
    save_model(random_network(seed=9), saved)
    assert torch.equal(load_model(saved).embed.weight, random_network(seed=9).embed.weight)


@pytest.mark.parametrize("path", WEIGHTS, ids=lambda p: p.stem)
def test_shipped_weights_load_by_name(path: Path) -> None:
    assert shipped(path.stem) == path
    model = find_network(path.stem)
    assert model.config.name == path.stem
    assert all(p.isfinite().all() for p in model.parameters())
    with pytest.raises(InputError, match=r"no such shipped weights \(there are: .*tiny"):
        find_network("enormous")


@pytest.mark.parametrize("path", WEIGHTS, ids=lambda p: p.stem)
def test_shipped_weights_say_how_they_were_made(path: Path) -> None:
    with safe_open(path, framework="pt") as file:
        facts = file.metadata()
    recipe = re.fullmatch(r"TrainConfig\((.+)\)", facts["recipe"])
    assert recipe is not None
    given = dict(setting.split("=") for setting in recipe[1].split(", "))
    assert {"steps", "batch", "learning_rate", "seed"} <= given.keys()
    assert given.keys() <= {field.name for field in fields(TrainConfig)}
    assert int(given["steps"]) >= 100
    assert int(facts["clips"]) >= 1
    assert re.match(r"\d+\.\d+", facts["torch"])
    for assets in ("known", "heldout"):
        # One class everywhere cannot pass one eighth.
        assert 0.3 <= float(facts[f"miou_{assets}"]) <= 1


@pytest.mark.parametrize("keep", [0, 4, 100, 3000, -1])
def test_truncated(saved: Path, keep: int) -> None:
    saved.write_bytes(saved.read_bytes()[:keep])
    refusal(saved)


def test_missing_and_foreign(tmp_path: Path) -> None:
    assert "no such weights file" in refusal(tmp_path / "none.safetensors")
    text = tmp_path / "text.safetensors"
    text.write_text("not weights at all")
    assert "not a readable weights file" in refusal(text)
    save_file({"a": torch.zeros(3)}, text)
    assert "not weights of this project" in refusal(text)


def test_tensors_that_do_not_fit_the_header(saved: Path) -> None:
    tensors = load_file(saved)
    rewrite(saved, tensors | {"embed.weight": torch.zeros(12, 191)}, header())
    assert "embed.weight has shape (12, 191), expected (12, 192)" in refusal(saved)
    rewrite(saved, {k: v for k, v in tensors.items() if k != "head.bias"}, header())
    assert "'head.bias' does not match" in refusal(saved)
    rewrite(saved, tensors | {"more": torch.zeros(1)}, header())
    assert "'more' does not match" in refusal(saved)
    rewrite(saved, tensors, {"format_version": "2"} | {"config": header()["config"]})
    assert "not weights of this project" in refusal(saved)


@pytest.mark.parametrize(
    "change",
    [
        {"dim": 2**20, "mlp": 2**20}, {"heads": [1] * 100_000}, {"dim": 2**40}, {"dim": -1},
        {"patch": 0}, {"dim": "12"}, {"dim": 12.5}, {"heads": []}, {"heads": 3}, {"colour": 1},
        {"window": 7}, {"region": 3}, {"height": 17},
    ],
    ids=lambda c: next(iter(c)) + "=" + str(next(iter(c.values())))[:12],
)  # fmt: skip
def test_hostile_headers_get_a_line_before_they_get_memory(
    saved: Path, change: dict[str, object]
) -> None:
    tensors = load_file(saved)
    rewrite(saved, tensors, header(**change))
    refusal(saved)


def test_header_that_is_no_json(saved: Path) -> None:
    tensors = load_file(saved)
    for text in ("{", "[]", "null", "[" * 100_000):
        rewrite(saved, tensors, {"format_version": "1", "config": text})
        refusal(saved)
