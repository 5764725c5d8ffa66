"""Weights files: what was saved comes back; damaged, foreign and hostile ones get one line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from depth_snn.errors import InputError
from depth_snn.models.build import build_network
from depth_snn.models.weights import (
    facts_of,
    find_network,
    load_model,
    load_network,
    round_to_half,
    save_model,
    shipped,
)
from depth_snn.training.recipe import Recipe
from tests.unit.small import UNEVEN, WEIGHTS, random_network


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "net.safetensors"
    save_model(random_network(), path, {"seed": "0"})
    return path


def header(**changes: object) -> dict[str, str]:
    return {"format_version": "2", "config": json.dumps(UNEVEN.to_dict() | changes)}


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
    x = torch.rand(1, 3, UNEVEN.height, UNEVEN.width) * 255
    with torch.inference_mode():
        assert torch.equal(again(x), model(x))
    assert [p.name for p in saved.parent.iterdir()] == [saved.name]


def test_saving_again_replaces_the_file(saved: Path) -> None:
    save_model(random_network(seed=9), saved)
    assert torch.equal(load_model(saved).embed.weight, random_network(seed=9).embed.weight)


def test_half_the_size_and_the_same_numbers(tmp_path: Path) -> None:
    model = random_network()
    round_to_half(model)
    whole, half = tmp_path / "whole.safetensors", tmp_path / "half.safetensors"
    save_model(model, whole)
    save_model(model, half, half=True)
    assert half.stat().st_size < 0.75 * whole.stat().st_size
    for key, value in model.state_dict().items():
        assert torch.equal(load_model(half).state_dict()[key], value), key
    with torch.no_grad():
        model.position[0, 0] = 1e6
    with pytest.raises(InputError, match="position does not fit 16 bits"):
        round_to_half(model)


def test_the_twin_loads_but_does_not_pass_for_the_loihi_kind(tmp_path: Path) -> None:
    path = tmp_path / "twin.safetensors"
    shape = replace(UNEVEN, kind="vit", heads=(3, 3))
    twin = build_network(shape).eval()
    save_model(twin, path)
    again = load_network(path)
    assert again.config == shape
    x = torch.rand(1, 3, UNEVEN.height, UNEVEN.width) * 255
    with torch.inference_mode():
        assert torch.equal(again(x), twin(x))
    with pytest.raises(InputError, match="holds a network of kind 'vit'"):
        load_model(path)


@pytest.mark.parametrize("path", WEIGHTS, ids=lambda p: p.stem)
def test_shipped_weights_load_by_name(path: Path) -> None:
    assert shipped(path.stem) == path
    model = load_network(path)
    assert model.config.name == path.stem
    assert all(p.isfinite().all() for p in model.parameters())
    with pytest.raises(InputError, match=r"no such shipped weights \(there are: .*tiny"):
        find_network("enormous")


@pytest.mark.parametrize("path", WEIGHTS, ids=lambda p: p.stem)
def test_shipped_weights_say_how_they_were_made(path: Path) -> None:
    facts = facts_of(path)
    recipe = Recipe.from_dict(json.loads(facts["recipe"]))
    assert recipe.network == load_network(path).config
    for other in (recipe.train.start, recipe.train.teacher):
        assert other == Path(other).name, "a file names networks, not places"
    assert recipe.train.steps >= 100 and float(facts["minutes"]) > 0
    assert re.match(r"\d+\.\d+", facts["torch"])
    for frames in ("val",) if recipe.data.source == "camvid" else ("known", "heldout"):
        # One class everywhere cannot pass one eighth.
        assert 0.3 <= float(facts[f"miou_{frames}"]) <= 1
    assert recipe.data.source != "camvid" or "non-commercial" in facts["licence"]


def test_shipped_weights_are_small() -> None:
    assert sum(path.stat().st_size for path in WEIGHTS) <= 20 * 10**6


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
    rewrite(saved, tensors | {"embed.weight": torch.zeros(12, 5, 4, 3)}, header())
    assert "embed.weight has shape (12, 5, 4, 3), expected (12, 5, 4, 4)" in refusal(saved)
    rewrite(saved, {k: v for k, v in tensors.items() if k != "embed.bias"}, header())
    assert "'embed.bias' does not match" in refusal(saved)
    rewrite(saved, tensors | {"more": torch.zeros(1)}, header())
    assert "'more' does not match" in refusal(saved)
    rewrite(saved, tensors, header() | {"format_version": "1"})
    assert "weights of format 1, this version reads 2" in refusal(saved)


@pytest.mark.parametrize(
    "change",
    [
        {"dim": 2**20, "mlp": 2**20}, {"heads": [1] * 100_000}, {"dim": 2**40}, {"dim": -1},
        {"stem": []}, {"stem": [2**40]}, {"kind": "cnn"}, {"dim": "12"}, {"dim": 12.5},
        {"heads": []}, {"heads": 3}, {"colour": 1},
        {"decoder": 0}, {"region": 3}, {"height": 17},
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
        rewrite(saved, tensors, {"format_version": "2", "config": text})
        refusal(saved)
