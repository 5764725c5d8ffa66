"""Rules that ask for regions: each by its definition, and none of them passes the cap."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from depth_snn.config import GateConfig, PolicyConfig
from depth_snn.errors import ConfigError
from depth_snn.pruning.pipeline import Pipeline
from depth_snn.pruning.prices import prices_of
from depth_snn.pruning.view import View
from depth_snn.recovery.drive import change_drive, feature_gradient, region_drive
from depth_snn.recovery.judge import pixel_error
from depth_snn.recovery.judge_file import make_judge
from depth_snn.recovery.rules import RULES, Ask, Scene, make_rule
from tests.unit.small import TINY, scene_frames, settled_network

GATE = GateConfig(dv=1024, vth=300, drive="change", gain=16)
FRAMES = 12


def scenes(seed: int = 0) -> list[Scene]:
    """Frames of a street with changes and motion made up, so that regions fire now and then."""
    rng = np.random.default_rng(seed)
    out = []
    for rgb in scene_frames(TINY, FRAMES, camera="driving"):
        view = View(TINY)
        view.picture[:] = rng.integers(0, 256, view.picture.shape)
        view.age[:] = rng.integers(0, 9, TINY.tokens)
        change, motion = (rng.exponential(4, TINY.tokens).astype(np.float32) for _ in range(2))
        out.append(Scene(rgb, change, motion, False, view))
    return out


def asked(name: str, gate: GateConfig = GATE) -> list[Ask]:
    rule = make_rule(name, TINY, gate)
    return [rule.ask(scene) for scene in scenes()]


def lif_by_hand(drives: list[list[int]], gate: GateConfig) -> list[tuple[list[bool], list[int]]]:
    """Loihi's integers with plain Python: spikes and potentials before the reset."""
    v, tired, out = [0] * TINY.regions, [0] * TINY.regions, []
    for row in drives:
        spikes, shown = [], []
        for r, drive in enumerate(row):
            felt = max(drive - tired[r], 0)
            v[r] = v[r] * (4096 - gate.dv) // 4096 + 64 * felt  # never below zero here
            shown.append(v[r])
            spikes.append(v[r] > 64 * gate.vth)
            if spikes[-1]:
                v[r] = v[r] - 64 * gate.vth if gate.reset == "subtract" else 0
            tired[r] = tired[r] // 2 + gate.adapt * spikes[-1]
        out.append((spikes, shown))
    return out


@pytest.mark.parametrize("reset", ["subtract", "zero"])
@pytest.mark.parametrize("adapt", [0, 150])
def test_spikes_are_the_integer_neuron_on_the_judged_change(reset: str, adapt: int) -> None:
    gate = replace(GATE, reset=reset, adapt=adapt)
    found = asked("spikes", gate)
    drives = [change_drive(scene.change, gate.gain, TINY).tolist() for scene in scenes()]
    region_of = TINY.region_of()
    sums = [int(16 * scenes()[0].change[region_of == r].astype(float).sum()) for r in range(8)]
    assert drives[0] == sums
    wanted = lif_by_hand(drives, gate)
    assert [(a.spikes.tolist(), a.membrane.tolist()) for a in found] == wanted
    fired = np.array([a.spikes for a in found])
    assert fired.any() and not fired.all()
    assert [a.drive.tolist() for a in found] == drives or adapt


@pytest.mark.parametrize("drive", ["change", "gradient"])
def test_pixels_are_a_second_input(drive: str) -> None:
    """Added to the first, up to what an input can hold, and charged; nothing on a first frame."""
    alone, both = (replace(GATE, drive=drive, gain_pixels=k) for k in (0, 5))
    base = [ask.drive for ask in asked("spikes", alone)]
    bare, rule = make_rule("spikes", TINY, alone), make_rule("spikes", TINY, both)
    sums = [change_drive(pixel_error(s.rgb, s.view), 5, TINY) for s in scenes()]
    for scene, before, more in zip(scenes(), base, sums, strict=True):
        scene.view.started = True
        assert more.min() > 0
        assert np.array_equal(rule.ask(scene).drive, np.minimum(before + more, 2**15 - 1))
    assert rule.macs > bare.macs
    first = make_rule("spikes", TINY, both).ask(scenes()[0])
    assert np.array_equal(first.drive, base[0])


@pytest.mark.parametrize("body", ["norse", "snntorch"])
@pytest.mark.parametrize("drive", ["change", "gradient"])
def test_every_body_of_the_neuron_asks_for_the_same(body: str, drive: str) -> None:
    gate = replace(GATE, drive=drive, vth=300 if drive == "change" else 60)
    integer, other = asked("spikes", gate), asked("spikes", replace(gate, body=body))
    for a, b in zip(integer, other, strict=True):
        assert np.array_equal(a.drive, b.drive) and np.array_equal(a.spikes, b.spikes)
    fired = np.array([a.spikes for a in integer])
    assert fired.any() and not fired.all()


def gradient_drives() -> list[npt.NDArray[np.int64]]:
    gradients = [feature_gradient(scene.rgb, TINY) for scene in scenes()]
    before = [None, *gradients[:-1]]
    return [region_drive(g, b, TINY) for g, b in zip(gradients, before, strict=True)]


def test_the_threshold_rule_compares_d_t_itself() -> None:
    vth = int(np.median(np.stack(gradient_drives()[1:])))
    found = asked("threshold", replace(GATE, vth=vth, drive="gradient"))
    for ask, drive in zip(found, gradient_drives(), strict=True):
        assert np.array_equal(ask.drive, drive) and np.array_equal(ask.membrane, drive)
        assert np.array_equal(ask.spikes, drive > vth)
    assert not found[0].spikes.any()
    fired = np.array([a.spikes for a in found[1:]])
    assert fired.any() and not fired.all()


def region_sums(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    h, w = TINY.grid
    blocks = values.astype(float).reshape(h // 2, 2, w // 2, 2).sum((1, 3))
    return blocks.reshape(-1)


@pytest.mark.parametrize("name", ["periodic", "topk_error", "topk_motion"])
def test_rules_of_thumb_order_by_their_quantity(name: str) -> None:
    for ask, scene in zip(asked(name), scenes(), strict=True):
        values = {
            "periodic": scene.view.age,
            "topk_error": pixel_error(scene.rgb, scene.view),
            "topk_motion": scene.motion,
        }[name]
        sums = region_sums(values)
        assert np.array_equal(np.argsort(-ask.membrane, kind="stable"),
                              np.argsort(-np.floor(64 * sums), kind="stable"))  # fmt: skip
        assert np.array_equal(ask.spikes, 64 * sums >= 1) and len(np.unique(ask.membrane)) > 2


def test_periodic_prefers_what_was_not_computed_for_longest() -> None:
    scene, rule = scenes()[0], make_rule("periodic", TINY, GATE)
    scene.view.age[:] = 1
    scene.view.age[TINY.region_of() == 5] = 7
    assert int(np.argmax(rule.ask(scene).membrane)) == 5
    scene.view.age[:] = 0
    assert not rule.ask(scene).spikes.any(), "what was just computed is not asked for"


def test_random_is_repeatable_and_differs_from_frame_to_frame() -> None:
    first, again = asked("random"), asked("random")
    orders = [ask.membrane.tolist() for ask in first]
    assert orders == [ask.membrane.tolist() for ask in again]
    assert all(sorted(order) == list(range(1, TINY.regions + 1)) for order in orders)
    assert len({tuple(order) for order in orders}) > FRAMES // 2
    assert all(ask.spikes.all() for ask in first)


def test_nobody_asks_under_no_rule() -> None:
    assert not any(a.spikes.any() or a.membrane.any() or a.drive.any() for a in asked("none"))
    assert make_rule("none", TINY, GATE).macs == 0
    assert all(make_rule(name, TINY, GATE).macs > 0 for name in RULES if name != "none")


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(ConfigError, match="recovery rule 'loudest': expected one of spikes, none"):
        make_rule("loudest", TINY, GATE)


@pytest.mark.parametrize("name", RULES)
def test_no_rule_passes_the_cap(name: str) -> None:
    gate = replace(GATE, vth=20, cap_percent=15, refill_percent=15, hold=2)
    policy = PolicyConfig(
        tau_px=0.7, tau_stale=6.0, token_rate=(0.0,), recovery=name != "none", gate=gate
    )
    prices, judge = prices_of(TINY, scored=False), make_judge("error", TINY)
    rule = make_rule(name, TINY, gate)
    pipeline = Pipeline(settled_network(), policy, prices, judge, rule)
    outs = [pipeline.step(rgb).decision.restored for rgb in scene_frames(TINY, FRAMES)]
    for out in outs:
        assert 100 * out.spent_macs <= 15 * out.base_macs
    spent = sum(out.spent_macs for out in outs)
    assert (spent == 0) == (name == "none"), "the scene was too quiet to test anything"
