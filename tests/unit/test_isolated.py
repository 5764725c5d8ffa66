"""Whatever a file does to the process that reads it, the caller gets one line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import h5py
import numpy as np
import pytest

from conversion import isolated
from conversion.isolated import check_storage, forking, read_apart
from conversion.netx import import_netx
from depth_snn.errors import GraphError
from tests.unit.netx_files import small_layers, write_file

READER = """
import os, signal, time
import numpy as np
from depth_snn.errors import GraphError

FORMAT = "odd"

def contents(path, word):
    if word == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "hang":
        time.sleep(100)
    if word == "hungry":
        np.ones(2**40)
    if word == "refuse":
        raise GraphError("bad\\nvalue")
    if word == "fail":
        raise ZeroDivisionError("by\\nzero")
    return {"word": word, "of": "a0"}, {"a0": np.arange(3)}
"""
Way = Callable[[], AbstractContextManager[None]]
WAYS: dict[str, Way] = {"fork": lambda: forking(2), "new": nullcontext}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Way:
    """How a child is started; the module that it runs can be imported."""
    (tmp_path / "odd_reader.py").write_text(READER)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "odd_reader", raising=False)
    return WAYS[request.param]


def test_what_the_child_finds_comes_over(way: Way, tmp_path: Path) -> None:
    with way():
        layout, arrays = read_apart("odd_reader", tmp_path / "x", "good")
    assert layout == {"word": "good", "of": "a0"}
    assert np.array_equal(arrays["a0"], [0, 1, 2])


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("crash", "the HDF5 library failed on it"),
        ("hang", "not read within"),
        ("hungry", "too much memory"),
        ("refuse", "bad\\nvalue"),
        ("fail", "not a readable odd file (by zero)"),
    ],
)
def test_a_child_may_come_to_any_end(
    way: Way,
    word: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if word == "hang":
        monkeypatch.setattr(isolated, "DEADLINE_S", 2)
    with way(), pytest.raises(GraphError) as caught:
        read_apart("odd_reader", tmp_path / "x", word)
    assert str(caught.value).startswith(f"{tmp_path / 'x'}: ")
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_an_array_that_claims_more_than_it_holds_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        check_storage(file.create_dataset("zeros", data=np.zeros(10**6), compression="gzip"), "z")
        check_storage(file.create_dataset("none", data=np.zeros(0)), "none")
        with pytest.raises(GraphError, match="claims 268435456 bytes and holds 0"):
            check_storage(file.create_dataset("claim", (2**13, 2**12), "f8"), "claim")


@pytest.mark.parametrize(
    ("name", "shape", "dtype", "said"),
    [
        ("layer/1/weight", (2**13, 2**12), "f8", "claims 268435456 bytes"),
        ("layer/1/type", (1,), "S2000000000", "claims 2000000000 bytes"),
        ("layer/0/weight", (0,), "f4", None),
    ],
)
def test_netx_files_that_the_fuzzer_found(
    name: str, shape: tuple[int, ...], dtype: str, said: str | None, tmp_path: Path
) -> None:
    path = write_file(tmp_path / "a.net", small_layers())
    with h5py.File(path, "r+") as file:
        if name in file:
            del file[name]
        file.create_dataset(name, shape, dtype)
    if said is None:  # an input's scale without a number is none
        assert import_netx(path).meta["netx"]["input"] == {}
        return
    with pytest.raises(GraphError, match=said):
        import_netx(path)
