"""Modelled energy of `depth-snn eval --protocol depth`: sums by hand, figures, what is unknown."""

from __future__ import annotations

import pytest

from depth_snn.cli.depth.energy_table import energy_figures, energy_rows, notes
from depth_snn.cli.depth.protocol import DENSE, RECOVERY
from depth_snn.cli.depth.score import seed_scores
from tests.unit.protocol_scores import busy, made_up


def test_energy_of_calm_and_sudden_frames_by_hand() -> None:
    """An event in frame 5 of 20: frames 5 to 15 are its burst; frames count from the first."""
    calm, sudden = [100] * 4, [300] * 11
    clip = busy([*calm, *sudden, 100, 100, 100, 100])
    still = busy([50] * 19)  # without events it has no burst, so it counts in the mean alone
    found = seed_scores([clip, still], [busy([1000] * 19)] * 2, [[5], []]).energy
    assert found.normal_pj == pytest.approx(100 * 0.23)
    assert found.burst_pj == pytest.approx(300 * 0.23)
    assert found.burst_extra == pytest.approx(2)
    assert found.all_pj == pytest.approx(0.23 * (11 * 300 + 8 * 100 + 19 * 50) / 38)
    operations, static = (found.every.tiers[tier] for tier in ("operations", "static"))
    assert operations.unknown == ("operations that are no MACs",)
    assert static.unknown[1:] == ("memory traffic", "static power")
    assert static.lower_aj == operations.lower_aj and len(static.lower_aj) == 38


def test_every_clip_weighs_the_same_in_calm_and_in_sudden_frames() -> None:
    """A busy clip with a short calm must not make bursts look dear."""
    quiet, loud = busy([100] * 19), busy([900] * 19)
    found = seed_scores([quiet, loud], [busy([1000] * 19)] * 2, [[2], [1, 5]]).energy
    assert found.burst_extra == pytest.approx(0)
    assert found.normal_pj == pytest.approx(500 * 0.23)


def test_energy_figures_and_rows() -> None:
    results = made_up(2)
    scores = results.groups["bursts"]
    dense = seed_scores([busy([1000] * 19)], [busy([1000] * 19)], [[5]])
    ours = seed_scores([busy([100] * 4 + [300] * 11 + [100] * 4)], [busy([1000] * 19)], [[5]])
    scores[DENSE], scores[RECOVERY] = [dense] * 2, [ours] * 2
    found = energy_figures(results)
    assert found["depth_energy_dense_uj"] == (pytest.approx(230e-6), "µJ", None)
    assert found["depth_energy_normal_saving"] == (pytest.approx(90), "%", pytest.approx(0))
    assert found["depth_energy_burst_saving"] == (pytest.approx(70), "%", pytest.approx(0))
    assert found["depth_energy_burst_extra"] == (pytest.approx(200), "%", pytest.approx(0))
    assert found["depth_energy_normal_saving_irreversible"][0] == pytest.approx(60)
    assert found["static_energy_burst_extra"][0] == pytest.approx(0)
    rows = {row[0]: row[1:] for row in energy_rows(scores)}
    assert rows[RECOVERY][:3] == ["≥ 49.6 pJ"] * 3 and rows[RECOVERY][-1] == "200.00 ± 0.00"
    assert rows[DENSE][3] == "100.00 ± 0.00"
    said = list(notes(results))
    assert "0.23 pJ (int8" in said[0] and "modelled" in said[0] and "Horowitz" in said[0]


def test_without_a_whole_burst_there_is_no_burst_energy() -> None:
    results = made_up(1)
    late = seed_scores([busy([500] * 19)], [busy([1000] * 19)], [[15]])
    results.groups["bursts"] = {name: [late] for name in results.groups["bursts"]}
    found = energy_figures(results)
    assert "depth_energy_burst_extra" not in found and "depth_energy_normal_saving" not in found
    assert "depth_energy_dense_uj" in found
    assert energy_rows(results.groups["bursts"])[0][-1] == "–"
