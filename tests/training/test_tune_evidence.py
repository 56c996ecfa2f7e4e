"""Tuning of evidence: what carries no taste comes to weigh less; kept only if clearly better."""

from __future__ import annotations

import tomllib
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine import settings
from engine.errors import Busy, ConfigError, NothingToLearn
from engine.frames import EVENTS
from engine.store import suspects
from engine.store.catalog import open_catalog
from engine.store.home import Home
from engine.store.locks import only_one
from tests.training.planted import NOW, quick_home
from training import tune_evidence as tuning
from training.flow import retrain
from training.recipe import load_recipe
from training.tune_evidence import changed, load_space, open_bench, store_changes, tune_evidence


def misleading(users: int = 250, products: int = 32, seed: int = 3) -> pl.DataFrame:
    """First everybody saves at random, later they like by taste: saves say nothing."""
    random = np.random.default_rng(seed)
    taste, kind = random.integers(0, 4, users), np.arange(products) % 4
    rows = []
    for user in range(users):
        order = random.permutation(products)
        rows += [(user, product, "save", random.uniform(0, 100)) for product in order[:7]]
        for product in order[7:24]:
            agrees = random.random() < (0.9 if taste[user] == kind[product] else 0.05)
            rows.append((user, product, "like" if agrees else "view", random.uniform(100, 200)))
    columns = {
        "event_id": [f"e{at}" for at in range(len(rows))],
        "user_id": [f"u{row[0]:04d}" for row in rows],
        "product_id": [f"p{row[1]:02d}" for row in rows],
        "action": [row[2] for row in rows],
        "occurred_at": [NOW + timedelta(days=row[3]) for row in rows],
    }
    lacking = {name: None for name in EVENTS.columns if name not in columns}
    return pl.DataFrame({**columns, **lacking}, schema=EVENTS.columns)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return quick_home(tmp_path / "home", misleading())


def test_a_table_that_overrates_what_says_nothing_is_put_right_and_retrains_read_it(home):
    (home.root / "configs" / "actions.toml").write_text("[rows.save]\nweight = 5.0\n")
    with (home.root / "configs" / "models" / "stack.toml").open("a") as file:
        file.write("\n[evidence]\npower = 1.0\n")
    found = tune_evidence(home, trials=25, seed=1)
    assert found.trials == 25
    assert found.value > found.before + 0.1
    actions = settings.load_rows("actions", home.root, over=home.actions)
    assert actions["save"]["weight"] == found.changes["save.weight"] < 5.0
    assert load_recipe(home)["evidence"].power == found.changes["evidence.power"]
    assert retrain(home).promoted


def test_accounts_that_are_held_teach_nothing(home):
    reasons = pl.DataFrame({"user_id": ["u0007"], "reason": ["flood"]})
    with open_catalog(home) as catalog:
        suspects.hold(catalog, reasons)
    for window in open_bench(home, 0).windows:
        assert "u0007" not in window.events["user_id"]
        assert "u0007" not in window.held["user_id"]


def test_the_same_seed_gives_the_same_study_and_it_goes_on(home, tmp_path):
    other = quick_home(tmp_path / "other", misleading())
    assert tune_evidence(home, trials=3, seed=5) == tune_evidence(other, trials=3, seed=5)
    assert tune_evidence(home, trials=2, seed=5).trials == 5


def test_the_table_before_is_the_first_trial_and_stays_where_nothing_is_better(home):
    found = tune_evidence(home, trials=1)
    assert found.changes == {}
    assert found.value == found.before
    assert not home.actions.exists()


def test_what_is_better_by_chance_alone_is_not_kept(home):
    override = home.root / "configs" / "training.toml"
    override.write_text("[tune]\nstandard_errors = 10.0\n")
    assert tune_evidence(home, trials=4).changes == {}


def test_windows_hold_back_what_came_later(home):
    first, second = open_bench(home, 0).windows
    assert first.events["occurred_at"].max() < first.cut <= second.cut
    for window in (first, second):
        known = window.events.select("user_id", "product_id")
        assert window.held.join(known, on=["user_id", "product_id"], how="semi").is_empty()
        assert (window.held["polarity"] > 0).sum() > 100


def test_only_opinions_that_the_log_holds_are_searched(home):
    keys = [item.key for item in load_space(open_bench(home, 0))]
    assert keys == [
        *(f"{name}.{key}" for name in ("like", "save") for key in tuning_keys()),
        "evidence.power",
        "evidence.repeats",
    ]


def tuning_keys():
    return ("weight", "half_life_days")


def test_bounds_of_the_search_lie_within_the_settings(home):
    bench = open_bench(home, 0)
    for item in load_space(bench):
        for value in (item.low, item.high):
            actions, recipe = changed(bench.actions, bench.recipe, {item.key: value})
            assert actions.keys() == bench.actions.keys()
            assert recipe["evidence"].values.keys() == bench.recipe["evidence"].values.keys()


def test_what_was_kept_before_stays_under_what_is_kept_now(home):
    store_changes(home, {"like.weight": 2.0, "evidence.power": 0.25})
    store_changes(home, {"share.weight": 3.0, "evidence.repeats": 0.5})
    kept = tomllib.loads(home.actions.read_text())
    assert kept == {"rows": {"like": {"weight": 2.0}, "share": {"weight": 3.0}}}
    assert tomllib.loads(home.recipe.read_text()) == {"evidence": {"power": 0.25, "repeats": 0.5}}


def test_a_kept_table_that_does_not_hold_is_named(home):
    home.actions.parent.mkdir(parents=True, exist_ok=True)
    home.actions.write_text("[rows.adore]\nweight = 1.0\n")
    with pytest.raises(ConfigError, match="adore"):
        retrain(home)


def test_a_log_without_a_later_says_so(tmp_path):
    with pytest.raises(NothingToLearn, match="no opinions"):
        tune_evidence(quick_home(tmp_path / "empty"), trials=1)
    moment = misleading().with_columns(
        pl.lit(NOW).alias("occurred_at").cast(EVENTS.columns["occurred_at"])
    )
    with pytest.raises(NothingToLearn, match="one moment"):
        tune_evidence(quick_home(tmp_path / "at-once", moment), trials=1)


def test_two_tunings_do_not_run_at_once(home):
    with only_one(home.lock), pytest.raises(Busy):
        tuning.tune_evidence(home, trials=1)
