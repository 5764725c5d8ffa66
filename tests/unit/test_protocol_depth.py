"""`depth-snn eval --protocol depth`: players, scores by hand, figures, pictures, end to end."""

from __future__ import annotations

import math
import runpy
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from depth_snn.cli.depth.energy_table import energy_figures
from depth_snn.cli.depth.plots import plot_bursts, plot_curves, plot_extra
from depth_snn.cli.depth.protocol import (
    DENSE,
    GROUPS,
    IRREVERSIBLE,
    PROPOSAL,
    RECOVERY,
    families,
    methods_of,
    run_curve,
)
from depth_snn.cli.depth.score import gap_closed, interval, losses_by_lag, seed_scores
from depth_snn.cli.depth.table import figures_of, lag_curves, rows_of
from depth_snn.config import PolicyConfig
from depth_snn.data.bursts import LAST_LAG, BurstWindow
from depth_snn.figures import load_figures
from depth_snn.pruning.play import Method, Player
from depth_snn.search.clips import scene_clip
from tests.unit.command import TINY as TINY_WORDS
from tests.unit.command import contents, depth_snn, refused
from tests.unit.protocol_scores import iou, made_up, played
from tests.unit.small import ROOT, TINY, tiny_network

NAMES = runpy.run_path(str(ROOT / "benchmarks" / "measure_depth.py"), run_name="seen")["NAMES"]
ZERO = PolicyConfig(tau_px=0.0, tau_stale=0.0, token_rate=(0.0,))


def test_everything_computed_is_the_dense_network() -> None:
    player, clip = Player(tiny_network()), scene_clip("driving-day", 400, 5, TINY)
    dense = player.play(clip.frames, Method(DENSE, None))
    whole = player.play(clip.frames, Method("whole", ZERO))
    assert np.array_equal(dense.matrices, whole.matrices)
    assert dense.matrices.shape == (5, 8, 8) and dense.matrices.sum() > 0
    assert dense.work.tolist() == [1.0] * 4 and not dense.extra.any()
    assert (whole.work > 1).all() and not whole.extra.any()  # motion and gates come on top
    assert dense.seconds.shape == whole.seconds.shape == (4,) and (dense.seconds > 0).all()


def test_cut_heads_are_less_work_and_made_once() -> None:
    player, clip = Player(tiny_network()), scene_clip("standing-day", 400, 3, TINY)
    cut = replace(ZERO, head_rate=(0.5,))
    first, again = (player.play(clip.frames, Method("cut", cut)) for _ in "ab")
    whole = player.play(clip.frames, Method("whole", ZERO))
    assert (first.work < whole.work).all() and np.array_equal(first.work, again.work)
    assert len(player._cut) == 1


def test_scores_of_a_seed_by_hand() -> None:
    wrong = {5: 50, 8: 20}
    found = seed_scores([played(wrong, 0.4, 0.5)], [played({})], [[5]])
    lost = 100 * (1 - iou(70 / 20))
    for value in (found.loss, found.pedestrian, found.vehicle, 100 - found.miou):
        assert value == pytest.approx(lost)
    at_burst = 100 * iou(70 / (LAST_LAG + 1))
    assert found.burst_miou == pytest.approx(at_burst)
    assert found.burst_loss == pytest.approx(100 - at_burst)
    assert found.work == pytest.approx(0.4) and found.speedup == pytest.approx(4)
    assert found.extra == pytest.approx(10 / 19) and found.worst_extra == pytest.approx(10)
    assert found.burst is not None and found.burst.bursts == 1
    lags = losses_by_lag(found.burst)
    assert lags[0] == pytest.approx(100 * (1 - iou(50))) and not lags[1:3].any()
    assert lags[3] == pytest.approx(100 * (1 - iou(20)))


def test_without_a_whole_burst_its_scores_are_not_defined() -> None:
    found = seed_scores([played({})], [played({})], [[15]])
    assert math.isnan(found.burst_miou) and math.isnan(found.burst_loss) and found.loss == 0


def window(at_three: int) -> BurstWindow:
    score = seed_scores([played({8: at_three})], [played({})], [[5]])
    assert score.burst is not None
    return score.burst


def test_the_gap_that_recovery_closes_by_hand() -> None:
    lost, left = 1 - iou(50), 1 - iou(20)
    assert gap_closed(window(50), window(20)) == pytest.approx((lost - left) / lost)
    assert gap_closed(window(50), window(0)) == 1 and gap_closed(window(20), window(20)) == 0
    assert gap_closed(window(20), window(50)) < 0
    assert math.isnan(gap_closed(window(0), window(20)))


@pytest.mark.parametrize("count", [2, 3, 5, 10, 11, 20, 100])
def test_intervals_are_those_of_students_t(count: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    values = np.random.default_rng(count).normal(3, 2, count)
    found = interval([*values, math.nan])
    t = stats.t.ppf(0.975, count - 1)
    assert found.mean == pytest.approx(values.mean())
    assert found.half == pytest.approx(t * values.std(ddof=1) / count**0.5, rel=2e-3)


def test_intervals_of_one_and_of_none() -> None:
    assert interval([2.0]).text() == "2.00" and math.isnan(interval([2.0]).half)
    assert math.isnan(interval([math.nan]).mean)
    assert interval([1.0, 3.0]).text() == "2.00 ± 12.71"


@pytest.mark.parametrize("seeds", [1, 2])
def test_figures_are_those_that_the_script_names(seeds: int) -> None:
    found, modelled = figures_of(made_up(seeds)), energy_figures(made_up(seeds))
    assert not set(found) & set(modelled)
    assert set(found) | set(modelled) == {n for n in NAMES if not n.startswith("camvid_")}
    assert found["static_mac_saving"] == (50, "%", None if seeds == 1 else 0)
    assert found["static_conversion_ratio"][0] == pytest.approx(0.5)
    closed = 100 * (1 - (1 - iou(20)) / (1 - iou(50)))
    for name in ("burst_gap_closed_3_frames", "plain_gap_closed_3_frames"):
        assert found[name] == (pytest.approx(closed), "%", None)
    for name, (value, _, spread) in found.items():
        assert math.isfinite(value) and (spread is None or math.isfinite(spread)), name


def test_what_is_not_defined_has_no_figure() -> None:
    results = made_up(2)
    static = results.groups["static"]
    static[RECOVERY] = [replace(s, pedestrian=math.nan) for s in static[RECOVERY]]
    found = figures_of(results)
    assert "static_pedestrian_loss" not in found and "static_vehicle_loss" in found


def test_tables_and_lags() -> None:
    results = made_up(2)
    rows = {row[0]: row[1:] for row in rows_of(results.groups["bursts"])}
    assert rows[RECOVERY][0] == "50.00 ± 0.00" and rows[DENSE][0] == "100.00 ± 0.00"
    curves = lag_curves(results)
    assert set(curves) == {PROPOSAL, IRREVERSIBLE, RECOVERY}
    assert curves[RECOVERY][3] == pytest.approx(100 * (1 - iou(20)))


def is_picture(path: Path) -> bool:
    image = cv2.imread(str(path))
    return path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" and image is not None and image.std() > 1


def test_pictures_are_pictures(tmp_path: Path) -> None:
    curves = {"static": {"spikes": [(0.4, 1.0), (0.2, 2.0)]}, "ego": {"spikes": [(0.5, 1.0)]}}
    made = [
        plot_curves(curves, tmp_path / "curves.png"),
        plot_bursts({"recovery": [1.0, 0.5]}, tmp_path / "bursts.png"),
        plot_bursts({}, tmp_path / "none.png"),
        plot_extra([1.0, 14.0], 15, tmp_path / "extra.png"),
        plot_extra([0.0], 0, tmp_path / "nothing.png"),
    ]
    assert all(is_picture(path) for path in made) and len(contents(tmp_path)) == len(made)


def test_a_curve_has_a_point_for_each_policy() -> None:
    policy, steps = replace(ZERO, tau_stale=3.0, tau_px=0.6), (1.0, 4.0)
    clip = scene_clip("driving-day", 400, 4, TINY)
    found = run_curve(Player(tiny_network()), families(policy, steps), [clip])
    assert len(found) == 3
    for points in found.values():
        assert len(points) == 2 and points[0][0] > points[1][0] > 0


def test_methods_differ_in_what_they_say() -> None:
    methods = {m.name: m for m in methods_of(PolicyConfig())}
    assert methods[DENSE].policy is None and methods[IRREVERSIBLE].rule == "none"
    kept = methods[IRREVERSIBLE].policy
    assert kept is not None and replace(kept, recovery=True) == methods[RECOVERY].policy


def test_the_command_end_to_end(tmp_path: Path) -> None:
    out, file = tmp_path / "deep" / "out", tmp_path / "figures.json"
    words = ("--seeds", "1", "--frames", "16", "--out", out, "--json", file)
    done = depth_snn("eval", "--protocol", "depth", *TINY_WORDS, *words)
    assert done.code == 0, done
    assert contents(out) == ["bursts.png", "extra.png"]
    assert all(is_picture(path) for path in out.iterdir())
    figures = load_figures(file)
    missing = {n for n in NAMES if not n.startswith("camvid_")} - set(figures)
    assert set(figures) <= set(NAMES)
    # A burst at which irreversible pruning loses nothing leaves no gap to close.
    assert missing <= {"burst_gap_closed_3_frames", "plain_gap_closed_3_frames"}
    assert figures["recovery_extra_worst"].value <= 15
    assert {n for n, f in figures.items() if f.kind == "modelled"} == {
        n for n in figures if "_energy_" in n
    }
    for title in (*GROUPS, "bursts, pruned by pixels", "bursts, pruned by the judge"):
        assert f"\n{title} " in done.out
    for group in GROUPS:
        assert f"\nenergy, {group} " in done.out
    assert "unknown: operations that are no MACs, memory traffic, static power\n" in done.out


def test_wrong_words_are_refused(tmp_path: Path) -> None:
    words = ("eval", "--protocol", "depth", *TINY_WORDS, "--seeds", "1")
    refused(depth_snn(*words, "--frames", "1"), "--frames 1", "2 or more")
    refused(depth_snn(*words, "--json", tmp_path), "--json")
