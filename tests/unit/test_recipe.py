"""Recipes: the shipped ones load; wrong ones get one line that names file, table and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from depth_snn.errors import ConfigError
from depth_snn.models.build import build_network
from depth_snn.training.recipe import Recipe, load_recipe, shipped_recipes

GOOD = """format = 1
[network]
name = "mine"
height = 32
width = 64
dim = 16
heads = [1]
head_dim = 16
mlp = 16
"""
PRUNED = GOOD + "[train]\nstart = 'a'\nteacher = 'a'\n[pruned]\n"


@pytest.mark.parametrize("name", shipped_recipes())
def test_shipped_recipes_describe_their_network(name: str) -> None:
    recipe = load_recipe(name)
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    assert recipe.network.name in name
    assert sum(p.numel() for p in build_network(recipe.network).parameters()) > 1000
    known = shipped_recipes()
    for needed in (recipe.train.start, recipe.train.teacher):
        assert not needed or needed in known, "a recipe starts from what another one makes"


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD + "[train]\nsteps = 7\n")
    recipe = load_recipe(str(path))
    assert recipe.network.name == "mine" and recipe.train.steps == 7


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "format is None"),
        ("format = 1", r"needs a \[network\] table"),
        (GOOD + "[extra]\n", "unknown table 'extra'"),
        (GOOD + "[train]\nstep = 3\n", r"\[train\] unknown key 'step'"),
        (GOOD + "[train]\nsteps = '3'\n", r"\[train\] steps is '3'; expected int"),
        (GOOD + "[train]\nsteps = 0\n", "train.steps 0 is outside"),
        (GOOD + "[train]\nprecision = 'half'\n", "train.precision 'half'"),
        (GOOD + "[data]\nsource = 'web'\n", "data.source 'web'"),
        (GOOD + "[data]\nclips = true\n", r"\[data\] clips is True"),
        (GOOD + "kind = 'cnn'\n", "kind 'cnn'"),
        (GOOD + "stem = []\n", "stem .* needs 1 to 4 levels"),
        (GOOD + "colour = 1\n", "unknown key 'colour'"),
        (GOOD + "[pruned]\n", r"\[pruned\] needs train.start"),
        (GOOD + "[train]\nstart = 'a'\n[pruned]\n", r"\[pruned\] needs train.teacher"),
        (PRUNED + "frames = 1\n", "pruned.frames 1 is outside 2..40"),
        (PRUNED + "least = 0.5\n", "pruned.least 0.5 is outside 0..0.35"),
        (PRUNED + "most = 1.5\n", "pruned.most 1.5 is outside"),
        (PRUNED + "share = 1\n", r"\[pruned\] unknown key 'share'"),
        (PRUNED + "carried = 1\n", r"\[pruned\] carried is 1; expected bool"),
        (PRUNED.replace("[train]", "[train]\nquantise = true"), "goes with neither train.quantise"),
        (PRUNED.replace("[train]", "[data]\nsource = 'camvid'\n[train]"), "kind 'loihi' on"),
    ],
)
def test_wrong_recipes_get_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said) as caught:
        load_recipe(str(path))
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


def test_unknown_names_are_answered_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"no such shipped recipe .*tiny"):
        load_recipe("enormous")
