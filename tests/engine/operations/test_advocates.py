"""Whom to ask among a product's audience: tastes, detractors, costs, consent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from engine.audiences.scores import pair_logits, rates
from engine.errors import FrameError, InvalidValue, UnknownEntity
from engine.operations.asking import Ask, costs_of
from engine.operations.audiences import audience, best_segments
from engine.operations.consent import record_consent
from engine.operations.permits import permitted_now
from engine.operations.product_advocates import product_advocates
from engine.store.artefacts import Model
from engine.store.home import Home
from tests.api.planted import AS_OF, carriers_of_ties, planted

PRODUCT = 1
FOLLOWERS = 60


def chances_of(model: Model) -> np.ndarray:
    head, rows = model.probability, np.arange(model.users.height)
    return rates(pair_logits(model.embeddings, head, rows, PRODUCT), head.knots)


@pytest.fixture(scope="module")
def model() -> Model:
    """The loud one is heard by twice as many, who dislike the product; the right one by likers."""
    bare = planted("heard")
    chances = chances_of(bare)
    ids = bare.users["user_id"].to_list()
    open_ = np.setdiff1d(np.arange(len(ids)), bare.seen.of(PRODUCT))
    order = open_[np.argsort(-chances[open_], kind="stable")]
    right, second, torn, fans, foes = *order[:3], order[3:], order[::-1]
    ties = [(ids[one], ids[right]) for one in fans[:FOLLOWERS]]
    ties += [(ids[one], ids[second]) for one in fans[20 : FOLLOWERS // 2 + 20]]
    ties += [(ids[one], ids[foes[0]]) for one in foes[1 : 2 * FOLLOWERS]]
    ties += [(ids[one], ids[torn]) for one in foes[1 : 2 * FOLLOWERS]]
    names = {"right": ids[right], "second": ids[second], "foe": ids[foes[0]], "torn": ids[torn]}
    return replace(bare, carriers=carriers_of_ties(ties, bare), recipe=names)


@pytest.fixture
def home(tmp_path) -> Home:  # type: ignore[no-untyped-def]
    return Home(tmp_path / "home")


def name_of(model: Model) -> str:
    return str(model.products["product_id"][PRODUCT])


def test_whose_word_likers_hear_is_asked_though_others_are_louder(home, model) -> None:
    told = product_advocates(home, model, name_of(model), Ask(2), share=0.25)
    assert told["seeds"] == [model.recipe["right"], model.recipe["second"]]
    assert told["lower"] <= told["expected_reach"] <= told["upper"]
    assert told["proven"] > 0.8
    assert told["probabilities"][0] == pytest.approx(chances_of(model).max(), rel=0.1)
    assert 0 < told["listeners"] <= told["audience"] == 150
    assert told["as_paid"] > 10


def test_expected_likes_are_those_of_the_tie_chances(home, model) -> None:
    """On a star: the advocate, and half of those who hear them, each by their liking."""
    told = product_advocates(home, model, name_of(model), Ask(1), share=0.25)
    carriers, chances = model.carriers, chances_of(model)
    heard = audience(model, name_of(model), share=0.25, goal="awareness").rows
    right = carriers.people["user_id"].index_of(model.recipe["right"])
    takers = np.repeat(np.arange(carriers.people.height), np.diff(carriers.starts))[
        carriers.others == right
    ]
    rows = carriers.people["row"].gather(takers).to_numpy()
    worths = np.where(np.isin(np.arange(chances.size), heard), 1, 0) * (1.2 * chances - 0.2)
    first = model.users["user_id"].index_of(model.recipe["right"])
    expected = worths[first] + 0.5 * worths[rows].sum()
    assert told["seeds"] == [model.recipe["right"]]
    assert told["expected_reach"] == pytest.approx(expected, rel=0.08)


def test_who_would_rather_dislike_it_or_is_heard_by_such_is_not_asked(home, model) -> None:
    told = product_advocates(home, model, name_of(model), Ask(60), share=0.25)
    assert model.recipe["foe"] not in told["seeds"]
    assert model.recipe["torn"] not in told["seeds"]
    assert told["detractors"] >= FOLLOWERS
    assert all(gain > 0 for gain in told["gains"])


def test_who_withdrew_is_not_named_though_they_are_heard(home, model) -> None:
    record_consent(home, model.recipe["right"], source="test", now=AS_OF, gpc=True)
    told = product_advocates(home, permitted_now(home, model), name_of(model), Ask(1), share=0.25)
    assert told["seeds"] == [model.recipe["second"]]


def test_a_budget_buys_as_many_as_it_pays_for(home, model) -> None:
    dear = pl.DataFrame({"user_id": [model.recipe["right"]], "cost": [1000.0]})
    ask = Ask(cost=10.0, costs=dear, budget=35.0)
    told = product_advocates(home, model, name_of(model), ask, share=0.25)
    assert model.recipe["right"] not in told["seeds"]
    assert told["seeds"][0] == model.recipe["second"]
    assert len(told["seeds"]) == 3
    assert (told["costs"], told["spent"], told["budget"]) == ([10.0] * 3, 30.0, 35.0)
    with pytest.raises(InvalidValue, match="buys nobody: the least that anybody asks for is 10"):
        product_advocates(home, model, name_of(model), replace(ask, budget=9.0), share=0.25)


def test_only_those_whose_price_is_known_are_asked(home, model) -> None:
    known = pl.DataFrame({"user_id": [model.recipe["second"], "nobody"], "cost": [5.0, 1.0]})
    told = product_advocates(home, model, name_of(model), Ask(5, costs=known), share=0.25)
    assert told["seeds"] == [model.recipe["second"]]


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (Ask(0), "seeds: 0 is not at least 1"),
        (Ask(proof=1.0), "proof"),
        (Ask(cost=-1.0), "cost: -1 is not an amount"),
        (Ask(cost=1.0, budget=float("nan")), "budget: nan is not an amount"),
        (Ask(budget=5.0), "needs what people ask for"),
    ],
)
def test_what_cannot_be_meant_is_refused(home, model, ask: Ask, told: str) -> None:
    with pytest.raises(InvalidValue, match=told):
        product_advocates(home, model, name_of(model), ask)


def test_costs_are_read_by_their_last_row_and_refused_where_they_are_none() -> None:
    users = pl.Series(["a", "b", "c"])
    rows = pl.DataFrame({"user_id": ["b", "a", "b"], "cost": [1, 2, 3]})
    assert costs_of(Ask(costs=rows), users) == pytest.approx([2, 3, np.nan], nan_ok=True)
    assert costs_of(Ask(costs=rows, cost=9.0), users) == pytest.approx([2, 3, 9])
    with pytest.raises(FrameError, match="cost: missing"):
        costs_of(Ask(costs=rows.drop("cost")), users)
    with pytest.raises(InvalidValue, match="of 1 row is no amount"):
        costs_of(Ask(costs=rows.with_columns(cost=pl.Series([1.0, -2.0, 3.0]))), users)
    with pytest.raises(InvalidValue, match="names nobody of this network"):
        costs_of(Ask(costs=rows), pl.Series(["x"]))


def test_without_ties_or_with_an_audience_outside_of_them_it_is_told(home, model) -> None:
    with pytest.raises(InvalidValue, match="graph: is missing"):
        product_advocates(home, replace(model, carriers=None), name_of(model), Ask(1))
    with pytest.raises(UnknownEntity, match="nowhere"):
        product_advocates(home, model, name_of(model), Ask(1), channel="nowhere")
    ids = model.users["user_id"]
    worst = [ids[int(row)] for row in np.argsort(chances_of(model))[:3]]
    island = carriers_of_ties([(worst[0], worst[1]), (worst[1], worst[2])], model)
    with pytest.raises(InvalidValue, match="nobody"):
        product_advocates(home, replace(model, carriers=island), name_of(model), Ask(1), share=0.01)


def test_segments_measured_on_a_channel_tell_their_earned_reach_too(model) -> None:
    carriers = replace(model.carriers, carry=np.ones_like(model.carriers.carry))
    passing = pl.lit(0.5).alias("passed_on")
    heard = replace(model, carriers=carriers, products=model.products.with_columns(passing))
    for one in best_segments(heard, name_of(model), channel="telegram")["segments"]:
        assert 0 <= one["earned_reach"] <= 0.5 * one["probability"] + 1e-9
    before = best_segments(model, name_of(model), channel="telegram")["segments"]
    assert {one["earned_reach"] for one in before} == {None}
