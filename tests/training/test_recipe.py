"""Recipes: what a home's tuning may say, what it may not, and where a search may look."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import settings
from engine.errors import ConfigError
from engine.store.home import Home
from training.recipe import as_toml, load_recipe, load_search


def kept(folder: Path, text: str) -> Home:
    home = Home(folder)
    home.studies.mkdir(parents=True)
    home.recipe.write_text(text)
    return home


def test_an_empty_home_has_the_shipped_recipe(tmp_path):
    shipped = load_recipe(Home(tmp_path)).plain()
    for section, keys in settings.specs("models/stack").items():
        assert shipped[section] == {key: spec.default for key, spec in keys.items()}


def test_what_tuning_found_goes_over_the_home_over_the_shipped(tmp_path):
    home = kept(tmp_path, "[warp]\nfactors = 32\n")
    override = tmp_path / "configs" / "models" / "stack.toml"
    override.parent.mkdir(parents=True)
    override.write_text("[warp]\nfactors = 8\nepochs = 9\n")
    recipe = load_recipe(home)
    assert (recipe["warp"].factors, recipe["warp"].epochs) == (32, 9)
    shipped = settings.specs("models/stack")["warp"]["learning_rate"].default
    assert recipe["warp"].learning_rate == shipped


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[warp]\nfactor = 3\n", ["warp.factor", "unknown key", "factors"]),
        ("[wrap]\nfactors = 3\n", ["wrap", "unknown section", "warp"]),
        ("[warp]\nfactors = 100000\n", ["warp.factors", "100000", "2 to 512"]),
        ("[warp]\nfactors = 'many'\n", ["warp.factors", "many", "2 to 512"]),
        ("[warp]\nlearning_rate = nan\n", ["warp.learning_rate", "0.0001 to 1"]),
        ("[head]\nby_activity = 1\n", ["head.by_activity", "one of True, False"]),
        ("[warp\n", ["is not TOML"]),
        ("factors = 3\n", ["factors", "unknown section"]),
    ],
)
def test_a_recipe_that_does_not_hold_names_file_key_and_range(tmp_path, text, words):
    home = kept(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_recipe(home)
    for word in [str(home.recipe), *words]:
        assert word in str(caught.value)


def test_a_change_that_the_recipe_does_not_know_is_refused(tmp_path):
    recipe = load_recipe(Home(tmp_path))
    assert recipe.changed({"warp.factors": 7})["warp"].factors == 7
    assert recipe["warp"].factors != 7
    with pytest.raises(ConfigError, match=r"trial: warp\.width"):
        recipe.changed({"warp.width": 7})


scalars = st.one_of(
    st.booleans(),
    st.integers(-(2**60), 2**60),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["a", "threading", "b c"]),
)


@given(
    st.dictionaries(st.sampled_from([f"{s}.{k}" for s in "ab" for k in "xyz"]), scalars, min_size=1)
)
def test_what_is_written_as_toml_is_read_back(values):
    found = tomllib.loads(as_toml(values))
    assert {f"{s}.{k}": value for s, keys in found.items() for k, value in keys.items()} == values


def test_the_search_looks_only_where_the_recipe_allows():
    known = settings.specs("models/stack")
    space = load_search()
    assert space
    for section, ranges in space.items():
        for item in ranges:
            spec = known[section][item.key.partition(".")[2]]
            assert spec.low <= item.low < item.high <= spec.high
            assert item.whole == isinstance(spec.default, int)
            assert item.low > 0 or not item.log


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("[warp]\nwidth = { low = 1, high = 2, log = false }", "warp.width: is not in the recipe"),
        ("[warp]\nfactors = { low = 1, high = 9999, log = true }", "2 to 512"),
    ],
)
def test_a_search_beyond_the_recipe_is_refused(tmp_path, monkeypatch, line, words):
    folder = tmp_path / "configs"
    (folder / "models").mkdir(parents=True)
    shipped = settings.config_folder() / "models" / "stack.toml"
    (folder / "models" / "stack.toml").write_text(shipped.read_text())
    (folder / "models" / "stack-search.toml").write_text(line)
    monkeypatch.setattr(settings, "config_folder", lambda: folder)
    with pytest.raises(ConfigError) as caught:
        load_search()
    assert words in str(caught.value)
