"""Several streams at once, bit for bit like each alone; what a stream holds does not grow."""

from __future__ import annotations

import mmap
import sys
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import torch

from depth_snn.cli.chain.setup import load_policy
from depth_snn.config import GateConfig, PolicyConfig
from depth_snn.errors import ConfigError
from depth_snn.models.build import Network
from depth_snn.models.weights import find_network
from depth_snn.pruning.memory import held_bytes
from depth_snn.pruning.pipeline import Pipeline, Step
from depth_snn.pruning.prices import prices_of
from depth_snn.pruning.streams import Streams
from depth_snn.recovery.judge import JudgeWeights, TrainedJudge, judge_inputs
from depth_snn.recovery.judge_file import make_judge
from tests.unit.small import TINY, random_twin, scene_frames, settled_network

TWIN = replace(TINY, name="tiny_twin", kind="vit")
LIVELY = PolicyConfig(
    tau_px=0.7, tau_stale=4.0, token_rate=(0.5,),
    gate=GateConfig(dv=1024, vth=50, hold=2, cap_percent=60, refill_percent=60),
)  # fmt: skip
CASES = {
    "reuse": (TINY, LIVELY),
    "downsample": (TINY, replace(LIVELY, static="downsample")),
    "twin": (TWIN, LIVELY),
}
ARRAYS = ("residual_px", "change", "drive", "membrane", "spikes", "sched")


def network(kind: str) -> Network:
    return random_twin(TWIN) if kind == "vit" else settled_network()


def random_judge() -> TrainedJudge:
    """A judge with scratch memory, which streams share."""
    rng, count, hidden = np.random.default_rng(0), judge_inputs(TINY), 5
    shapes = ((count,), (count,), (hidden, count), (hidden,), (hidden,) * 2, (hidden,), (hidden,))
    arrays = (rng.normal(size=shape).astype(np.float32) for shape in shapes)
    return TrainedJudge(TINY, JudgeWeights(*arrays, c0=np.float32(1)))


def same(a: Step, b: Step) -> bool:
    pairs = [(getattr(a.decision, k), getattr(b.decision, k)) for k in ARRAYS]
    pairs += [(a.decision.restored.open, b.decision.restored.open)]
    pairs += [(a.logits, b.logits), (a.classes, b.classes)]
    return all(np.array_equal(x, y) for x, y in pairs)


def clips(count: int, frames: int) -> list[tuple[npt.NDArray[np.uint8], ...]]:
    return [scene_frames(TINY, frames, seed=3 + i, camera="driving") for i in range(count)]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("trained", [False, True], ids=["error", "trained"])
def test_streams_give_what_separate_pipelines_give(case: str, trained: bool) -> None:
    config, policy = CASES[case]
    model, prices = network(config.kind), prices_of(config, scored=True)
    judges = [random_judge() if trained else make_judge("error", config) for _ in range(4)]
    streams = Streams(model, policy, prices, judges[3], 3)
    alone = [Pipeline(model, policy, prices, judge) for judge in judges[:3]]
    for frames in zip(*clips(3, 8), strict=True):
        together = streams.step(frames)
        apart = [pipeline.step(rgb) for pipeline, rgb in zip(alone, frames, strict=True)]
        assert all(same(a, b) for a, b in zip(together, apart, strict=True))
    assert not same(together[0], together[1]), "the streams saw the same"


def test_streams_share_the_weights_and_no_state() -> None:
    prices = prices_of(TINY, scored=True)
    streams = Streams(settled_network(), LIVELY, prices, make_judge("error", TINY), 2)
    one, two = streams.pipelines
    assert one.stream.parts is two.stream.parts
    streams.step([scene_frames(TINY, 1)[0]] * 2)
    tensors = [
        {t.untyped_storage().data_ptr() for t in vars(p.state).values() if torch.is_tensor(t)}
        for p in (one, two)
    ]
    assert len(tensors[0]) == 3 and not tensors[0] & tensors[1]


def test_swapping_one_stream_leaves_the_others_alone() -> None:
    prices, judge = prices_of(TINY, scored=True), make_judge("error", TINY)
    streams = Streams(settled_network(), LIVELY, prices, judge, 2)
    alone = Pipeline(settled_network(), LIVELY, prices, make_judge("error", TINY))
    for index, rgb in enumerate(scene_frames(TINY, 8)):
        if index == 3:
            streams.pipelines[0].swap(replace(LIVELY, token_rate=(0.0,), static="downsample"))
        changed, untouched = streams.step([rgb, rgb])
        assert same(untouched, alone.step(rgb))
    assert changed.decision.pooled is not None and untouched.decision.pooled is None


def test_streams_refuse_what_they_cannot_run() -> None:
    prices, judge = prices_of(TINY, scored=True), make_judge("error", TINY)
    with pytest.raises(ConfigError, match="0 streams: expected 1 or more"):
        Streams(settled_network(), LIVELY, prices, judge, 0)
    streams = Streams(settled_network(), LIVELY, prices, judge, 2)
    with pytest.raises(ValueError, match=r"1 frames .* 2 streams"):
        streams.step(scene_frames(TINY, 1))
    assert not streams.pipelines[0].state.started, "nothing ran"


@pytest.mark.parametrize("case", CASES)
def test_what_a_stream_holds_does_not_grow(case: str) -> None:
    config, policy = CASES[case]
    prices = prices_of(config, scored=True)
    pipeline = Pipeline(network(config.kind), policy, prices, make_judge("error", config))
    frames, held = scene_frames(TINY, 12), []
    for index in range(50):
        pipeline.step(frames[index % 12])
        held.append(pipeline.memory_bytes())
    # From the second frame on the gate's neurons have a frame to compare with.
    assert held[1] == held[-1]
    assert set(held[0]) == {"state", "view", "buffers"} and min(held[0].values()) > 0
    state = pipeline.state
    tensors = [state.picture, state.x, state.logits, *state.kv, *state.s]
    exact = sum(t.numel() * t.element_size() for t in tensors) + state.strength.nbytes
    restore = pipeline.decider.restore_state
    assert held[-1]["state"] == exact + restore.owed.nbytes + restore.strength.nbytes
    assert held[-1]["view"] > pipeline.view.scores.nbytes + pipeline.view.features.nbytes


@pytest.mark.skipif(sys.platform != "linux", reason="page faults are counted as Linux counts them")
def test_the_steady_state_asks_the_system_for_no_memory() -> None:
    """New pages are new memory: temporaries come and go within what the process already has."""
    resource = pytest.importorskip("resource")
    model, policy = find_network("small"), load_policy(None, "small")
    prices, judge = (
        prices_of(model.config, scored=policy.cuts_tokens),
        make_judge("small", model.config),
    )
    pipeline = Pipeline(model, replace(policy, head_rate=(0.0,)), prices, judge)
    frames, faults = scene_frames(model.config, 20), []
    for index in range(60):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        pipeline.step(frames[index % 20])
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    with mmap.mmap(-1, 2**22) as fresh:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        fresh.write(b"1" * 2**22)
        seen = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    assert seen > 100, "new memory is seen"
    assert np.median(faults[20:]) < 3  # pages of 4 KiB; keys and values of one layer are 192


def test_memory_is_counted_once_and_seen_wherever_it_lies() -> None:
    array, tensor = np.zeros((4, 8), np.float32), torch.zeros(10).double()
    assert held_bytes(array) == held_bytes(array, array) == 128 and held_bytes(tensor) == 80
    assert held_bytes(array[1:2], [array.T]) == 128, "a view keeps the whole array"
    assert held_bytes({"a": [tensor[2:], (array,)]}, None, 3, "text") == 208
    seen: set[int] = set()
    assert held_bytes(array, seen=seen) == 128 and held_bytes([array, tensor], seen=seen) == 80
    assert held_bytes(settled_network()) == 0, "weights are shared"
