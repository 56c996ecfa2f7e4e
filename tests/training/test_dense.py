"""Where most people have acted on most products: whom a model names, and what it claims of them.

In: a dense planted world, through the real training. Out: audiences of people who are left, and
lifts held against the truth. Never: a person who acted already.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest
from scipy.stats import binom

from engine.operations.audiences import audience, best_segments, curve, user_segments
from engine.store import eventlog
from engine.store.artefacts import Model, open_model
from engine.store.home import Home
from tests.training.planted import events_like, quick_home
from training.flow import retrain

USERS, PRODUCTS, EACH = 300, 60, 25
LIKES = {True: 0.7, False: 0.15}
SEEMS = {True: [0.7, 0.15, 0.15], False: [0.15, 0.7, 0.15]}  # liked, disliked, only seen


@dataclass(frozen=True)
class Dense:
    """What was planted, in the rows of the model."""

    home: Home
    model: Model
    chances: np.ndarray  # (users, products): P(like) when it is shown
    acted: np.ndarray  # (users, products) bool

    def lift(self, members: np.ndarray, product: int) -> float:
        """True lift of the members who are left over all who are left."""
        left = ~self.acted[:, product]
        inside = members[left[members]]
        return float(self.chances[inside, product].mean() / self.chances[left, product].mean())


@pytest.fixture(scope="module")
def dense(tmp_path_factory: pytest.TempPathFactory) -> Dense:
    """People of two tastes were each shown 25 of 60 products at random, and judged all."""
    random = np.random.default_rng(3)
    fits = np.arange(USERS)[:, None] % 2 == np.arange(PRODUCTS) % 2
    shown = random.random(fits.shape).argsort(axis=1) < EACH
    judged = np.where(
        fits, *(random.choice([1, -1, 2], fits.shape, p=SEEMS[fit]) for fit in (True, False))
    )
    home = quick_home(
        tmp_path_factory.mktemp("dense") / "home", events_like(np.where(shown, judged, 0))
    )
    retrain(home, seed=0)
    return Dense(home, open_model(home), np.where(fits, LIKES[True], LIKES[False]), shown)


def tops(dense: Dense) -> pl.DataFrame:
    """Each product's own best shares: what is claimed, and what is true."""
    rows = []
    for row, product in enumerate(dense.model.products["product_id"]):
        for segment in best_segments(dense.model, product)["segments"]:
            if segment["kind"] == "top":
                people = audience(dense.model, product, size=segment["size"]).rows
                rows.append({**segment["lift"], "true": dense.lift(people, row)})
    return pl.DataFrame(rows)


def test_the_model_knows_who_acted(dense: Dense) -> None:
    for product in range(PRODUCTS):
        found = dense.model.seen.of(product)
        assert found.tolist() == np.flatnonzero(dense.acted[:, product]).tolist()


@pytest.mark.parametrize("asked", [{"share": 0.1}, {"size": 90}, {"share": 1.0, "goal": "sales"}])
def test_nobody_who_acted_is_in_an_audience_unless_asked_for(dense: Dense, asked) -> None:
    for row, product in enumerate(dense.model.products["product_id"]):
        found = audience(dense.model, product, **asked)
        assert not dense.acted[found.rows, row].any()
        everybody = audience(dense.model, product, **asked, include_known=True)
        assert dense.acted[everybody.rows, row].any()


def test_a_product_somebody_acted_on_is_none_of_their_segments(dense: Dense) -> None:
    ids = dense.model.users["user_id"].to_list()
    found = user_segments(dense.model, ids, limit=PRODUCTS)["users"]
    listed = 0
    for row, id in enumerate(ids):
        products = [int(each["product_id"][1:]) for each in found[id] if each["kind"] == "top"]
        assert not dense.acted[row, products].any()
        listed += len(products)
    left = (~dense.acted).sum(axis=0)
    widest = [curve(dense.model, f"p{row:05d}")["points"][-1] for row in range(PRODUCTS)]
    assert [point["size"] for point in widest] == np.minimum(left, USERS // 2).tolist()
    # A score beside the threshold may be rounded to either side of it.
    assert listed == pytest.approx(sum(point["size"] for point in widest), rel=0.005)


def test_what_a_newcomer_acted_on_is_none_of_their_segments(dense: Dense) -> None:
    """They like what one taste likes; what is left of that taste comes first."""
    acted = np.zeros((1, PRODUCTS), int)
    acted[0, 0:30:2] = 1
    events = events_like(acted, user="new {}")
    eventlog.append_events(dense.home, events.with_columns(event_id="new " + pl.col("event_id")))
    answer = user_segments(dense.model, ["new 0"], limit=PRODUCTS, home=dense.home)
    assert answer["newcomers"] == ["new 0"]
    products = [int(each["product_id"][1:]) for each in answer["users"]["new 0"]]
    assert not acted[0, products].any()
    assert {product % 2 for product in products[:10]} == {0}


def test_no_lift_is_claimed_that_cannot_be(dense: Dense) -> None:
    """The most there can be: everybody who is addressed likes it."""
    claims = [
        (segment["lift"]["value"] * dense.chances[~dense.acted[:, row], row].mean(), segment)
        for row, product in enumerate(dense.model.products["product_id"])
        for goal in ("traffic", "sales", "awareness", "loyalty")
        for segment in best_segments(dense.model, product, goal=goal)["segments"]
    ]
    assert len(claims) > 4 * PRODUCTS
    assert [segment for part, segment in claims if part > 1] == []


def test_intervals_of_best_shares_hold_the_truth(dense: Dense) -> None:
    """Where four in five did, so few of them would do so by a chance of one in a thousand."""
    found = tops(dense)
    held = (found["lower"] <= found["true"]) & (found["true"] <= found["upper"])
    assert found.height >= PRODUCTS
    assert held.sum() >= binom.ppf(0.001, found.height, 0.8)
    assert found["value"].mean() == pytest.approx(found["true"].mean(), rel=0.15)
