"""Targeting: widths that are known are found, people unseen decide, and retrains take it up."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from engine import settings
from engine.errors import Busy, ConfigError, NothingToLearn
from engine.operations.audiences import audience, best_segments
from engine.store import eventlog
from engine.store.artefacts import Head, Model, Seen, open_model, save
from engine.store.home import Home
from engine.store.locks import only_one
from tests.api.planted import planted
from tests.training.planted import events_like, quick_home, tasteful
from training.flow import retrain
from training.targeting import Search, _question, tune_targeting
from training.targeting_apply import aim_products, is_due, read_kept
from training.targeting_bench import lay_bench, open_bench, problems_of
from training.targeting_pages import importances, study_page
from training.targeting_space import load_space
from training.tune import open_study

NARROW, WIDE, PRODUCTS, USERS = 0.06, 0.4, 24, 600
PRICES = {"like": 1.0, "dislike": 0.5, "person": 0.2}


@pytest.fixture(scope="module")
def world() -> tuple[Model, pl.DataFrame]:
    """A model that ranks rightly and knows no widths; even products are liked by few, odd by many.

    Whom a product fits says later, with a chance of 0.9, a like; of the others a tenth dislikes.
    """
    random = np.random.default_rng(4)
    fits = random.random((USERS, PRODUCTS))
    usual = planted("test", users=USERS, products=PRODUCTS)
    head = Head(
        6 * np.eye(PRODUCTS, dtype=np.float32),
        np.full(PRODUCTS, -3, np.float32),
        np.zeros(USERS, np.float32),
        np.array([[-3.0, 0.05], [3.0, 0.3]]),
    )
    odd = np.arange(PRODUCTS) % 2 == 1
    tags = [["many"] if one else ["few"] for one in odd]
    model = replace(
        usual,
        embeddings=fits.astype(np.float32),
        interest=head,
        probability=replace(head, knots=np.array([[-3.0, 0.4], [3.0, 0.6]])),
        products=usual.products.with_columns(tags=pl.Series(tags), likes=pl.lit(40, pl.UInt32)),
        seen=Seen(np.zeros(PRODUCTS + 1, np.int64), np.zeros(0, np.uint32)),
    )
    inside = fits > 1 - np.where(odd, WIDE, NARROW)
    chance = random.random(fits.shape)
    said = np.where(inside & (chance < 0.9), 1, np.where(~inside & (chance < 0.1), -1, 0))
    rows, columns = np.nonzero(said)
    later = pl.DataFrame(
        {
            "user_id": model.users["user_id"].gather(rows),
            "product_id": model.products["product_id"].gather(columns),
            "polarity": said[rows, columns],
        }
    )
    return model, later


def study_of(home: Home, world: tuple[Model, pl.DataFrame], trials: int = 30) -> Search:
    bench = lay_bench(world[0], world[1], home=home, seed=0)
    goal = settings.load_rows("goals")["traffic"] | PRICES
    width = next(iter(problems_of(bench, "traffic", goal)))
    search = Search(open_study(home, 0, "audience"), width, load_space("audience"), bench)
    search.run(trials, None, lambda said: None)
    return search


def test_products_whose_best_share_is_known_get_it(world, tmp_path):
    home = Home(tmp_path)
    search = study_of(home, world)
    found, content = search.result("traffic")
    assert found.kept
    assert found.worth["tuned"] > found.worth["fixed"] > found.worth["default"]
    kept = {"traffic": {"audience": content, "segments": {"kept": False}}}
    text = {"as_of": world[0].as_of, "split": "time", "edges": list(search.bench.edges)}
    home.targeting.write_text(json.dumps(text | {"goals": kept}))
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "goals.toml").write_text("[rows.traffic]\nperson = 0.2\n")
    aimed = aim_products(home, world[0], seed=0).filter(pl.col("goal") == "traffic")
    shares = aimed["share"].to_numpy()
    assert np.median(shares[::2]) == pytest.approx(NARROW, rel=0.35)
    assert np.median(shares[1::2]) == pytest.approx(WIDE, rel=0.35)
    assert set(aimed["basis"]) <= {"group", "product"}
    others = aim_products(home, world[0], seed=0).filter(pl.col("goal") == "sales")
    assert set(others["basis"]) == {"default"}
    assert sum(importances(search.study).values()) == pytest.approx(1)
    assert study_page(search.study, "wide & narrow", found.worth).count("<svg") == 2


def test_what_chance_alone_says_later_changes_nothing(world, tmp_path):
    random = np.random.default_rng(0)
    model = world[0]
    users, products = (table.height for table in (model.users, model.products))
    rows = random.permutation(users * products)[:300]
    noise = pl.DataFrame(
        {
            "user_id": model.users["user_id"].gather(rows // products),
            "product_id": model.products["product_id"].gather(rows % products),
            "polarity": random.choice([-1, 1], rows.size),
        }
    )
    (tmp_path / "configs").mkdir()
    rules = "[keep]\nstandard_errors = 3.0\n[default]\nshare = 0.045\n"
    (tmp_path / "configs" / "targeting.toml").write_text(rules)
    found, content = study_of(Home(tmp_path), (model, noise), 12).result("traffic")
    assert not found.kept
    assert "products" not in content


def test_an_audience_of_too_few_people_is_outside_the_limits(world, tmp_path):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "targeting.toml").write_text("[limits]\npeople = 60\n")
    search = study_of(Home(tmp_path), world, 25)
    trials = search.study.get_trials()
    broken = [trial for trial in trials if trial.constraints["people"] > 0]
    assert broken
    for values, _ in search.best():
        arms = search.problem.arms(values)
        assert arms.people.min() >= 60
    assert len(search.best()) < len(trials)


def test_where_no_trial_keeps_the_limits_the_default_stays(world, tmp_path):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "targeting.toml").write_text("[limits]\ndislikers = 0.0\n")
    search = study_of(Home(tmp_path), world, 8)
    assert search.best() == []
    assert not search.result("traffic")[0].kept


def test_settings_reach_other_processes():
    section = settings.load("targeting")["limits"]
    assert pickle.loads(pickle.dumps(section)) == section


@pytest.mark.slow
def test_processes_find_what_threads_find(world, tmp_path):
    found = []
    for backend in ("threading", "loky"):
        home = Home(tmp_path / backend)
        (home.root / "configs").mkdir(parents=True)
        chosen = f'[compute]\nbackend = "{backend}"\nworkers = 2\n'
        (home.root / "configs" / "training.toml").write_text(chosen)
        found.append(study_of(home, world, 6).best())
    assert found[0] == found[1]


@pytest.fixture(scope="module")
def tuned(tmp_path_factory) -> tuple[Home, list[dict]]:
    """A home whose targeting was tuned twice by a few trials."""
    home = quick_home(tmp_path_factory.mktemp("aimed") / "home", events_like(tasteful(150, 12)))
    (home.root / "configs" / "targeting.toml").write_text(
        "[keep]\nstandard_errors = 0.0\n[limits]\npeople = 5\n[retune]\ndays = 10.0\n"
    )
    return home, [tune_targeting(home, trials=count).to_dict() for count in (3, 2)]


def test_a_study_of_each_goal_goes_on_where_it_stopped(tuned):
    first, second = tuned[1]
    assert first["split"] == "time"
    goals = list(settings.load_rows("goals"))
    studies = [(one["goal"], one["what"]) for one in first["studies"]]
    assert studies == [(goal, what) for goal in goals for what in ("audience", "segments")]
    assert {one["trials"] for one in first["studies"]} == {3}
    assert {one["trials"] for one in second["studies"]} == {5}


def test_other_prices_are_another_study(tuned):
    home = tuned[0]
    bench = open_bench(home, 0)
    goals = settings.load_rows("goals")
    names = {
        _question(bench, goal | {"person": price}) for goal in goals.values() for price in (1, 2)
    }
    assert len(names) == 2 * len(goals)


def test_each_study_has_a_page_that_asks_for_nothing(tuned):
    pages = sorted(tuned[0].studies.glob("*.html"))
    assert len(pages) == 2 * len(settings.load_rows("goals"))
    for page in pages:
        text = page.read_text()
        assert text.count("<svg") >= 1
        assert "http" not in text
        assert "<script" not in text


def test_retrains_take_it_up_and_answers_heed_it(tuned):
    home = tuned[0]
    assert any(one["kept"] for one in tuned[1][1]["studies"])
    assert retrain(home).promoted
    model = open_model(home)
    assert model.targeting.height == model.products.height * len(settings.load_rows("goals"))
    said = model.targeting.filter(pl.col("goal") == "sales").row(3, named=True)
    product = model.products["product_id"][said["product"]]
    found = audience(model, product, goal="sales")
    assert found.rows.size == min(
        round(said["share"] * model.users.height),
        model.users.height - model.seen.of(said["product"]).size,
    )
    answer = best_segments(model, product, goal="sales", explain=True)
    told = answer["targeting"]
    assert told["share"] == {"used": said["share"], "default": 0.05}
    assert told["blend"]["used"] == pytest.approx(said["blend"])
    assert len(answer["segments"]) <= said["segments"]
    assert all(one["overlap"] <= said["overlap"] + 1e-6 for one in answer["segments"])
    assert len(best_segments(model, product, goal="sales", limit=100)["segments"]) >= len(
        answer["segments"]
    )


def test_a_retrain_tunes_again_when_it_is_due(tuned):
    home = tuned[0]
    kept, rules = read_kept(home), settings.load("targeting", home.root)["retune"]
    then = datetime.fromisoformat(kept["as_of"])
    assert not is_due(kept, then + timedelta(days=9), rules)
    assert is_due(kept, then + timedelta(days=10), rules)
    assert not is_due(None, then, rules)
    events = events_like(tasteful(3, 12, seed=8), user="late {:d}").with_columns(
        event_id="late " + pl.col("event_id"),
        occurred_at=pl.col("occurred_at") + timedelta(days=20),
    )
    eventlog.append_events(home, events)
    (home.root / "configs" / "training.toml").write_text("[tune]\ntrials = 1\n")
    retrain(home)
    assert read_kept(home)["as_of"] > kept["as_of"]


@pytest.mark.slow
def test_the_same_seed_finds_the_same(tmp_path):
    events = events_like(tasteful(80, 10))
    homes = [quick_home(tmp_path / name, events) for name in "ab"]
    first, second = (tune_targeting(home, trials=3, seed=2).to_dict() for home in homes)
    assert first == second
    assert homes[0].targeting.read_bytes() == homes[1].targeting.read_bytes()


def test_opinions_of_one_moment_are_set_aside_at_random(tmp_path):
    events = events_like(tasteful(80, 10)).with_columns(
        occurred_at=pl.lit(datetime(2026, 1, 1, tzinfo=UTC))
    )
    assert tune_targeting(quick_home(tmp_path / "home", events), trials=1).split == "pairs"


def test_nothing_to_learn_and_a_running_retrain_end_it(tmp_path):
    with pytest.raises(NothingToLearn):
        tune_targeting(quick_home(tmp_path / "empty"), trials=1)
    home = quick_home(tmp_path / "home")
    with only_one(home.lock), pytest.raises(Busy):
        tune_targeting(home, trials=1)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"as_of": "soon", "edges": [], "goals": {}}'])
def test_a_damaged_file_of_targeting_is_named(tmp_path, text):
    home = Home(tmp_path)
    home.studies.mkdir()
    home.targeting.write_text(text)
    with pytest.raises(ConfigError, match=r"targeting\.json"):
        read_kept(home)


def test_a_model_keeps_its_targeting_and_one_without_has_the_default(world, tmp_path):
    model = world[0]
    plain = audience(model, model.products["product_id"][0])
    assert plain.rows.size == round(0.05 * USERS)
    rows = pl.DataFrame({"product": range(PRODUCTS), "goal": "traffic", "share": 0.1})
    rows = rows.with_columns(
        pl.col("product").cast(pl.UInt32),
        blend=1.0,
        segments=pl.lit(2, pl.UInt16),
        overlap=0.5,
        basis=pl.lit("group"),
    )
    save(Home(tmp_path), replace(model, targeting=rows))
    back = open_model(Home(tmp_path), "test")
    assert back.targeting.equals(rows)
    id = model.products["product_id"][0]
    assert audience(back, id).rows.tolist() == audience(back, id, share=0.1).rows.tolist()
    assert len(best_segments(back, id)["segments"]) <= 2
