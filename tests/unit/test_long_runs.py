"""Runs of any length: a few frames at a time, memory told beforehand, nothing half written."""

from __future__ import annotations

import os
import shutil
import signal
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from conversion.cases.building import Inputs
from conversion.cases.host import softmax_case
from conversion.cases.networks import block_case
from conversion.cases.pictures import picture_case
from conversion.cases.small import dense_case
from conversion.graph import Graph
from conversion.graph_file import save_graph
from depth_snn.cli import simulate_memory
from depth_snn.cli.progress import Progress
from depth_snn.cli.simulate_ports import all_ports, telling_ports
from depth_snn.errors import GraphError, InputError
from depth_snn.sealed import SEAL_BYTES, write_seal
from sims.counts import COUNT_FIELDS
from sims.digest import Digest
from sims.fast import simulate, stream
from sims.inputs_file import load_arrays, save_arrays
from sims.memory import chunk_of, need_of
from sims.open_arrays import FORMAT, OpenArrays
from sims.value_comparison import Comparison
from sims.values_file import ValuesWriter
from tests.unit.command import contents, depth_snn, refused


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Graph, Inputs]:
    """A graph file and an inputs file of a block with gates, and what they hold."""
    folder = tmp_path_factory.mktemp("block")
    graph, inputs = block_case(5)
    save_graph(graph, folder / "graph.h5")
    save_arrays(inputs, folder / "in.h5")
    return folder / "graph.h5", folder / "in.h5", graph, inputs


def frames_of(inputs: Inputs) -> Iterator[dict[str, Any]]:
    for f in range(len(next(iter(inputs.values())))):
        yield {name: array[f] for name, array in inputs.items()}


@pytest.mark.parametrize("chunk", [1, 2, 3, 64])
def test_a_stream_is_the_whole_run_in_pieces(chunk: int) -> None:
    graph, inputs = block_case(2)
    whole, parts, digest = simulate(graph, inputs), [], Digest()

    def sink(first: int, values: Any) -> None:
        assert first == sum(len(next(iter(part.values()))) for part in parts)
        parts.append({key: array.copy() for key, array in values.items()})
        digest.put(first, values)

    counts = stream(graph, frames_of(inputs), sink, chunk=chunk)
    joined = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    assert joined.keys() == whole.values.keys()
    assert all(np.array_equal(joined[key], whole.values[key]) for key in joined)
    for name, of_node in counts.items():
        for field in COUNT_FIELDS:
            assert np.array_equal(getattr(of_node, field), getattr(whole.counts[name], field))
    at_once = Digest()
    at_once.put(0, whole.values)
    assert digest.text() == at_once.text()
    at_once.put(0, {"a.b": np.ones(1, np.int64)})
    assert digest.text() != at_once.text()


def test_a_long_stream_takes_no_more_memory_than_a_short_one() -> None:
    graph, inputs = dense_case(1, tokens=40, c_in=30, c_out=30)
    frame = {name: array[1] for name, array in inputs.items()}

    def peak(frames: int) -> int:
        tracemalloc.start()
        stream(graph, (frame for _ in range(frames)), lambda *_: None, chunk=8)
        high = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return high

    peak(8)
    short, long = peak(40), peak(840)
    counts = 800 * len(graph.nodes) * len(COUNT_FIELDS) * 8
    assert long - short < 3 * counts + 20_000
    assert long - short < 800 * 8 * 40 * 30 / 10, "keeping one port's frames would take far more"


@pytest.mark.parametrize("case", [block_case, softmax_case, picture_case, dense_case])
def test_the_memory_told_beforehand_is_taken_and_little_less(case: Any) -> None:
    graph, inputs = case(1)
    shapes = all_ports(graph)
    frames = len(next(iter(inputs.values())))
    chunk = chunk_of(graph, shapes, frames)
    stream(graph, frames_of(inputs), lambda *_: None, chunk=chunk)  # compiles
    tracemalloc.start()
    stream(graph, frames_of(inputs), lambda *_: None, chunk=chunk)
    high = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    told = need_of(graph, shapes, frames, chunk).total
    # Python's own objects, some kilobytes for each node, are not in the account.
    assert high < told + 8_000 * len(graph.nodes)
    assert told < 6 * high


def test_a_chunk_is_bounded_in_frames_and_bytes() -> None:
    graph, _ = dense_case(1)
    assert chunk_of(graph, {"a.b": (3,)}, 1000) == 64
    assert chunk_of(graph, {"a.b": (3,)}, 10) == 10
    assert chunk_of(graph, {"a.b": (2**20,)}, 1000) == 4
    assert chunk_of(graph, {"a.b": (2**30,)}, 1000) == 1


@pytest.mark.parametrize("chunk", [1, 3, 8])
def test_values_written_in_pieces_read_back_whole_or_in_pieces(tmp_path: Path, chunk: int) -> None:
    rng, path = np.random.default_rng(0), tmp_path / "v.h5"
    values = {"a.out": rng.integers(-(2**40), 2**40, (11, 3, 2)), "b.out": np.zeros((11, 4), int)}
    with ValuesWriter(path, {k: v.shape[1:] for k, v in values.items()}, 11, chunk) as writer:
        for first in range(0, 11, chunk):
            writer.put(first, {k: v[first : first + chunk] for k, v in values.items()})
            assert not path.exists()
    assert contents(tmp_path) == ["v.h5"]
    loaded = load_arrays(path)
    with OpenArrays(path) as file:
        assert file.frames == 11 and file.shapes["a.out"] == (11, 3, 2)
        part = file.read(4, 9)
        compared = Comparison(file, {"a.out": (3, 2)}, 11)
        other = values["a.out"].copy()
        other[7, 1, 0] += 1
        for first in range(0, 11, 5):
            compared.put(first, {"a.out": other[first : first + 5]})
    for key, array in values.items():
        assert np.array_equal(loaded[key], array) and np.array_equal(part[key], array[4:9])
    assert compared.mismatches == 1 and compared.values == 66
    assert str(compared.first).startswith("step 7, a.out[1, 0]: left")


def test_what_cannot_be_read_safely_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"

    def written(**options: Any) -> Path:
        with h5py.File(path, "w", userblock_size=SEAL_BYTES) as file:
            file.attrs["format"], file.attrs["format_version"] = FORMAT, 1
            file.create_dataset("x", **options)
        write_seal(path, FORMAT)
        return path

    with pytest.raises(InputError, match=r"x\.h5: array 'x' is stored in pieces of \d+ bytes"):
        OpenArrays(written(shape=(2**26,), dtype="i8", chunks=(2**26,), compression="gzip"))
    with pytest.raises(InputError, match=r"2\^63 - 1 is the most"):
        load_arrays(written(data=np.array([2**63], np.uint64)))
    with pytest.raises(InputError, match="does not hold integers"):
        OpenArrays(written(data=np.zeros(2)))
    with pytest.raises(InputError, match="is a folder"):
        OpenArrays(tmp_path)


def test_ports_are_chosen_by_pattern(
    files: tuple[Path, Path, Graph, Inputs], tmp_path: Path
) -> None:
    graph_file, inputs_file, graph, inputs = files
    out, counts = tmp_path / "v.h5", tmp_path / "c.h5"
    words = ("simulate", graph_file, inputs_file, "--out", out)
    whole = simulate(graph, inputs)
    done = depth_snn(*words, "--ports", "block1.h*, *.membrane", "--counts", counts)
    assert done.code == 0, done
    values = load_arrays(out)
    assert "gate.lif.membrane" in values and "block1.h.out" in values
    assert all(k.startswith("block1.h") or k.endswith(".membrane") for k in values)
    assert all(np.array_equal(values[k], whole.values[k]) for k in values)
    assert f"{whole.frames} frames, {len(values)} ports, digest" in done.out
    counted = load_arrays(counts)
    assert len(counted) == len(graph.nodes) * (len(COUNT_FIELDS) + 1)
    for name, of_node in whole.counts.items():
        assert counted[f"{name}.neurons"].tolist() == [of_node.neurons]
        for field in COUNT_FIELDS:
            assert np.array_equal(counted[f"{name}.{field}"], getattr(of_node, field))
    assert depth_snn(*words).code == 0
    assert set(load_arrays(out)) == set(telling_ports(graph, stock=False))
    assert {"head.out.out", "gate.lif.out", "gate.restore.ledger"} <= set(load_arrays(out))
    refused(depth_snn(*words, "--ports", "nobody.*"), "nobody.*", "names no value")


def test_too_much_memory_or_disk_is_refused_before_the_run(
    files: tuple[Path, Path, Graph, Inputs], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph_file, inputs_file, *_ = files
    words = ("simulate", graph_file, inputs_file, "--out", tmp_path / "v.h5")
    refused(depth_snn(*words, "--memory", "0.00001"), "of memory, more than the 0.0 MiB allowed")
    full = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(simulate_memory.shutil, "disk_usage", lambda _: full)
    refused(depth_snn(*words), "--ports", "are free there")
    assert contents(tmp_path) == []


def test_a_run_that_ends_early_leaves_no_file(
    files: tuple[Path, Path, Graph, Inputs], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph_file, inputs_file, _, inputs = files
    words = ("simulate", graph_file, inputs_file, "--out", tmp_path / "out" / "v.h5")
    sched = inputs["sched"].copy()
    sched[3, 0, 0] = 2
    save_arrays(inputs | {"sched": sched}, tmp_path / "bad.h5")
    refused(depth_snn(*words[:2], tmp_path / "bad.h5", *words[3:]), "frame 3: input 'sched'")
    update = Progress.update

    def interrupted(self: Progress, done: int, note: str = "") -> None:
        update(self, done, note)
        if done == 2:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Progress, "update", interrupted)
    before = signal.getsignal(signal.SIGINT)
    stopped = depth_snn(*words)
    assert signal.getsignal(signal.SIGINT) is before
    assert stopped.code == 130
    frames = len(sched)
    assert f"interrupted after 2 of {frames} frames; no file was written" in stopped.err
    assert contents(tmp_path / "out") == []


def test_inputs_of_another_graph_are_refused(
    files: tuple[Path, Path, Graph, Inputs], tmp_path: Path
) -> None:
    graph_file, _, _, inputs = files
    path = tmp_path / "odd.h5"
    less = dict(inputs)
    del less["sched"]
    save_arrays(less, path)
    refused(depth_snn("simulate", graph_file, path), "odd.h5: no array for input 'sched'")
    save_arrays(inputs | {"sched": inputs["sched"][:2]}, path)
    refused(depth_snn("simulate", graph_file, path), "odd.h5", "expected shape")
    with pytest.raises(GraphError, match="no value"):
        stream(files[2], [], lambda *_: None, probes=["x.y"])
