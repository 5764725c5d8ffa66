"""Scene statistics and policy sets: what they hold, what they refuse, and who is chosen when."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import mahalanobis

from depth_snn.adapt.build import Choice, balance, whitening_of
from depth_snn.adapt.chooser import Chooser, Hysteresis
from depth_snn.adapt.library import Domain, PolicySet
from depth_snn.adapt.library_file import is_policy_set, load_set, save_set, set_text
from depth_snn.adapt.statistics import FLICKER, NAMES, RESOLUTION, Statistics, statistics_macs
from depth_snn.config import PolicyConfig
from depth_snn.errors import ConfigError, InputError
from depth_snn.toml_io import loads_toml

BASE = PolicyConfig(token_rate=(0.0,))
COUNT = len(NAMES)


UNIT = tuple(tuple(float(i == j) for j in range(COUNT)) for i in range(COUNT))


def place(value: float) -> tuple[float, ...]:
    return (value,) * COUNT


def small_set() -> PolicySet:
    """Three kinds of scene in a row, at distances 0, 4 and 8."""
    domains = tuple(
        Domain(name, (place(at),), 1.5, replace(BASE, tau_stale=tau))
        for name, at, tau in (("day", 0.0, 5.0), ("dusk", 4.0, 6.5), ("night", 8.0, 8.0))
    )
    return PolicySet("tiny", BASE, "day", UNIT, domains)


def test_statistics_say_what_they_are_named_for() -> None:
    grey = np.full((32, 64, 3), 100, np.uint8)
    found = dict(zip(NAMES, Statistics(32, 64).measure(grey), strict=True))
    assert found["luma"] == pytest.approx(100) and found["spread"] == pytest.approx(0, abs=1e-9)
    assert found["saturation"] == 0 and found["warmth"] == 0 and found["far_contrast"] == 0
    assert found["dark"] == found["bright"] == found["streaks"] == 0
    red = grey.copy()
    red[:8] = (200, 20, 20)
    warm = dict(zip(NAMES, Statistics(32, 64).measure(red), strict=True))
    assert warm["sky_warmth"] == pytest.approx(np.log(201 / 21)) and warm["warmth"] > 0
    assert warm["sky_saturation"] == pytest.approx(180 / 255)
    assert warm["ground_luma"] == pytest.approx(100) and warm["sky_luma"] < 100
    thin = grey.copy()
    thin[:, ::4] = 140
    assert dict(zip(NAMES, Statistics(32, 64).measure(thin), strict=True))["streaks"] > 20


def test_flicker_is_unknown_at_first_and_then_the_median_change() -> None:
    statistics = Statistics(32, 64)
    frame = np.full((32, 64, 3), 50, np.uint8)
    assert np.isnan(statistics.measure(frame)[FLICKER])
    moved = frame + np.uint8(7)
    moved[:8] = 255  # less than half of the picture
    assert statistics.measure(moved)[FLICKER] == 7
    assert np.isnan(statistics.measure(255 - moved)[FLICKER]), "a cut is no noise"
    with pytest.raises(InputError, match="expected uint8"):
        statistics.measure(np.zeros((32, 32, 3), np.uint8))


def test_the_thumbnail_is_the_mean_of_its_places() -> None:
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 256, (128, 256, 3)).astype(np.uint8)
    luma = frame.reshape(32, 4, 64, 4, 3).mean((1, 3)) @ [0.299, 0.587, 0.114]
    found = dict(zip(NAMES, Statistics(128, 256).measure(frame), strict=True))
    # OpenCV rounds each place to a grey level.
    assert found["luma"] == pytest.approx(luma.mean(), abs=0.5)
    assert found["spread"] == pytest.approx(luma.std(), abs=0.5)
    dark = cv2.convertScaleAbs(frame, alpha=0.1)
    assert dict(zip(NAMES, Statistics(128, 256).measure(dark), strict=True))["dark"] == 1


def test_their_price_counts_every_pixel_once() -> None:
    assert statistics_macs(128, 256) == 3 * 128 * 256 + 2048 * 14 + 32 * 64 * 5
    assert Statistics(32, 64).macs == statistics_macs(32, 64)


def test_a_set_survives_its_file(tmp_path: Path) -> None:
    policies = small_set().with_domain(
        Domain("fog é", (place(0.1), place(1e-7)), 0.25, replace(BASE, moved_share=0.123456789))
    )
    save_set(policies, tmp_path / "set.toml")
    assert load_set(tmp_path / "set.toml") == policies
    assert is_policy_set(loads_toml(set_text(policies)))
    assert [p.name for p in tmp_path.iterdir()] == ["set.toml"]
    alone = set_text(policies).split("[base]")[1].split("[statistics]")[0]
    plain = alone.replace("[base.gate]", "[gate]").split("\n", 1)[1]
    assert not is_policy_set(loads_toml(plain))
    assert PolicyConfig.from_dict(loads_toml(plain)) == BASE
    (tmp_path / "base.toml").write_text(plain)
    pointing = set_text(policies).replace("[base]" + alone, "")
    (tmp_path / "other.toml").write_text('base = "base.toml"\n' + pointing)
    assert load_set(tmp_path / "other.toml") == policies


def test_policies_by_name() -> None:
    policies = small_set()
    assert policies.policy(None) == policies.policy("day") and policies.policy("base") == BASE
    assert policies.policy("night").tau_stale == 8.0
    assert set(policies.policies()) == {"base", "day", "dusk", "night"}
    changed = policies.mapped(lambda policy: replace(policy, motion="patch"))
    assert {p.motion for p in changed.policies().values()} == {"patch"}
    assert changed.policy("night").tau_stale == 8.0
    with pytest.raises(ConfigError, match="no domain 'mars'"):
        policies.policy("mars")
    with pytest.raises(ConfigError, match="fallback"):
        policies.without("day")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("format = 1", "format = 2", "format is 2"),
        ("format = 1", "", "format is missing"),
        ("format = 1", "format = 1\ncolour = 3", "unknown key 'colour'"),
        ('fallback = "day"', 'fallback = "mars"', "fallback 'mars'"),
        ('fallback = "day"', "fallback = 3", "fallback is 3"),
        ("radius = 1.5", "radius = nan", "radius nan"),
        ("radius = 1.5", 'radius = "wide"', "expected numbers"),
        ('name = "dusk"', 'name = "day"', "'day' is there twice"),
        ('name = "dusk"', 'name = "base"', "name other than 'base'"),
        ("[domain.policy]", "[domain.policy]\nhead_rate = 0.5", "'head_rate' may not differ"),
        ("[domain.policy]", "[domain.policy]\ntau_px = -1.0", "tau_px"),
        ("tau_stale = 6.5", "tau_stale = inf", "tau_stale inf"),
        ('"luma", ', "", "names are not those"),
        ("    [4.0, ", "    [", "14 finite numbers"),
        ("    [4.0, ", "    [inf, ", "14 finite numbers"),
        ("whitening = [\n    [1.0, ", "whitening = [\n    [nan, ", "finite numbers"),
        ("whitening = [\n    [1.0, ", "whitening = [\n    [", "rows of 14"),
        ("tau_px = 0.6", "tau_px = true", "tau_px is True"),
    ],
)  # fmt: skip
def test_a_wrong_set_is_refused_in_one_line(tmp_path: Path, old: str, new: str, says: str) -> None:
    text = set_text(small_set())
    assert old in text
    file = tmp_path / "set.toml"
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigError, match=r"set\.toml") as refusal:
        load_set(file)
    assert says in str(refusal.value) and "\n" not in str(refusal.value)


def test_what_the_graph_freezes_must_be_shared() -> None:
    for change in ({"head_rate": (0.5,)}, {"token_rate": (0.2,)}, {"recovery": False}):
        other: dict[str, Any] = change
        with pytest.raises(ConfigError, match=next(iter(change))):
            small_set().with_domain(Domain("x", (place(0),), 1.0, replace(BASE, **other)))


def test_distance_is_mahalanobis_of_what_is_known() -> None:
    rng = np.random.default_rng(3)
    around = rng.normal(size=(200, COUNT)) @ rng.normal(size=(COUNT, COUNT))
    whitening = tuple(tuple(row.tolist()) for row in whitening_of(around))
    policies = replace(small_set(), whitening=whitening)
    covariance = np.cov(around.T, bias=True) + np.outer(around.mean(0), around.mean(0))
    inverse = np.linalg.inv(
        covariance + np.diag(0.02 * np.diag(covariance) + np.square(RESOLUTION))
    )
    here = rng.normal(size=COUNT)
    here[FLICKER] = np.nan
    for domain, found in zip(policies.domains, policies.distances(here), strict=True):
        apart = np.nan_to_num(here - np.array(domain.centres[0]))
        wanted = mahalanobis(apart, np.zeros(COUNT), inverse) / COUNT**0.5
        assert found == pytest.approx(wanted)


def walk(values: list[float], **options: Any) -> list[str | None]:
    chooser = Chooser(small_set(), Hysteresis(**options))
    return [chooser.step(np.full(COUNT, v)) for v in values]


def test_a_cut_is_followed_once_k_frames_agree() -> None:
    chosen = walk([0.0] * 5 + [8.0] * 10, share=0.5, patience=3)
    assert chosen[:5] == ["day"] * 5 and chosen[-1] == "night"
    assert chosen.count("day") <= 5 + 5 and "dusk" not in chosen


def test_unknown_after_k_frames_and_back() -> None:
    chosen = walk([0.0] * 3 + [100.0] * 8 + [0.0] * 20, share=0.5, patience=3)
    assert chosen[2] == "day" and chosen[8] is None and chosen[-1] == "day"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-3, 12), min_size=1, max_size=40), st.integers(1, 5),
    st.floats(0.05, 1.0), st.floats(0, 0.5),
)  # fmt: skip
def test_changes_are_at_least_k_frames_apart(
    values: list[float], patience: int, share: float, margin: float
) -> None:
    chosen = walk(values, patience=patience, share=share, margin=margin)
    changes = [0, *(i for i in range(1, len(chosen)) if chosen[i] != chosen[i - 1])]
    assert all(b - a >= patience for a, b in pairwise(changes))


@settings(max_examples=40, deadline=None)
@given(st.floats(-5, 15), st.integers(2, 4))
def test_a_constant_scene_has_a_constant_choice(value: float, patience: int) -> None:
    assert len(set(walk([value] * 15, patience=patience))) == 1


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([0.0, 4.0, 8.0]), st.integers(1, 10),
    st.one_of(st.floats(-1e9, 1e9), st.sampled_from([np.nan, np.inf, -np.inf])),
)  # fmt: skip
def test_one_frame_of_garbage_changes_nothing(at: float, when: int, garbage: float) -> None:
    values = [at] * 20
    values[when] = garbage
    assert len(set(walk(values, patience=2))) == 1


def test_a_set_that_loses_the_present_domain_makes_it_unknown() -> None:
    chooser = Chooser(small_set())
    assert chooser.step(np.full(COUNT, 8.0)) == "night"
    chooser.replace(small_set().without("night"))
    assert chooser.domain is None
    chooser.replace(small_set())
    assert [chooser.step(np.full(COUNT, 8.0)) for _ in range(3)][-1] == "night"


def choices(*pairs: tuple[float, float]) -> list[Choice]:
    return [Choice(replace(BASE, tau_stale=1 + i), *pair) for i, pair in enumerate(pairs)]


def test_the_common_loss_is_the_smallest_that_costs_no_more() -> None:
    fronts = {
        "a": choices((0.1, 0.9), (0.2, 0.5), (0.4, 0.3), (0.6, 0.2)),
        "b": choices((0.1, 0.4), (0.3, 0.35), (0.5, 0.1)),
    }
    fixed = {"a": Choice(BASE, 0.4, 0.3), "b": Choice(BASE, 0.1, 0.4)}
    found = balance(fronts, fixed)
    # By hand: at 0.3 (0.5 + 0.35)/2 is too much, at 0.4 (0.3 + 0.35)/2 is within 0.35.
    assert found.target == 0.4 and found.fixed_work == pytest.approx(0.35)
    assert found.choices["a"].loss == 0.4 and found.choices["b"].loss == 0.3
    with pytest.raises(ConfigError):
        balance({}, {})


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_balance_never_costs_more_than_the_fixed_policy(data: st.DataObject) -> None:
    share = st.tuples(st.floats(0, 3), st.floats(0.05, 1))
    names = ["a", "b", "c"]
    fronts = {n: choices(*data.draw(st.lists(share, max_size=6))) for n in names}
    fixed = {n: Choice(BASE, *data.draw(share)) for n in names}
    found = balance(fronts, fixed)
    assert found.work <= found.fixed_work + 1e-12
    assert found.target <= max(c.loss for c in fixed.values())
    for name, choice in found.choices.items():
        best = min(c.loss for c in [*fronts[name], fixed[name]])
        assert choice.loss <= found.target or choice.loss == best
