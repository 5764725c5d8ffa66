"""RAFT-small: training, its file, its price, and its place in the chain."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from depth_snn.config import PolicyConfig
from depth_snn.errors import ConfigError, InputError
from depth_snn.motion.base import explain
from depth_snn.motion.raft import (
    UPDATES,
    RaftFlow,
    endpoint_error,
    load_raft,
    picture,
    raft_macs,
    raft_network,
)
from depth_snn.pruning.pipeline import Pipeline
from depth_snn.pruning.prices import prices_of
from depth_snn.recovery.judge import ErrorJudge
from depth_snn.training.flow import FAR_PX, flow_loss, flow_pairs, train_raft
from tests.unit.command import contents, depth_snn, refused
from tests.unit.small import STREET, TINY, random_network, scene_frames

pytest.importorskip("torchvision")
PICKLE = b"\x80\x02cbuiltins\nlist\nq\x00)Rq\x01."
"""Asks whoever unpickles it to call a function, a harmless one."""
SIZE = {"height": 128, "width": 128}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads of a training wait for each other, which takes minutes on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of an untrained network."""
    path = tmp_path_factory.mktemp("raft") / "raft.safetensors"
    torch.manual_seed(0)
    save_file(raft_network().state_dict(), path)
    return path


def test_the_command_trains_saves_and_measures(tmp_path: Path) -> None:
    path = tmp_path / "new.safetensors"
    words = ("--train", "--steps", "1", "--batch", "1", "--out", path, "--pairs", "1")
    done = depth_snn("flow", *words, "--network", "street")
    assert done.code == 0, done
    assert f"wrote {path}" in done.out and contents(tmp_path) == [path.name]
    for assets in ("known", "heldout"):
        (row,) = (line for line in done.out.splitlines() if line.startswith(assets))
        assert all(name in row for name in ("none ", "dis ", "patch ", f"raft:{path} "))
    assert load_raft(path).state_dict().keys() == raft_network().state_dict().keys()


def test_a_few_steps_reduce_the_loss() -> None:
    torch.manual_seed(0)
    before, said = raft_network().eval(), []
    after = train_raft(
        steps=10, batch=1, **SIZE, on_step=lambda step, loss: said.append((step, loss))
    )
    assert [step for step, _ in said] == list(range(1, 11))
    assert all(np.isfinite(loss) for _, loss in said) and not after.training

    def loss_of(model: nn.Module) -> float:
        losses = []
        for pair in islice(flow_pairs(0, **SIZE), 4):
            with torch.no_grad():
                found = model(picture(pair.now), picture(pair.before), num_flow_updates=UPDATES)
            truth = torch.from_numpy(pair.flow)[None].permute(0, 3, 1, 2)
            losses.append(float(flow_loss(found, truth, torch.from_numpy(pair.seen)[None])))
        return float(np.mean(losses))

    assert loss_of(after) < 0.9 * loss_of(before)


def test_same_seed_same_weights() -> None:
    one, two = (train_raft(steps=1, batch=1, **SIZE, seed=3).state_dict() for _ in range(2))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_the_loss_by_hand() -> None:
    """Two guesses, off by 1 and by 3 in both directions; the older counts 0.8; hidden is out."""
    truth, seen = torch.zeros(1, 2, 1, 3), torch.tensor([[[True, True, False]]])
    late, early = truth + 1, truth + 3
    late[..., 2] = 1e6
    assert float(flow_loss([early, late], truth, seen)) == pytest.approx(1 + 0.8 * 3)
    assert float(flow_loss([late], truth, torch.zeros_like(seen))) == 0


def test_pairs_are_neighbours_and_leave_out_what_is_hidden() -> None:
    for pair in islice(flow_pairs(7, **SIZE), 3):
        assert pair.before.shape == pair.now.shape == (128, 128, 3)
        assert 0.3 < pair.seen.mean() <= 1
        assert np.linalg.norm(pair.flow, axis=-1)[pair.seen].max() < FAR_PX


def test_weights_come_back_as_they_were(weights: Path) -> None:
    state, saved = load_raft(weights).state_dict(), load_file(weights)
    assert state.keys() == saved.keys()
    assert all(torch.equal(state[name], saved[name]) for name in saved)


def damage(kind: str, good: Path, path: Path) -> None:
    state: dict[str, Tensor] = load_file(good)
    first = next(iter(state))
    if kind == "pickle":
        path.write_bytes(PICKLE)
    elif kind == "cut":
        path.write_bytes(good.read_bytes()[:100_000])
    elif kind == "missing tensor":
        save_file({name: t for name, t in state.items() if name != first}, path)
    elif kind == "other shape":
        save_file(state | {first: torch.zeros(3, 3)}, path)
    elif kind == "not finite":
        save_file(state | {first: state[first] * float("nan")}, path)
    elif kind == "another network":
        save_file({"a": torch.zeros(2)}, path)


@pytest.mark.parametrize(
    "kind", ["pickle", "cut", "missing tensor", "other shape", "not finite", "another network",
             "none"],
)  # fmt: skip
def test_wrong_files_are_refused_in_one_line(kind: str, weights: Path, tmp_path: Path) -> None:
    path = tmp_path / "bad.safetensors"
    damage(kind, weights, path)
    with pytest.raises(InputError) as error:
        load_raft(path)
    assert len(str(error.value).splitlines()) == 1 and str(path) in str(error.value)
    refused(depth_snn("flow", "--raft", path, "--network", "street", "--pairs", "1"), str(path))


def test_a_network_that_is_too_small_or_a_target_that_is_no_weights_file(weights: Path) -> None:
    with pytest.raises(ConfigError, match="64×32; RAFT needs at least 128"):
        RaftFlow(TINY, weights)
    refused(depth_snn("flow", "--train"), "--out FILE.safetensors")
    refused(depth_snn("flow", "--train", "--out", "weights.pt"), "--out FILE.safetensors")


def test_its_price_is_every_convolution_and_the_correlation() -> None:
    """Counted from the shapes that pass by, and from nothing of torch's counter."""
    model, macs = raft_network().eval(), 0

    def count(module: nn.Module, _: object, out: Tensor) -> None:
        nonlocal macs
        assert isinstance(module, nn.Conv2d)
        height, width = module.kernel_size
        macs += out.numel() * height * width * module.in_channels // module.groups

    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count)
    charged = raft_macs(model, STREET)
    places, channels = (STREET.height // 8) * (STREET.width // 8), 128
    assert charged == macs + places * places * channels > 2 * 10**9


def test_it_is_charged_in_the_pipeline(weights: Path) -> None:
    """What the policy names is what measures, and all of its work is motion's."""
    policy = PolicyConfig(motion=f"raft:{weights}", carry=False)
    prices = prices_of(STREET, scored=False)
    pipeline = Pipeline(random_network(STREET), policy, prices, ErrorJudge(STREET))
    first, second = (pipeline.step(rgb) for rgb in scene_frames(STREET, 2))
    assert first.motion is None and first.decision.motion_macs == 0
    assert second.motion is not None and np.isfinite(second.motion.residual_px).all()
    assert second.motion.flow.shape == (128, 256, 2)
    source = RaftFlow(STREET, weights)
    charged = source.macs + explain(second.motion.flow, STREET).macs
    assert second.decision.motion_macs == charged > 2 * 10**9


def test_endpoint_error_counts_what_can_be_seen() -> None:
    truth, seen = np.zeros((2, 2, 2), np.float32), np.array([[True, True], [True, False]])
    flow = truth.copy()
    flow[0, 0] = 3, 4
    flow[1, 1] = 99
    assert endpoint_error(flow, truth, seen) == pytest.approx(5 / 3)
