"""What a bundle is made of: manifest, zip, sizes, and the comparison of two runs."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest

from conversion.cases.small import dense_case
from depth_snn.errors import ConfigError, EngineError, InputError
from sims.bundle.archive import unpack_archive
from sims.bundle.compare import compare_port
from sims.bundle.manifest import PortRow, parse
from sims.bundle.size import check_size
from tests.unit.command import contents, depth_snn, refused


@pytest.mark.parametrize("text", [b"", b"[]", b"\xff", b"[" * 100000, b'{"format": 1}'])
def test_what_is_no_manifest_is_refused(text: bytes) -> None:
    with pytest.raises(InputError) as caught:
        parse(text, Path("b"))
    assert "\n" not in str(caught.value)


def entry(name: str, mode: int = stat.S_IFREG | 0o644) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([entry("../graph.h5")], "no bundle does"),
        ([entry("/graph.h5")], "no bundle does"),
        ([entry("a/graph.h5")], "no bundle does"),
        ([entry("numpy.py")], "no bundle does"),
        ([entry("graph.h5", stat.S_IFLNK | 0o777)], "link"),
        ([entry("graph.h5"), entry("graph.h5")], "twice"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_hostile_zip_writes_nothing(
    tmp_path: Path, entries: list[zipfile.ZipInfo], words: str
) -> None:
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        for info in entries:
            archive.writestr(info, b"data")
    (tmp_path / "into").mkdir()
    with pytest.raises(InputError, match=words):
        unpack_archive(tmp_path / "bad.zip", tmp_path / "into")
    assert contents(tmp_path / "into") == [] and contents(tmp_path) == ["bad.zip", "into"]


def test_a_zip_that_would_swell_or_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("graph.h5", bytes(10**6))
    refused(depth_snn("verify", tmp_path / "bomb.zip"), "packed or locked")
    with zipfile.ZipFile(tmp_path / "liar.zip", "w") as archive:
        archive.writestr(entry("graph.h5"), b"data")
    data = (tmp_path / "liar.zip").read_bytes()
    size, lie = (4).to_bytes(4, "little"), (2**31).to_bytes(4, "little")
    (tmp_path / "liar.zip").write_bytes(data.replace(size + size, lie + lie))
    refused(depth_snn("verify", tmp_path / "liar.zip"), "graph.h5", "claims more")
    (tmp_path / "none.zip").write_bytes(b"no zip")
    refused(depth_snn("verify", tmp_path / "none.zip"), "none.zip", "not a readable bundle")
    refused(depth_snn("verify", tmp_path / "absent.zip"), "no such bundle")


def test_a_shift_is_named_and_silence_is_not_taken_for_one() -> None:
    row = PortRow("n.out", 0, 8)
    want = np.array([0, 0, 3, 0, 5, 0, 0, 0])[:, None]
    late = np.roll(want, 2)
    assert compare_port(row, want, want, 0).mismatches == 0
    found = compare_port(row, want, late, 0)
    assert (found.mismatches, found.shift) == (3, 2) and found.first is not None
    assert (found.first.step, found.first.left, found.first.right) == (2, 3, 0)
    assert compare_port(row, want, np.roll(want, -1), 0).shift == -1
    assert compare_port(row, want, np.zeros_like(want), 0).shift is None
    assert compare_port(row, np.zeros_like(want), want, 0).shift is None
    # Only the steps that both have are compared.
    assert compare_port(row, want, want[3:], 3).values == 5
    with pytest.raises(EngineError, match="none of the steps"):
        compare_port(row, want, want, 8)


def test_values_that_would_not_fit_are_refused_before_they_are_computed() -> None:
    graph, _ = dense_case()
    check_size(graph, 6, ["out.out"])
    with pytest.raises(ConfigError, match=r"1 ports over \d+ steps take .* GiB, more than 2"):
        check_size(graph, 2**25, ["out.out"])
