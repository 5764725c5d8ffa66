"""The judge: against plain NumPy, against its torch network, and as a file that may be damaged."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from torch import nn

from depth_snn.cli.chain.setup import load_policy
from depth_snn.config import NetworkConfig
from depth_snn.errors import ConfigError, DepthError, InputError
from depth_snn.pruning.view import View
from depth_snn.recovery.judge import (
    NOTES,
    ErrorJudge,
    JudgeWeights,
    TrainedJudge,
    judge_inputs,
    pixel_error,
)
from depth_snn.recovery.judge_file import FORMAT, load_judge, make_judge, save_judge
from depth_snn.training.judge import JudgeNet
from depth_snn.training.recipe import load_recipe
from depth_snn.windows import STALE_MARGIN
from tests.unit.command import contents
from tests.unit.small import DEEP, TINY, UNEVEN

F32 = npt.NDArray[np.float32]
Image = npt.NDArray[np.uint8]
Seen = tuple[Image, F32, F32, View]
NAMES = ("mean", "scale", "a", "a0", "b", "b0", "c", "c0")
SHAPES = pytest.mark.parametrize("config", [TINY, UNEVEN, DEEP], ids=lambda c: c.name)


def seen(config: NetworkConfig, seed: int = 0) -> Seen:
    """Frame, features, flow and view, all at random; tokens are of different age."""
    rng = np.random.default_rng(seed)
    view, size = View(config), (config.height, config.width)
    view.picture[:] = rng.integers(0, 256, view.picture.shape)
    view.scores[:] = rng.normal(size=view.scores.shape)
    view.features[:] = rng.normal(size=view.features.shape)
    view.age[:] = rng.integers(0, 30, config.tokens)
    rgb = rng.integers(0, 256, (*size, 3)).astype(np.uint8)
    features = rng.normal(size=view.features.shape).astype(np.float32)
    return rgb, features, rng.normal(0, 2, (*size, 2)).astype(np.float32), view


def random_net(config: NetworkConfig, hidden: int = 9, seed: int = 0) -> JudgeNet:
    """A judge far from zero and from the identity."""
    torch.manual_seed(seed)
    rng, count = np.random.default_rng(seed), judge_inputs(config)
    mean = rng.normal(size=count).astype(np.float32)
    net = JudgeNet(mean, rng.uniform(0.3, 3, count).astype(np.float32), hidden).eval()
    for layer in (net.first, net.second, net.third):
        nn.init.normal_(layer.weight, std=1.5 * layer.in_features**-0.5)
    with torch.no_grad():
        net.third.weight.abs_()  # else softplus may be flat everywhere
    return net


def squares(image: npt.NDArray[np.generic], config: NetworkConfig) -> npt.NDArray[np.float64]:
    """What belongs to each token (N, positions, C) of a map of any fineness."""
    h, w = config.grid
    s = image.shape[0] // h
    split = image.astype(float).reshape(h, s, w, s, -1).transpose(0, 2, 1, 3, 4)
    return split.reshape(h * w, s * s, -1)


@SHAPES
def test_the_plain_judge_is_the_mean_difference_of_windows(config: NetworkConfig) -> None:
    rgb, features, flow, view = seen(config)
    judge, side, margin = ErrorJudge(config), config.patch + 2 * STALE_MARGIN, STALE_MARGIN
    difference = np.abs(rgb.astype(int) - view.picture).sum(-1)
    padded = np.pad(difference, margin)  # outside the picture nothing differs
    h, w = config.grid
    wanted = [
        padded[y * config.patch :, x * config.patch :][:side, :side].sum() / (side * side * 3)
        for y in range(h)
        for x in range(w)
    ]
    found = judge.change(rgb, features, flow, view)
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    assert np.array_equal(found, pixel_error(rgb, view)) and found.dtype == np.float32
    assert judge.macs == len(wanted) * side * side * 3
    assert not judge.change(view.picture, features, flow, view).any()


@SHAPES
def test_what_is_gathered_is_what_plain_numpy_gathers(config: NetworkConfig) -> None:
    rgb, features, flow, view = seen(config)
    change = squares(features, config) - squares(view.features, config)
    grey = np.abs(squares(rgb, config) - squares(view.picture, config))
    flows = squares(flow, config)
    notes = [
        grey.mean((1, 2)) ** 0.5,
        (grey.max((1, 2)) / 4) ** 0.5,
        np.linalg.norm(flows.mean(1), axis=-1) ** 0.5,
        flows.var(1).sum(-1) ** 0.25,
        np.minimum(view.age, 20) ** 0.5,
    ]
    parts = [change.mean(1), np.abs(change).mean(1), squares(features, config).mean(1)]
    wanted = np.concatenate([*parts, squares(view.scores, config).mean(1), np.stack(notes, 1)], 1)
    judge = TrainedJudge(config, random_net(config).weights())
    found = judge.gather(rgb, features, flow, view)
    assert found.shape == wanted.shape == (config.tokens, judge_inputs(config))
    assert len(notes) == NOTES
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


@SHAPES
def test_the_runtime_says_what_torch_says(config: NetworkConfig) -> None:
    net, (rgb, features, flow, view) = random_net(config), seen(config, 1)
    judge = TrainedJudge(config, net.weights())
    inputs = torch.from_numpy(judge.gather(rgb, features, flow, view).copy())
    with torch.inference_mode():
        wanted = net(inputs).numpy()
    found = judge.change(rgb, features, flow, view)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)
    assert found.dtype == np.float32 and found.min() >= 0
    assert np.ptp(found) > 0.1, "one answer for every token tests nothing"
    assert judge.macs > TrainedJudge(config, random_net(config, 3).weights()).macs


def test_a_judge_forgets_what_it_judged_before() -> None:
    judge = TrainedJudge(TINY, random_net(TINY).weights())
    first = judge.change(*seen(TINY, 1)).copy()
    other = judge.change(*seen(TINY, 2))
    assert not np.allclose(first, other)
    assert np.array_equal(judge.change(*seen(TINY, 1)), first)


def test_a_judge_of_other_inputs_is_refused() -> None:
    weights = random_net(TINY).weights()
    inputs, given = judge_inputs(UNEVEN), judge_inputs(TINY)
    assert inputs != given
    with pytest.raises(InputError, match=f"judge of {given} inputs; this network gives {inputs}"):
        TrainedJudge(UNEVEN, weights)


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A judge of the tiny network."""
    path = tmp_path / "judge.safetensors"
    save_judge(random_net(TINY).weights(), {"network": "tiny", "caught": 0.5}, path)
    return path


def test_a_file_gives_back_what_was_written(stored: Path) -> None:
    weights = random_net(TINY).weights()
    tensors = load_file(stored)
    assert set(tensors) == set(NAMES)
    for name in NAMES:
        assert np.array_equal(tensors[name], getattr(weights, name)), name
    loaded, direct = load_judge(stored, TINY), TrainedJudge(TINY, weights)
    assert np.array_equal(loaded.change(*seen(TINY)), direct.change(*seen(TINY)))
    with safe_open(stored, framework="np") as file:
        assert json.loads(file.metadata()["facts"]) == {"network": "tiny", "caught": 0.5}
    save_judge(random_net(TINY, seed=1).weights(), {}, stored)
    assert not np.array_equal(load_file(stored)["a"], tensors["a"])
    assert contents(stored.parent) == [stored.name], "no temporary file is left"


def test_a_transposed_view_is_stored_as_it_reads(tmp_path: Path) -> None:
    path, weights = tmp_path / "t.safetensors", random_net(TINY).weights()
    save_judge(replace(weights, a=np.asfortranarray(weights.a), b=weights.b.T), {}, path)
    assert np.array_equal(load_file(path)["a"], weights.a)
    assert np.array_equal(load_file(path)["b"], weights.b.T)


def refused(path: Path | str, config: NetworkConfig, *parts: str) -> None:
    """Assert one line of error that names the file and says what is wrong with it."""
    with pytest.raises((InputError, ConfigError)) as caught:
        make_judge(str(path), config)
    said = str(caught.value)
    assert isinstance(caught.value, DepthError) and len(said.splitlines()) == 1
    for part in (Path(path).name, *parts):
        assert part in said, (part, said)


def test_damaged_files_are_refused(stored: Path) -> None:
    whole = stored.read_bytes()
    for damaged in (b"", b"\x80\x04nonsense.", whole[:-1], whole[:100], b"\xff" * 8 + whole[8:]):
        stored.write_bytes(damaged)
        refused(stored, TINY, "not a readable judge")
    stored.write_bytes(whole)
    load_judge(stored, TINY)


def rewrite(path: Path, tensors: dict[str, npt.NDArray[np.generic]], form: str = FORMAT) -> None:
    save_file(tensors, path, metadata={"format": form})


def test_files_that_are_something_else_are_refused(stored: Path) -> None:
    tensors = load_file(stored)
    for name in NAMES:
        rewrite(stored, {k: v for k, v in tensors.items() if k != name})
        refused(stored, TINY, "not a readable judge", name)
    rewrite(stored, tensors, form="depth-snn judge 99")
    refused(stored, TINY, "not a judge of this project")
    save_file(tensors, stored)
    refused(stored, TINY, "not a judge of this project")


def test_judges_of_another_network_are_refused(stored: Path) -> None:
    refused(stored, UNEVEN, "another network", "mean")
    good = load_file(stored)
    one, flat = good["a0"][:1], good["c"][None]
    empty = {"a": good["a"][:0], "a0": one[:0], "b": good["b"][:0, :0], "b0": one[:0],
             "c": one[:0]}  # fmt: skip
    for name, wrong in (
        ("b", good["b"][:, :-1].copy()), ("c", flat), ("c0", one), ("a0", good["a0"][None]),
    ):  # fmt: skip
        rewrite(stored, good | {name: wrong})
        refused(stored, TINY, "another network", f"{name} has shape {wrong.shape}")
    rewrite(stored, good | empty)
    refused(stored, TINY, "a has shape (0, ", "expected 1 to 4096 rows")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused(stored: Path, value: float) -> None:
    """Otherwise nothing would ever be judged stale: a comparison with NaN is false."""
    tensors = load_file(stored)
    tensors["b"][0, 0] = value
    rewrite(stored, tensors)
    refused(stored, TINY, "b holds", "not finite")


def test_weights_of_another_type_are_refused(stored: Path) -> None:
    tensors = load_file(stored)
    rewrite(stored, tensors | {"b": tensors["b"].astype(np.int32)})
    refused(stored, TINY, "b is of type I32")


def test_judges_are_found_by_name(stored: Path) -> None:
    assert isinstance(make_judge("error", TINY), ErrorJudge)
    assert isinstance(make_judge(str(stored), TINY), TrainedJudge)
    refused("enormous", TINY, "expected 'error', a shipped one")
    refused(stored.with_name("none.safetensors"), TINY, "expected 'error', a shipped one")
    refused(stored.with_suffix(".txt"), TINY, "expected 'error', a shipped one")


@pytest.mark.parametrize("name", ["small"])
def test_shipped_judges_fit_the_networks_whose_policies_name_them(name: str) -> None:
    config, policy = load_recipe(name).network, load_policy(None, name)
    assert policy.judge == name and policy.gate.drive == "change"
    judge = make_judge(name, config)
    assert isinstance(judge, TrainedJudge)
    change = judge.change(*seen(config))
    assert change.shape == (config.tokens,) and np.isfinite(change).all() and change.min() >= 0
    refused(name, TINY, "another network")


def test_what_did_not_change_is_judged_right_by_the_shipped_judge() -> None:
    """The same pixels and features, just computed: less to mend than after a change of all."""
    config = load_recipe("small").network
    judge = make_judge("small", config)
    rgb, features, flow, view = seen(config)
    view.scores *= 4
    changed = judge.change(rgb, features, flow, view).mean()
    view.age[:] = 0
    still = judge.change(view.picture, view.features, np.zeros_like(flow), view).mean()
    assert still < 0.5 * changed


def test_weights_are_plain_arrays() -> None:
    weights = random_net(TINY, hidden=5).weights()
    inputs = judge_inputs(TINY)
    shapes = {name: np.shape(getattr(weights, name)) for name in NAMES}
    assert shapes == {
        "mean": (inputs,), "scale": (inputs,), "a": (5, inputs), "a0": (5,), "b": (5, 5),
        "b0": (5,), "c": (5,), "c0": (),
    }  # fmt: skip
    assert isinstance(weights, JudgeWeights)
