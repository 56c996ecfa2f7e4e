"""Tuning: a seed gives the same study again, a study goes on, and what it keeps a retrain reads."""

from __future__ import annotations

import itertools
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from engine.errors import Busy, ConfigError, NothingToLearn
from engine.settings import specs
from engine.store import eventlog
from engine.store.home import Home
from engine.store.locks import only_one
from tests.training.planted import QUICK, events_like, quick_home, tasteful
from training import tune as tuning
from training.flow import retrain
from training.recipe import Range, load_recipe
from training.tune import tune, worth

NARROW = {
    "warp": [Range("warp.factors", 4, 16, True, True), Range("warp.epochs", 2, 6, True, True)],
    "logistic": [Range("logistic.factors", 2, 8, True, True)],
    "neighbourhood": [Range("neighbourhood.likes_ridge", 1.0, 300.0, True, False)],
    "head": [Range("head.interest_ridge", 1e-7, 1e-2, True, False)],
}
"""A search among recipes that fit in no time; the shipped one has the same form."""


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "load_search", lambda: NARROW)


@pytest.fixture
def home_of(tmp_path: Path) -> Any:
    events = events_like(tasteful(150, 16))

    def make(name: str = "home") -> Home:
        return quick_home(tmp_path / name, events)

    return make


def test_the_same_seed_gives_the_same_study(home_of):
    first, second = (tune(home_of(name), trials=4, seed=5) for name in ("one", "two"))
    assert first == second
    assert first.trials == 4
    assert tune(home_of("three"), trials=4, seed=6).value != first.value


def test_a_study_goes_on_where_it_stopped(home_of):
    home = home_of()
    assert tune(home, trials=3).trials == 3
    longer = tune(home, trials=2)
    assert longer.trials == 5


def test_another_state_of_the_log_is_another_study(home_of):
    home = home_of()
    tune(home, trials=3)
    eventlog.append_events(
        home,
        events_like(tasteful(5, 16, seed=9), user="new {:d}").with_columns(
            event_id="new " + pl.col("event_id")
        ),
    )
    assert tune(home, trials=2).trials == 2


def test_what_is_kept_is_a_recipe_that_retrains_read(home_of):
    home = home_of()
    # any gain on fresh pairs will do here: the world is too small for a clear one
    chosen = home.root / "configs" / "training.toml"
    chosen.write_text("[tune]\nstandard_errors = 0.0\nholdout = 0.2\n")
    found = tune(home, trials=8)
    assert found.value >= found.before
    if not found.changes:
        pytest.fail("nothing better was found: the world or the search is too small to test with")
    kept = tomllib.loads(home.recipe.read_text())
    recipe = load_recipe(home)
    for section, keys in kept.items():
        for key, value in keys.items():
            assert (
                recipe[section].values[key] == value != specs("models/stack")[section][key].default
            )
    for dotted, value in found.changes.items():
        section, key = dotted.split(".")
        assert recipe[section].values[key] == value
    # what the home itself says and the search did not change stays
    assert recipe["neighbourhood"].rank == QUICK["neighbourhood.rank"]
    assert retrain(home).promoted


def test_changes_are_values_of_the_search(home_of):
    found = tune(home_of(), trials=6)
    allowed = {item.key: item for ranges in NARROW.values() for item in ranges}
    for key, value in found.changes.items():
        assert allowed[key].low <= value <= allowed[key].high


def test_the_recipe_before_is_the_first_trial(home_of):
    home = home_of()
    found = tune(home, trials=1)
    assert found.changes == {}
    assert found.value == found.before
    assert not home.recipe.exists()


def test_a_part_that_is_worse_alone_is_not_stacked(home_of, monkeypatch):
    """After eight trials to learn from, some of the next are ended before they are stacked."""
    monkeypatch.setattr(tuning, "load_search", lambda: {"warp": NARROW["warp"]})
    found = tune(home_of(), trials=20)
    assert found.trials == 20
    assert 0 < found.pruned < 12


def test_an_unknown_key_in_the_kept_recipe_names_file_key_and_what_is_known(home_of):
    home = home_of()
    home.studies.mkdir(parents=True)
    home.recipe.write_text("[warp]\nfactor = 3\n")
    for verb in (lambda: tune(home, trials=1), lambda: retrain(home)):
        with pytest.raises(ConfigError, match=r"recipe\.toml: warp\.factor: unknown key; known:"):
            verb()
    home.recipe.write_text("[warp]\nfactors = 3000\n")
    with pytest.raises(ConfigError, match=r"recipe\.toml: warp\.factors: .*2 to 512"):
        retrain(home)


def test_nothing_to_learn_and_a_running_retrain_end_it(tmp_path, home_of):
    with pytest.raises(NothingToLearn):
        tune(quick_home(tmp_path / "empty"), trials=1)
    home = home_of()
    with only_one(home.lock), pytest.raises(Busy):
        tune(home, trials=1)


def test_time_ends_it_too(home_of, monkeypatch):
    """On a clock that strikes at each look, four fifths of five strikes leave three rounds."""
    strikes = itertools.count()
    monkeypatch.setattr(tuning, "time", SimpleNamespace(monotonic=lambda: float(next(strikes))))
    assert tune(home_of(), timeout=5.0).trials == 6


def test_how_many_are_fitted_together_is_a_setting(home_of, monkeypatch):
    strikes = itertools.count()
    monkeypatch.setattr(tuning, "time", SimpleNamespace(monotonic=lambda: float(next(strikes))))
    home = home_of()
    (home.root / "configs" / "training.toml").write_text("[tune]\ntogether = 1\nfinalists = 1\n")
    assert tune(home, timeout=5.0).trials == 3


def test_worth_counts_what_is_not_known_as_nothing():
    from engine.settings import Section

    weights = Section("tune", {"lift_weight": 0.1, "taste_weight": 2.0})
    assert worth({"auc": 0.5, "lift5": 3.0, "taste": 0.25}, weights) == pytest.approx(1.3)
    assert worth({"auc": 0.5, "lift5": None, "taste": None}, weights) == 0.5
    assert worth({}, weights) == 0
