"""The gate neuron's bodies and the oracle's: the same spikes, and how far floats may stray."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import pytest

from conversion.cases.building import balance, edge
from conversion.nodes import LIF, Input
from depth_snn.config import GateConfig
from depth_snn.errors import ConfigError, MissingDependency
from depth_snn.neurons.bodies import make_body
from depth_snn.neurons.lif_integer import LIFParams, lif_step, lif_zeros
from depth_snn.recovery.drive import feature_gradient, region_drive
from sims.reference import simulate
from tests.unit.small import STREET, scene_frames

IntArray = npt.NDArray[np.int64]
Reset = Literal["subtract", "zero"]
RESETS: tuple[Reset, ...] = ("subtract", "zero")
FLOAT_BODIES = ("snntorch", "norse")
ROUNDING = 1e-6
"""Allowance for double precision, in units of 1/64 input."""


def play(body: str, drive: IntArray, params: LIFParams) -> tuple[IntArray, IntArray]:
    """Spikes and membranes (T, n) of a body over a drive (T, n)."""
    population = make_body(body, drive.shape[1], params)
    steps = [population.step(x) for x in drive]
    return np.stack([s for s, _ in steps]).astype(np.int64), np.stack([m for _, m in steps])


def bursts(seed: int, vth: int, frames: int = 200, count: int = 12) -> IntArray:
    """Drives that cross the threshold often, by one large or several small inputs."""
    rng = np.random.default_rng(seed)
    drive = rng.integers(0, vth, (frames, count))
    drive[rng.random((frames, count)) < 0.1] = 3 * vth
    drive[rng.random((frames, count)) < 0.4] = 0
    return drive.astype(np.int64)


@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize(
    ("du", "dv", "vth"),
    [(4095, 1024, 200), (4095, 163, 25), (4095, 0, 60), (4095, 4096, 60), (1500, 300, 100),
     (-1, 700, 131071), (4095, 3, 131071)],
)  # fmt: skip
def test_integers_equal_the_oracle(du: int, dv: int, vth: int, reset: Reset) -> None:
    drive = bursts(1, vth)
    drive[::7] *= -1
    if vth == 131071:
        drive //= 40  # stays within one wrap of u
    if du == -1:
        drive //= 40  # no decay of u
    node = LIF(name="lif", count=drive.shape[1], du=du, dv=dv, vth=vth, reset=reset)
    bound = int(np.abs(drive).max())
    nodes = (Input(name="x", shape=(node.count,), lo=-bound, hi=bound), node)
    shown = simulate(balance("lif", nodes, [edge("x -> lif")]), {"x": drive}).result.values
    state, params = lif_zeros(node.count), LIFParams(dv=dv, vth=vth, du=du, reset=reset)
    for t, x in enumerate(drive):
        spikes, membrane, state = lif_step(x, state, params)
        assert np.array_equal(spikes, shown["lif.out"][t])
        assert np.array_equal(membrane, shown["lif.membrane"][t])
    assert shown["lif.membrane"].any()


def exact_drive(dv: int, vth: int, reset: Reset, frames: int = 200, count: int = 8) -> IntArray:
    """Drives with which every β·v is a whole number; β = 1, 0 or a power of a half.

    Each input is raised until the potential, in units of the drive, is a multiple of 1/β.
    """
    unit = 1 if dv in (0, 4096) else 4096 // (4096 - dv)
    assert vth % unit == 0
    draws = bursts(dv, vth // 2, frames, count)
    out = np.zeros((frames, count), np.int64)
    for n in range(count):
        v = 0
        for t in range(frames):
            v = v * (4096 - dv) // 4096
            out[t, n] = int(draws[t, n]) + -(v + int(draws[t, n])) % unit
            v += int(out[t, n])
            if v > vth:
                v = 0 if reset == "zero" else v - vth
    return out


@pytest.mark.parametrize("body", FLOAT_BODIES)
@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize(("dv", "vth"), [(4096, 299), (2048, 256), (3072, 64), (3584, 800), (0, 7)])
def test_float_bodies_are_the_integers_where_leak_is_exact(
    body: str, reset: Reset, dv: int, vth: int
) -> None:
    params = LIFParams(dv=dv, vth=vth, reset=reset)
    if body == "norse" and dv == 0:
        with pytest.raises(MissingDependency, match="dv > 0"):
            make_body(body, 1, params)
        return
    drive = exact_drive(dv, vth, reset)
    if dv == 0:
        drive //= 8  # without leak every input is remembered
    spikes, membrane = play("loihi", drive, params)
    other_spikes, other_membrane = play(body, drive, params)
    assert np.array_equal(other_spikes, spikes)
    assert np.array_equal(other_membrane, membrane)
    assert spikes.any() and not spikes.all()


@pytest.mark.parametrize("body", FLOAT_BODIES)
@pytest.mark.parametrize("reset", RESETS)
def test_equality_with_the_threshold_is_no_spike(body: str, reset: Reset) -> None:
    params = LIFParams(dv=2048, vth=100, reset=reset)
    drive = np.array([[100, 101, 99], [50, 0, 51]], np.int64)
    for name in (body, "loihi"):
        spikes, _ = play(name, drive, params)
        assert spikes.tolist() == [[0, 1, 0], [0, 0, 1]], name


@pytest.mark.parametrize("body", FLOAT_BODIES)
@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("dv", [163, 700, 1000, 1024, 3001])
def test_float_bodies_stray_no_further_than_stated(body: str, reset: Reset, dv: int) -> None:
    """Until a neuron's first disagreement: potentials within 1/(1 − β), spikes alike beyond it."""
    params = LIFParams(dv=dv, vth=200, reset=reset)
    bound = 4096 / dv
    drive = np.concatenate([bursts(s, 200, count=40) for s in (dv, dv + 1)], axis=1)
    spikes, membrane = play("loihi", drive, params)
    other_spikes, other_membrane = play(body, drive, params)
    differs = spikes != other_spikes
    agreed = np.cumsum(differs, 0) - differs == 0  # up to and with the first disagreement
    # The floats are handed out rounded down, which moves them by less than one more unit.
    gap = (other_membrane - membrane)[agreed]
    assert gap.min() >= -1 and gap.max() < bound + ROUNDING
    distance = np.abs(membrane - (params.vth << 6))
    assert (distance[differs & agreed] <= bound).all()
    assert spikes.any() and agreed.mean() > 0.5
    assert gap.max() > 0, "floats never strayed: nothing was tested"


def scene_drive(camera: str, frames: int = 16) -> IntArray:
    before, rows = None, []
    for rgb in scene_frames(STREET, frames, camera=camera):
        gradient = feature_gradient(rgb, STREET)
        rows.append(region_drive(gradient, before, STREET))
        before = gradient
    return np.stack(rows)


@pytest.mark.parametrize("body", FLOAT_BODIES)
@pytest.mark.parametrize("reset", RESETS)
def test_no_spike_differs_on_a_real_scene(body: str, reset: Reset) -> None:
    gate = GateConfig()
    drive = np.concatenate([scene_drive(c) for c in ("standing", "driving")], axis=1)
    for dv, vth in ((gate.dv, gate.vth), (1024, 97)):
        params = LIFParams(dv=dv, vth=vth, reset=reset)
        spikes, _ = play("loihi", drive, params)
        assert np.array_equal(play(body, drive, params)[0], spikes)
        assert spikes.any() and not spikes.all()


def test_parameters_out_of_range() -> None:
    good = LIFParams(dv=1, vth=1)
    for bad in ({"dv": 4097}, {"dv": -1}, {"vth": 2**17}, {"du": 4096}, {"reset": "soft"}):
        with pytest.raises(ConfigError, match="LIF"):
            replace(good, **bad)
