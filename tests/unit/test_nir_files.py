"""NIR files: round trips on disk, and files that mean harm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from conversion.graph_file import load_graph, save_graph
from conversion.nir_io import import_nir, read_file, write_file
from conversion.nir_io.files import notes
from conversion.nir_io.write import difference
from depth_snn.cli.main import main
from depth_snn.errors import ConfigError, GraphError
from tests.unit.nir_nets import assert_same_nir, chain, dyadic, lif

nir = pytest.importorskip("nir")


def network() -> object:
    return chain(
        nir.Affine(weight=dyadic(1, 6, 5), bias=dyadic(2, 6)), lif(6), nir.Linear(dyadic(3, 4, 6)),
        lif(4, 0.5), shape=(5,), out=4,
    )  # fmt: skip


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    nir.write(str(tmp_path / "net.nir"), network())
    return tmp_path / "net.nir"


def refusal(path: Path) -> str:
    with pytest.raises(GraphError) as caught:
        read_file(path, convention="snntorch")
    text = str(caught.value)
    assert "\n" not in text and str(path) in text
    return text


def test_a_file_of_the_package_and_back(saved: Path, tmp_path: Path) -> None:
    graph = read_file(saved)
    assert graph.name == "net" and not graph.meta["nir"]["notes"]
    again = tmp_path / "again.nir"
    write_file(graph, again)
    assert_same_nir(nir.read(str(again), type_check=False), nir.read(str(saved), type_check=False))
    assert difference(read_file(again), graph) is None
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_the_original_survives_our_own_graph_file(saved: Path, tmp_path: Path) -> None:
    graph = read_file(saved)
    save_graph(graph, tmp_path / "graph.h5")
    loaded = load_graph(tmp_path / "graph.h5")
    write_file(loaded, tmp_path / "again.nir")
    written = nir.read(str(tmp_path / "again.nir"), type_check=False)
    assert_same_nir(written, nir.read(str(saved), type_check=False))


def test_our_reader_reads_what_nir_reads(saved: Path) -> None:
    from conversion.nir_io.door import load

    assert_same_nir(load(saved), nir.read(str(saved), type_check=False))


def test_scalar_parameters_go_to_a_file(tmp_path: Path) -> None:
    """`nir.write` itself fails on arrays without a dimension, as norse's exporter makes them."""
    small = nir.LIF(tau=np.float32(8e-4) * np.ones(()), r=np.float32(8) * np.ones(()),
                    v_leak=np.zeros(()), v_threshold=np.ones(()))  # fmt: skip
    net = chain(nir.Linear(dyadic(1, 3, 2)), small, shape=(2,))
    graph = import_nir(net, convention="snntorch")
    write_file(graph, tmp_path / "scalar.nir")
    assert difference(read_file(tmp_path / "scalar.nir"), graph) is None


def test_a_failed_write_keeps_the_old_file(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph, before = read_file(saved), saved.read_bytes()

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full_disk)
    with pytest.raises(OSError):
        write_file(graph, saved)
    assert saved.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_missing_and_foreign_files(tmp_path: Path) -> None:
    assert "no such NIR file" in refusal(tmp_path / "none.nir")
    (tmp_path / "text.nir").write_text("not HDF5")
    assert "not a readable NIR file" in refusal(tmp_path / "text.nir")
    with h5py.File(tmp_path / "other.nir", "w") as file:
        file["x"] = 1
    assert "no group `node`" in refusal(tmp_path / "other.nir")


def soft_link(file: h5py.File) -> None:
    del file["node/nodes/n1/tau"]
    file["node/nodes/n1/tau"] = h5py.SoftLink("/node/nodes/n1/r")


def outside_link(file: h5py.File) -> None:
    del file["node/nodes/n1/tau"]
    file["node/nodes/n1/tau"] = h5py.ExternalLink("/etc/hostname", "/x")


def external(file: h5py.File) -> None:
    del file["node/nodes/n0/weight"]
    file["node/nodes/n0"].create_dataset(
        "weight", (6, 5), "f4", external=[("/etc/hostname", 0, 120)]
    )


def huge(file: h5py.File) -> None:
    del file["node/nodes/n0/weight"]
    file["node/nodes/n0"].create_dataset(
        "weight", (2**20, 2**20), "f4", chunks=(1024, 1024), compression="gzip"
    )


def objects(file: h5py.File) -> None:
    del file["node/nodes/n1/tau"]
    file["node/nodes/n1"].create_dataset("tau", (6,), h5py.ref_dtype)


def deep(file: h5py.File) -> None:
    group = file["node"]
    for _ in range(40):
        group = group.create_group("g")


def loop(file: h5py.File) -> None:
    file["node/nodes/n1/metadata"] = file["node"]


def no_type(file: h5py.File) -> None:
    del file["node/nodes/n1/type"]


def other_type(file: h5py.File) -> None:
    del file["node/nodes/n1/type"]
    file["node/nodes/n1/type"] = "Oscillator"


def missing_field(file: h5py.File) -> None:
    del file["node/nodes/n1/tau"]


def group_for_a_shape(file: h5py.File) -> None:
    del file["node/nodes/input/shape"]
    file["node/nodes/input"].create_group("shape")


def endless_shape(file: h5py.File) -> None:
    del file["node/nodes/input/shape"]
    file["node/nodes/input/shape"] = np.array([np.inf])


ATTACKS: dict[str, tuple[Callable[[h5py.File], None], str]] = {
    "soft link": (soft_link, "is a link"),
    "link to another file": (outside_link, "is a link"),
    "storage elsewhere": (external, "kept outside the file"),
    "a terabyte of zeros": (huge, "more than"),
    "references": (objects, "neither numbers nor text"),
    "deep groups": (deep, "deeper than"),
    "a group within itself": (loop, "deeper than"),
    "no type": (no_type, "not a usable NIR file"),
    "unknown type": (other_type, "not a usable NIR file"),
    "a parameter is missing": (missing_field, "not a usable NIR file"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_hostile_files(saved: Path, attack: str) -> None:
    change, said = ATTACKS[attack]
    with h5py.File(saved, "r+") as file:
        change(file)
    assert said in refusal(saved)


@pytest.mark.parametrize("change", [group_for_a_shape, endless_shape])
def test_values_that_make_no_sense_name_their_node(
    saved: Path, change: Callable[[h5py.File], None]
) -> None:
    with h5py.File(saved, "r+") as file:
        change(file)
    with pytest.raises(GraphError, match=r"NIR node 'input' \(Input\): .* makes no sense there"):
        read_file(saved, convention="snntorch")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_truncated(saved: Path, share: float) -> None:
    data = saved.read_bytes()
    saved.write_bytes(data[: int(len(data) * share)])
    refusal(saved)


def test_random_damage_is_refused_or_read(saved: Path) -> None:
    """Each damaged file ends in one line, or in a graph: there is no checksum to tell."""
    data, rng, refused = saved.read_bytes(), np.random.default_rng(0), 0
    for _ in range(12):
        damaged = bytearray(data)
        for place in rng.integers(0, len(data), 40):
            damaged[place] = rng.integers(0, 256)
        saved.write_bytes(bytes(damaged))
        try:
            read_file(saved, convention="snntorch")
        except GraphError as error:
            refused += 1
            assert "\n" not in str(error)
        except ConfigError:
            refused += 1
    assert refused


def test_a_reader_that_hangs_is_ended(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conversion.isolated.DEADLINE_S", 0.001)
    assert "not read within" in refusal(saved)


def test_notes_say_what_was_rounded(saved: Path) -> None:
    net = chain(nir.Linear(np.array([[0.3, -0.1]])), lif(1, 0.9), shape=(2,))
    told = notes(import_nir(net))
    assert any("weights rounded" in text for text in told)
    assert any("0.89990" in text for text in told)
    assert notes(read_file(saved)) == list(read_file(saved).meta["nir"]["limits"])


def test_the_command_line(saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, back, again = (str(tmp_path / name) for name in ("a.h5", "net.2.nir", "b.h5"))
    assert main(["import", str(saved), "--from", "nir", "--out", out]) == 0
    assert "note: n1: the potential is clipped" in capsys.readouterr().out
    assert main(["export", out, "--to", "nir", "--out", back]) == 0
    assert main(["import", back, "--from", "nir", "--out", again]) == 0
    assert difference(load_graph(out), load_graph(again)) is None
    capsys.readouterr()
    wrong = ["import", str(saved), "--from", "nir", "--convention", "nir", "--out", out]
    assert main(wrong) == 1
    assert "give the step dt" in capsys.readouterr().err
    assert main(["import", str(saved), "--from", "netx", "--dt", "1", "--out", out]) == 1
    assert "--dt is for --from nir only" in capsys.readouterr().err
