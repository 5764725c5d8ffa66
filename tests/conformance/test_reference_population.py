"""The reference LIF: boundaries by hand, and a trace recorded on a Loihi 2 chip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from conversion.cases.building import balance, edge
from conversion.graph import Graph
from conversion.nodes import LIF, Input
from depth_snn.errors import OverflowInGraph
from sims.reference import simulate

TOP = 2**23


def lif_graph(**fields: object) -> Graph:
    settings = {"du": 4095, "dv": 0, "vth": 2**17 - 1, "reset": "subtract", **fields}
    lif = LIF(name="lif", count=1, **settings)  # type: ignore[arg-type]
    drive = Input(name="drive", shape=(1,), lo=-(2**30), hi=2**30)
    return balance("lif", [drive, lif], [edge("drive -> lif")])


def potentials(drive: list[int], **fields: object) -> tuple[list[int], list[int]]:
    """Membrane and spikes of one neuron."""
    run = simulate(lif_graph(**fields), {"drive": np.array(drive)[:, None]}).by_step
    return run["lif.membrane"].ravel().tolist(), run["lif.out"].ravel().tolist()


def test_the_current_wraps_once_as_lava_does() -> None:
    # No memory: +2^23 stays and is clipped, −2^23 becomes +2^23, and 64 more wraps round.
    drive = [2**17 - 1, 2**17, 2**17 + 1, -(2**17) + 1, -(2**17), -(2**17) - 1]
    membrane, _ = potentials(drive, dv=4096)
    assert membrane == [TOP - 64, TOP - 1, -TOP + 64, -TOP + 64, TOP - 1, TOP - 64]


def test_the_potential_is_clipped_at_both_ends() -> None:
    membrane, spikes = potentials([-(2**17) + 1, -5, 2**17 - 1, 0])
    assert membrane == [-TOP + 64, -TOP + 1, -63, -63]
    assert spikes == [0, 0, 0, 0]


def test_a_current_that_one_wrap_cannot_bring_back() -> None:
    drive = {"drive": np.array([[0], [3 * 2**18]])}
    with pytest.raises(OverflowInGraph, match=r"'lif' \(LIF\): u\[0\] is 33554432 at step 1"):
        simulate(lif_graph(), drive)
    loose = simulate(lif_graph(), drive, strict=False)
    assert loose.by_step["lif.membrane"].ravel().tolist() == [0, TOP - 1]


def test_decay_of_a_negative_potential_truncates_to_zero() -> None:
    membrane, _ = potentials([-1] + [0] * 8, dv=2048)
    assert membrane == [-64, -32, -16, -8, -4, -2, -1, 0, 0]


def test_the_current_decays_by_one_more_than_du() -> None:
    # du + 1 = 2048 keeps half; du = −1 keeps all.
    assert potentials([1, 0, 0, 0], du=2047, dv=4096)[0] == [64, 32, 16, 8]
    assert potentials([1, 0, 2, 0], du=-1, dv=4096)[0] == [64, 64, 192, 192]


def test_the_threshold_is_strict_and_both_resets() -> None:
    drive = [10, 1, 0, 25, 0]
    membrane, spikes = potentials(drive, vth=10, reset="subtract")
    assert membrane == [640, 704, 64, 1664, 1024]
    assert spikes == [0, 1, 0, 1, 1]
    membrane, spikes = potentials(drive, vth=10, reset="zero")
    assert membrane == [640, 704, 0, 1600, 0]
    assert spikes == [0, 1, 0, 1, 0]


def test_counts_of_a_population() -> None:
    lif = LIF(name="lif", count=3, du=4095, dv=4096, vth=1, reset="zero")
    drive = Input(name="drive", shape=(3,), lo=-9, hi=9)
    graph = balance("lif", [drive, lif], [edge("drive -> lif")])
    counts = simulate(graph, {"drive": np.array([[0, 2, -1], [0, 0, 0]])}).result.counts["lif"]
    assert counts.neurons == 3
    assert counts.spikes.tolist() == [1, 0]
    assert counts.updates_active.tolist() == [2, 0]
    assert counts.updates_idle.tolist() == [1, 3]


def test_the_trace_of_a_loihi_2_chip(shared_data: Path) -> None:
    file = shared_data / "loihi2_lif_trace.csv"
    if not file.is_file():
        pytest.skip("loihi2_lif_trace.csv is not at hand")
    x, v, spike = np.loadtxt(file, delimiter=",").astype(np.int64).T
    # On the chip an input reaches the neuron one step later.
    drive = 10 * np.concatenate([[0], x[:-1]])
    graph = lif_graph(dv=163, vth=25, reset="zero")
    run = simulate(graph, {"drive": drive[:, None]}).by_step
    np.testing.assert_array_equal(run["lif.out"].ravel(), spike)
    assert spike.sum() == 4
    # While the neuron spikes, the chip's probe shows 128 in place of its potential.
    after = np.where(spike == 1, 128, run["lif.membrane"].ravel())
    np.testing.assert_array_equal(after, v)
