"""Integers do not drift: gates closed and opened, thresholds, ten thousand frames."""

from __future__ import annotations

import numpy as np
import pytest

from conversion.gates import RESTORE, SCHED
from conversion.graph import Graph
from conversion.nodes import Delta, Dense, Input, SigmaDelta, Skip
from conversion.passes.set_thresholds import set_thresholds
from depth_snn.config import NetworkConfig
from sims.fast import FastSimulator, simulate
from tests.unit.converting import network_of, pixels_of
from tests.unit.small import TINY, scene_frames
from tests.unit.test_conversion import converted

Frame = dict[str, np.ndarray]


def frame_of(config: NetworkConfig, pixels: np.ndarray, opened: np.ndarray | int = 1) -> Frame:
    """Inputs of one frame; nothing asks for recovery."""
    return {
        "pixels": pixels.reshape(-1, 3).astype(np.int64),
        SCHED: np.broadcast_to(opened, (config.stages, config.tokens)).astype(np.int64),
        "drive": np.zeros(config.regions, np.int64),
        "fixed": np.ones(1, np.int64),
    }


def nested_mask(rng: np.random.Generator, config: NetworkConfig) -> np.ndarray:
    """Random tokens (S, N), each stage within the one before."""
    shares = np.sort(rng.random(config.stages))[::-1, None]
    return np.asarray(rng.random(config.tokens) < shares)


@pytest.mark.parametrize("closed", [1, 2, 5])
@pytest.mark.parametrize("which", ["scene", "uneven"])
def test_closing_gates_and_opening_them_is_never_closing_them(which: str, closed: int) -> None:
    """Every encoder has sent the same in the end, and from then on every message is the same."""
    graph, config = converted(which), network_of(which).config
    frames = 3 + closed + 3
    pixels, rng = pixels_of(which, frames), np.random.default_rng(closed)
    never = [frame_of(config, p) for p in pixels]
    shut = [dict(f) for f in never]
    for index in range(3, 3 + closed):
        shut[index] = frame_of(config, pixels[index], nested_mask(rng, config))
    shut[3] = frame_of(config, pixels[3], 0)
    runs = [
        simulate(graph, {k: np.stack([f[k] for f in each]) for k in each[0]}).values
        for each in (never, shut)
    ]
    opened = 3 + closed
    encoders = [n.name for n in graph.nodes if isinstance(n, Delta)]
    held = 0
    for name in encoders:
        always, paused = (run[f"{name}.out"] for run in runs)
        held += int((always[3:opened] != paused[3:opened]).any())
        assert np.array_equal(always[: opened + 1].sum(0), paused[: opened + 1].sum(0)), name
        assert np.array_equal(always[opened + 1 :], paused[opened + 1 :]), name
    assert held > 3, "gates that hold nothing back would prove nothing"
    assert np.array_equal(runs[0]["head.out.out"][opened:], runs[1]["head.out.out"][opened:])
    assert not runs[1][f"{RESTORE}.out"][3].any()


class Receivers:
    """Follows what every encoder was given and has sent, apart from the simulator's own state."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.given: dict[str, np.ndarray] = {}
        self.sent: dict[str, np.ndarray] = {}

    def note(self, values: dict[str, np.ndarray]) -> None:
        for node in self.graph.nodes:
            if isinstance(node, SigmaDelta):
                arrived = sum(
                    values[f"{e.source}.out"]
                    for e in self.graph.incoming[node.name] if e.port == "in"
                )  # fmt: skip
                self.given[node.name] = self.given.get(node.name, 0) + arrived
            if isinstance(node, Delta):
                self.sent[node.name] = self.sent.get(node.name, 0) + values[f"{node.name}.out"]

    def held_back(self, name: str) -> int:
        """Largest change that a sigma-delta encoder has not sent."""
        node = self.graph.by_name[name]
        assert isinstance(node, SigmaDelta)
        half = (1 << node.shift) >> 1
        act = np.clip((self.given[name] + node.bias + half) >> node.shift, node.lo, node.hi)
        return int(np.abs(act - self.sent[name]).max())

    def exact(self) -> None:
        """Receivers hold exactly the weights applied to what was sent, sum by sum."""
        for node in self.graph.nodes:
            if not isinstance(node, SigmaDelta):
                continue
            edges = [e for e in self.graph.incoming[node.name] if e.port == "in"]
            sources = [self.graph.by_name[e.source] for e in edges]
            if all(isinstance(s, Dense | Skip) for s in sources):  # all but behind a Conv
                total = sum(self._through(s) for s in sources)
                assert np.array_equal(total, self.given[node.name]), node.name

    def _through(self, node: object) -> np.ndarray:
        assert isinstance(node, Dense | Skip)
        (edge,) = self.graph.incoming[node.name]
        before = self.graph.by_name[edge.source]
        if not isinstance(before, Delta):  # a Regroup: its source's tokens, regrouped
            (inner,) = self.graph.incoming[edge.source]
            index = before.attributes()["index"]
            sent = self.sent[inner.source][index].reshape(len(index), -1)
        else:
            sent = self.sent[edge.source]
        if isinstance(node, Skip):
            return np.asarray(sent << node.exponent)
        groups = sent.reshape(node.tokens * node.repeat, -1) @ node.weight.T
        return np.asarray(groups.reshape(node.tokens, -1) << node.exponent)


def long_run(frames: int, threshold: int, seed: int = 0) -> None:
    """Random gates for many frames; then one open frame against a network that saw only that one.

    With a threshold, what an open encoder holds back stays below it, however long it ran.
    """
    graph, config = set_thresholds(converted("scene"), threshold), TINY
    rng = np.random.default_rng(seed)
    scene = scene_frames(TINY, 30, camera="driving")
    simulator, receivers = FastSimulator(graph), Receivers(graph)
    for index in range(frames):
        mask = nested_mask(rng, config) if index else 1
        shown = simulator.step(frame_of(config, scene[index % len(scene)], mask))
        receivers.note(dict(shown))
    last = frame_of(config, scene[frames % len(scene)])
    shown = simulator.step(last)
    receivers.note(dict(shown))
    receivers.exact()
    held = {name: receivers.held_back(name) for name in receivers.given}
    assert max(held.values()) < max(threshold, 1), held
    if threshold > 1:
        assert max(held.values()) > 0, "a threshold that holds nothing back would prove nothing"
        return
    new = FastSimulator(graph).step(last)
    assert np.array_equal(shown["head.out.out"], new["head.out.out"])
    for name, sent in receivers.sent.items():
        assert np.array_equal(sent, new[f"{name}.out"]), f"{name}: a first frame sends everything"


@pytest.mark.parametrize("threshold", [0, 6])
def test_hundreds_of_frames_leave_no_drift(threshold: int) -> None:
    long_run(300, threshold)


@pytest.mark.slow
@pytest.mark.parametrize("threshold", [0, 6])
def test_ten_thousand_frames_leave_no_drift(threshold: int) -> None:
    long_run(10_000, threshold)


def test_a_receiver_that_misses_one_message_is_found() -> None:
    """The check itself: one unit lost on the way is seen."""
    graph, config = converted("scene"), TINY
    simulator, receivers = FastSimulator(graph), Receivers(graph)
    shown = dict(simulator.step(frame_of(config, scene_frames(TINY, 1)[0])))
    receivers.note(shown)
    receivers.exact()
    receivers.given["block1.h"] = receivers.given["block1.h"].copy()
    receivers.given["block1.h"][0, 0] += 1
    with pytest.raises(AssertionError, match=r"block1\.h"):
        receivers.exact()


def test_inputs_of_the_graph_are_those_given() -> None:
    names = {n.name for n in converted("scene").nodes if isinstance(n, Input)}
    assert names == frame_of(TINY, scene_frames(TINY, 1)[0]).keys()
