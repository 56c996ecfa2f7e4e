"""The gate: what it lets through, what it turns away, and how it compares audiences."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from engine import settings
from engine.errors import ArtefactCorrupt
from engine.store import eventlog
from engine.store.artefacts import Head, Model, Seen, open_model, save
from engine.store.home import Home
from engine.store.versions import champion
from tests.training.planted import world_events
from training.flow import retrain
from training.gate import audience_change, judge_challenger


@pytest.fixture(scope="module")
def model(trained_home: Home) -> Model:
    return open_model(trained_home)


@pytest.fixture(scope="module")
def gate(trained_home: Home) -> Any:
    return settings.load("training", trained_home.root)["gate"]


def by_product(model: Model, *, worse: float = 0.0, noise: float = 0.0) -> pl.DataFrame:
    """Held-out figures as the champion's own, shifted and shaken."""
    random = np.random.default_rng(0)
    found = model.products.drop_nulls("auc").select("product_id", "auc")
    shift = random.normal(-worse, noise, found.height)
    return found.with_columns(pl.col("auc") + pl.Series(shift), activity_auc=pl.lit(0.5))


def failed(verdicts: list) -> list[str]:
    return [verdict.check for verdict in verdicts if not verdict.passed]


def verdicts_of(challenger: Model, champion: Model | None, frame: pl.DataFrame, gate: Any) -> list:
    return judge_challenger(challenger, champion, frame, gate, seed=0)


def change(challenger: Model, champion: Model, share: float = 0.01) -> float | None:
    return audience_change(challenger, champion, share=share, most=200)


def test_a_model_passes_against_itself_and_against_none(model, gate):
    assert failed(verdicts_of(model, model, by_product(model), gate)) == []
    assert failed(verdicts_of(model, None, by_product(model), gate)) == []
    assert len(verdicts_of(model, model, by_product(model), gate)) == 5


def test_who_is_surely_worse_is_turned_away(model, gate):
    found = verdicts_of(model, model, by_product(model, worse=0.05, noise=0.02), gate)
    assert failed(found) == ["AUC against the champion"]
    verdict = found[-1]
    assert verdict.champion > verdict.challenger
    assert "-0.0" in verdict.words


def test_who_is_worse_by_chance_may_pass(model, gate):
    noisy = by_product(model, worse=0.01, noise=0.2)
    assert failed(verdicts_of(model, model, noisy, gate)) == []
    assert failed(verdicts_of(model, model, by_product(model, worse=-0.05), gate)) == []


def test_who_is_worse_than_ranking_by_activity_is_turned_away_even_as_the_first(model, gate):
    frame = by_product(model).with_columns(activity_auc=pl.lit(0.999))
    assert failed(verdicts_of(model, None, frame, gate)) == ["AUC against the most active"]


def test_products_judged_in_one_of_both_do_not_count(model, gate):
    strangers = by_product(model, worse=0.2).with_columns(product_id="new " + pl.col("product_id"))
    found = verdicts_of(model, model, strangers, gate)
    assert failed(found) == []
    assert found[-1].words == "no product was judged in both"


def test_one_product_is_told_of_as_one(model, gate):
    found = verdicts_of(model, model, by_product(model).head(1), gate)
    told = " ".join(verdict.words for verdict in found)
    assert "on 1 product" in told
    assert not re.search(r"\b1 products", told)


def test_who_cannot_be_judged_does_not_replace_who_was(model, gate):
    nobody = by_product(model).clear()
    assert failed(verdicts_of(model, model, nobody, gate)) == ["can be judged"]
    never = replace(model, products=model.products.with_columns(auc=pl.lit(None, pl.Float64)))
    assert failed(verdicts_of(model, never, nobody, gate)) == []


def test_constant_scores_are_turned_away(model, gate):
    flat = replace(
        model,
        embeddings=np.zeros_like(model.embeddings),
        interest=replace(model.interest, user_terms=np.zeros_like(model.interest.user_terms)),
    )
    assert "distinct scores" in failed(verdicts_of(flat, None, by_product(model), gate))


def test_embeddings_that_grew_out_of_hand_are_turned_away(model, gate):
    grown = replace(model, embeddings=model.embeddings * (gate.norm_growth * 1.1))
    assert failed(verdicts_of(grown, model, by_product(model), gate)) == ["size of embeddings"]
    within = replace(model, embeddings=model.embeddings * (gate.norm_growth * 0.9))
    assert failed(verdicts_of(within, model, by_product(model), gate)) == []


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_a_fit_that_diverged_is_never_written(trained_home, model, tmp_path, value):
    embeddings = np.array(model.embeddings)
    embeddings[3, 1] = value
    home = Home(tmp_path / "home")
    with pytest.raises(ArtefactCorrupt, match="embeddings"):
        save(home, replace(model, version="spoilt", embeddings=embeddings))
    assert not (home.models / "spoilt").exists()


def test_audiences_of_a_model_do_not_differ_from_its_own(model):
    assert change(model, model) == 1


def test_audiences_are_compared_by_id_whatever_the_rows(model):
    order = np.random.default_rng(0).permutation(model.users.height)
    head, places = model.interest, np.argsort(order)
    own = [np.sort(places[model.seen.of(product)]) for product in range(model.products.height)]
    turned = replace(
        model,
        users=model.users[order.tolist()],
        embeddings=model.embeddings[order],
        seen=Seen(model.seen.offsets, np.concatenate(own).astype(np.uint32)),
        interest=Head(head.products, head.product_terms, head.user_terms[order], head.knots),
    )
    assert change(turned, model, share=0.1) == 1


def test_the_opposite_audience_shares_nobody(model):
    head = model.interest
    opposite = replace(
        model, interest=Head(-head.products, -head.product_terms, -head.user_terms, head.knots)
    )
    # Where few have not acted on a product yet, a wider audience is all of them.
    assert change(opposite, model, share=0.03) < 0.02


def test_audiences_are_those_that_are_served(model):
    """A model that knows of one more act serves one other, though its scores are the same."""
    scores = model.interest.products @ model.embeddings.T + model.interest.user_terms
    own = []
    for product, row in enumerate(scores):
        row[model.seen.of(product)] = -np.inf
        own.append(np.union1d(model.seen.of(product), row.argmax()))
    offsets = np.concatenate([[0], np.cumsum([rows.size for rows in own])])
    told = replace(model, seen=Seen(offsets, np.concatenate(own).astype(np.uint32)))
    assert 0.9 < change(told, model, share=0.1) < 1
    everybody = np.tile(np.arange(model.users.height, dtype=np.uint32), model.products.height)
    full = replace(model, seen=Seen(np.arange(len(own) + 1) * model.users.height, everybody))
    assert change(full, model, share=0.1) == 0
    assert change(full, full, share=0.1) == 1


def test_models_without_a_product_in_common_are_not_compared(model):
    other = replace(
        model, products=model.products.with_columns(product_id="new " + pl.col("product_id"))
    )
    assert change(other, model) is None


def poison(home: Home, seed: int = 0) -> None:
    """Afterwards most likes are given by chance: nothing tells any more who likes what."""
    random = np.random.default_rng(seed)
    events = world_events()
    users, products = (events[name].unique().sort() for name in ("user_id", "product_id"))
    count = 12_000
    rows = events.sample(count, with_replacement=True, seed=seed).with_columns(
        user_id=users.gather(random.integers(0, users.len(), count)),
        product_id=products.gather(random.integers(0, products.len(), count)),
        action=pl.Series(random.choice(["like", "dislike"], count)),
        event_id=pl.Series([f"poison {number}" for number in range(count)]),
        object_id=pl.lit(None, pl.String),
        occurred_at=pl.lit(events["occurred_at"].max() + timedelta(hours=1)),
    )
    eventlog.append_events(home, rows)


def test_the_champion_stays_when_the_signal_was_destroyed(copied_home):
    home = copied_home()
    before = champion(home)
    poison(home)
    outcome = retrain(home, seed=0)
    assert not outcome.promoted
    assert outcome.exit_code == 3
    assert "AUC against the champion" in failed(outcome.verdicts)
    assert champion(home) == before
    assert outcome.version != before
    assert open_model(home, outcome.version).metrics["auc"] < open_model(home).metrics["auc"]
    assert 0 <= outcome.unchanged < 0.9


def test_the_same_data_with_another_seed_is_promoted(copied_home):
    home = copied_home()
    outcome = retrain(home, seed=3)
    assert outcome.promoted
    assert outcome.exit_code == 0
    assert champion(home) == outcome.version
    assert 0 < outcome.unchanged <= 1
