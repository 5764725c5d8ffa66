"""Targets: the shipped ones, a file of one's own, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from depth_snn.errors import ConfigError
from loihi.target import TARGET_FOLDER, UNITS, load_target, shipped_targets

LOIHI2 = (TARGET_FOLDER / "loihi2.toml").read_text(encoding="utf-8")
NEURONS = 'limit = "neurons_per_core"\nvalue = 8192\nunit = "neurons"'


@pytest.mark.parametrize("name", shipped_targets())
def test_every_limit_has_a_source_or_a_reason(name: str) -> None:
    target = load_target(name)
    assert target.name == name and set(target.limits) == set(UNITS)
    for limit in target.limits.values():
        assert len(limit.source) > 5 and (limit.value is None or "grade" in limit.source)
    assert target.cores == target.known("cores_per_chip") * target.known("chips")


def test_a_target_of_ones_own_by_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(LOIHI2.replace("value = 8192", "value = 4095"), encoding="utf-8")
    assert load_target(path).value("neurons_per_core") == 4095


@pytest.mark.parametrize(("old", "new", "said"), [
    ("format = 1", "format = 2", "format is 2, expected 1"),
    ("format = 1", "format = 1\nspeed = 3", "unknown key 'speed'"),
    (NEURONS, NEURONS.replace("8192", '"many"'), "value is 'many', expected a whole number"),
    (NEURONS, NEURONS.replace("8192", "true"), "value is True"),
    (NEURONS, NEURONS.replace("8192", "0"), "value is 0"),
    (NEURONS, NEURONS.replace('"neurons"', '"bytes"'), "unit is 'bytes', expected 'neurons'"),
    (NEURONS, NEURONS.replace("neurons_per_core", "speed"), "limit is 'speed'"),
    (NEURONS, NEURONS.replace("8192", '"unknown"'), "not one this row can have"),
    (NEURONS, NEURONS.replace("neurons_per_core", "delay_max").replace('"neurons"', '"steps"'),
     "appears twice"),
    ("value = 8\nunit = \"routers\"", "value = 2\nunit = \"routers\"", "120 cores per chip, but"),
    ('grade = "B"', 'grade = "E"', "grade is 'E'"),
])  # fmt: skip
def test_a_wrong_file_is_one_clear_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in LOIHI2
    path = tmp_path / "mine.toml"
    path.write_text(LOIHI2.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=said) as caught:
        load_target(path)
    assert "\n" not in str(caught.value) and "mine.toml" in str(caught.value)


def test_unknown_names_list_the_shipped_ones() -> None:
    with pytest.raises(ConfigError, match="no target 'loihi3'; shipped are hala_point, loihi1"):
        load_target("loihi3")
