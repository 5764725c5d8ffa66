"""Several clips at once, and options of `depth-snn simulate` that an engine would not obey."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from conversion.cases.building import Inputs
from conversion.cases.networks import block_case
from conversion.cases.small import dense_case
from conversion.graph import Graph
from conversion.graph_file import save_graph
from depth_snn.errors import ConfigError, InputError
from sims.counts import COUNT_FIELDS
from sims.fast import FastSimulator, simulate, simulate_batch
from sims.fast.batch import Stopped, in_threads
from sims.fast.exact import weights_of
from sims.inputs_file import load_arrays, save_arrays
from sims.result import SimResult
from tests.unit.command import contents, depth_snn, refused


def clips_of(graph: Graph, number: int = 4) -> list[Inputs]:
    """Clips of different lengths and pixels for one graph."""
    clips = []
    for seed in range(number):
        inputs = block_case(5)[1]
        rng = np.random.default_rng(seed)
        clips.append({k: rng.permutation(v)[: 2 + seed] for k, v in inputs.items()})
    return clips


def same(left: SimResult, right: SimResult) -> bool:
    values = all(np.array_equal(left.values[k], right.values[k]) for k in left.values)
    return values and left.values.keys() == right.values.keys() and all(
        np.array_equal(getattr(c, f), getattr(right.counts[n], f))
        for n, c in left.counts.items()
        for f in COUNT_FIELDS
    )  # fmt: skip


@pytest.mark.parametrize("threads", [1, 2, 5, None])
def test_a_batch_is_its_single_runs(threads: int | None) -> None:
    graph, _ = block_case(5)
    clips = clips_of(graph)
    together = simulate_batch(graph, clips, threads=threads)
    assert [run.frames for run in together] == [2, 3, 4, 5]
    assert all(same(run, simulate(graph, clip)) for run, clip in zip(together, clips, strict=True))


def test_simulators_of_one_graph_share_their_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    graph, inputs = dense_case(3)
    programs = [FastSimulator(graph)._program for _ in range(2)]
    assert programs[0]._pools.weight is programs[1]._pools.weight  # type: ignore[union-attr]
    monkeypatch.setattr("sims.fast.simulator.program_of", lambda *_, **__: None)
    dense = graph.by_name["dense"]
    first, second = FastSimulator(graph), FastSimulator(graph)
    ready = weights_of(dense, dense.weight)  # type: ignore[arg-type,attr-defined]
    assert first._bodies["dense"]._weight is ready is second._bodies["dense"]._weight  # type: ignore[attr-defined]
    before = first.step({k: v[0] for k, v in inputs.items()})
    assert before["out.out"].any()
    assert np.array_equal(
        second.step({k: v[0] for k, v in inputs.items()})["out.out"], before["out.out"]
    )


def test_one_bad_clip_ends_the_batch_with_its_own_error() -> None:
    graph, _ = block_case(5)
    clips = clips_of(graph)
    clips[2] = clips[2] | {"sched": clips[2]["sched"] + 5}
    with pytest.raises(InputError, match="sched"):
        simulate_batch(graph, clips, threads=2)
    with pytest.raises(ConfigError, match="threads 0"):
        simulate_batch(graph, clips, threads=0)


def test_the_others_stop_when_one_fails() -> None:
    stop, started = threading.Event(), threading.Event()

    def task(item: int) -> None:
        if item == 0:
            assert started.wait(10)
            raise InputError("clip 0")
        started.set()
        if stop.wait(10):
            raise Stopped
        raise AssertionError("nobody said to stop")

    with pytest.raises(InputError, match="clip 0"):
        in_threads(task, [0, 1], threads=2, stop=stop)


@pytest.fixture
def graph_file(tmp_path: Path) -> Path:
    """A graph file beside two clips."""
    graph, _ = block_case(5)
    save_graph(graph, tmp_path / "graph.h5")
    for name, clip in zip("ab", clips_of(graph, 2), strict=True):
        save_arrays(clip, tmp_path / f"{name}.h5")
    return tmp_path / "graph.h5"


def test_several_clips_on_the_command_line(graph_file: Path) -> None:
    folder = graph_file.parent
    a, b = folder / "a.h5", folder / "b.h5"
    words = ("simulate", graph_file, a, b, "--out", folder / "v", "--counts", folder / "c")
    done = depth_snn(*words)
    assert done.code == 0, done
    assert contents(folder / "v") == contents(folder / "c") == ["a.h5", "b.h5"]
    single = depth_snn("simulate", graph_file, b, "--out", folder / "single.h5")
    line = next(line for line in single.out.splitlines() if "digest" in line)
    assert f"b.h5: {line}" in done.out.splitlines()
    left, right = load_arrays(folder / "v" / "b.h5"), load_arrays(folder / "single.h5")
    assert left.keys() == right.keys() and all(np.array_equal(left[k], right[k]) for k in left)
    for threads in ("1", "3"):
        assert depth_snn(*words, "--threads", threads).out == done.out
    refused(depth_snn(*words, "--compare", folder / "single.h5"), "--compare", "one clip")
    refused(depth_snn(*words, "--engine", "reference"), "--engine reference", "one clip")
    refused(depth_snn("simulate", graph_file, a, a, "--out", folder / "v"), "a.h5: names two clips")


def test_threads_of_one_clip_change_nothing(graph_file: Path) -> None:
    command = [sys.executable, "-m", "depth_snn.cli", "simulate", str(graph_file)]
    command.append(str(graph_file.parent / "a.h5"))
    said = [
        subprocess.run([*command, "--threads", n], capture_output=True, text=True, check=True,
                       env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}).stdout
        for n in ("1", "2")
    ]  # fmt: skip
    assert said[0] == said[1] and "digest" in said[0]


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--stock"], ["--stock", "fast engine", "--engine lava"]),
        (["--deadline", "5"], ["--deadline", "fast engine"]),
        (["--blocks", "leaf", "--engine", "reference"], ["--blocks", "reference engine"]),
        (["--threads", "2", "--engine", "reference"], ["--threads", "--engine fast"]),
        (["--counts", "c.h5", "--engine", "lava"], ["--counts", "lava engine"]),
        (["--memory", "1", "--engine", "lava"], ["--memory", "--engine fast"]),
        (["--out", "x.h5", "--counts", "x.h5"], ["x.h5", "--out"]),
    ],
)
def test_an_option_that_an_engine_does_not_take_is_refused(
    words: list[str], parts: list[str]
) -> None:
    refused(depth_snn("simulate", "none.h5", "none.h5", *words), *parts)
