"""The fuzzer finds what it is there to find, and the readers survive a small campaign of it."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from conversion.bounds import verify
from conversion.fuzz import READERS, Campaign, Failure, Reader, mutate_hdf5, run_campaign
from conversion.fuzz.campaign import keep_file
from conversion.fuzz.child import READ_WORDS, REFUSED_WORDS, Batch, judge, make_file
from conversion.fuzz.seeds import SEED_GRAPHS
from conversion.graph_file import FORMAT
from conversion.nodes import QUANTISED_NODES
from depth_snn.errors import ConfigError, GraphError, MissingDependency
from depth_snn.sealed import seal_fault
from tests.unit.command import depth_snn, refused

FILES = 600
BATCH = Batch(kind="graph", seed=5, first=0, count=1, deadline_s=5, memory_mib=256)


def test_a_small_campaign_finds_nothing() -> None:
    seen: list[int] = []
    report = run_campaign(Campaign(kind="graph", files=FILES, seed=3), seen.append)
    assert report.failures == ()
    assert report.tried == FILES == report.read + report.refused
    assert report.read > 0 and report.refused > FILES // 2
    assert seen == sorted(seen) and seen[-1] == FILES


def test_the_seeds_are_valid_and_hold_every_node_type() -> None:
    graphs = [build() for build in SEED_GRAPHS.values()]
    for graph in graphs:
        verify(graph)
    assert {node.kind for graph in graphs for node in graph.nodes} == set(QUANTISED_NODES)


def test_the_same_number_gives_the_same_file_and_every_second_is_sealed(tmp_path: Path) -> None:
    reader = READERS["graph"]
    seeds = [path.read_bytes() for path in reader.write_seeds(tmp_path)]
    faults, contents = [], []
    for number in range(60):
        path = tmp_path / "mutated.h5"
        make_file(BATCH, reader, seeds, number, path)
        first = path.read_bytes()
        make_file(BATCH, reader, seeds, number, path)
        assert path.read_bytes() == first
        contents.append(first)
        faults.append(seal_fault(path, FORMAT))
    assert faults[1::2] == [None] * 30
    assert sum(fault is not None for fault in faults[::2]) > 25
    assert len(set(contents)) > 55


def reading(read: object) -> Reader:
    """A reader whose reading is given; its files are real."""
    assert callable(read)
    return replace(READERS["graph"], read=read)


def fails(error: Exception) -> object:
    def read(path: Path) -> object:
        raise error

    return read


def hungry(path: Path) -> object:
    return np.ones(300 * 2**17).sum()  # 300 MiB


def hidden_hunger(path: Path) -> object:
    try:
        raise MemoryError
    except MemoryError:
        raise GraphError("cannot be read") from None


@pytest.mark.parametrize(
    ("read", "said"),
    [
        (lambda path: None, READ_WORDS),
        (fails(GraphError("one line")), REFUSED_WORDS),
        (fails(GraphError("two\nlines")), "not one line"),
        (fails(GraphError("")), "not one line"),
        (fails(ZeroDivisionError("x")), "ZeroDivisionError: x"),
        (fails(RecursionError("deep")), "RecursionError: deep"),
        (hungry, "reading took"),
        (hidden_hunger, "memory beyond the limit"),
        (lambda path: time.sleep(0.3), "reading took 0.3 s"),
    ],
)
def test_a_reader_is_judged(read: object, said: str, tmp_path: Path) -> None:
    assert said in judge(reading(read), tmp_path, replace(BATCH, deadline_s=0.2))


BAD_READER = """
import os, signal, sys, time
from pathlib import Path
import conversion.fuzz.child as child
from dataclasses import replace
count = 0
def read(path):
    global count
    count += 1
    if count == 3:
        MODE
child.READERS["graph"] = replace(child.READERS["graph"], read=read)
child.main(Path(sys.argv[1]))
"""


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", "killed by SIGSEGV"),
        ("os._exit(9)", "exit code 9"),
        ("time.sleep(100)", "did not end within 1 s"),
    ],
)
def test_a_reader_that_takes_its_process_down_is_a_failure_and_the_rest_goes_on(
    mode: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "bad.py"
    script.write_text(BAD_READER.replace("MODE", mode))
    monkeypatch.setattr("conversion.fuzz.campaign.CHILD", (str(script),))
    report = run_campaign(Campaign(kind="graph", files=5, seed=1, first=10, deadline_s=0.5))
    assert report.tried == 5 and report.read == 4
    (failure,) = report.failures
    assert failure.number == 12 and said in failure.what


def test_a_failing_file_can_be_kept(tmp_path: Path) -> None:
    campaign = Campaign(kind="graph", files=1, seed=5)
    path = keep_file(campaign, Failure(7, "x"), tmp_path / "kept")
    assert os.listdir(tmp_path / "kept") == [path.name] and "5_7" in path.name
    reader = READERS["graph"]
    seeds = [seed.read_bytes() for seed in reader.write_seeds(tmp_path)]
    make_file(BATCH, reader, seeds, 7, tmp_path / "again.h5")
    assert (tmp_path / "again.h5").read_bytes() == path.read_bytes()


def test_the_command(tmp_path: Path) -> None:
    done = depth_snn("fuzz", "--files", "40", "--keep", tmp_path / "bad")
    assert done.code == 0 and done.out.startswith("40 mutated graph files: ")
    assert "0 failures" in done.out and not (tmp_path / "bad").exists()
    refused(depth_snn("fuzz", "--kind", "nobody"), "'nobody'", "graph")
    refused(depth_snn("fuzz", "--files", "0"), "--files")
    with pytest.raises(ConfigError, match="expected one of graph"):
        run_campaign(Campaign(kind="x", files=1))


@pytest.mark.parametrize("kind", ["netx", "nir"])
def test_a_small_campaign_of_foreign_files_finds_nothing(kind: str) -> None:
    if kind == "nir":
        pytest.importorskip("nir")
    report = run_campaign(Campaign(kind=kind, files=60, seed=4))
    assert report.failures == () and report.tried == 60
    assert report.read > 5 and report.refused > 5


@pytest.mark.parametrize("kind", ["netx", "nir"])
def test_the_foreign_seeds_are_read(kind: str, tmp_path: Path) -> None:
    if kind == "nir":
        pytest.importorskip("nir")
    for path in READERS[kind].write_seeds(tmp_path):
        READERS[kind].read(path)


def test_a_kind_whose_package_is_missing_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nir", None)
    with pytest.raises(MissingDependency, match="pip install"):
        run_campaign(Campaign(kind="nir", files=1))


def test_another_shape_of_a_huge_text_is_not_held_in_memory(tmp_path: Path) -> None:
    for seed in range(40):
        with h5py.File(tmp_path / f"{seed}.h5", "w") as file:
            file.create_dataset("x", shape=(1,), dtype=mutate_hdf5.LONG_TEXT)
            with contextlib.suppress(ValueError):
                mutate_hdf5._shape(file, np.random.default_rng(seed))
            dataset = file["x"]
            assert dataset.dtype.itemsize < 2**20 or dataset.size == 1
