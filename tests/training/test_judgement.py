"""The judge of models: an oracle reaches the oracle's figures, and worse ones do not.

In: a tiny world and models written down from its truth. Out: what the judge says of them.
Never: a trained model.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from engine.store.artefacts import Head, Model, Seen, Segments
from tests.worlds import tiny
from training.world.judgement import (
    judge,
    members_of,
    overlap,
    rows_in_world,
    seen_pairs,
    worth,
)

KNOTS = np.array([[-5.0, 0.01], [5.0, 0.99]])


def omniscient(sign: float = 1.0) -> Model:
    """A model whose heads are the planted taste; users in reverse, for the judge goes by ids."""
    world = tiny()
    truth = world.truth
    embeddings = np.column_stack([truth.tastes, truth.bonus * truth.driven]).astype(np.float32)
    products = np.column_stack([truth.goods.tastes, truth.goods.driven]).astype(np.float32)
    head = Head(sign * products, sign * truth.goods.terms, sign * truth.generosity[::-1], KNOTS)
    segments = Segments(
        pl.DataFrame({"segment_id": ["odd", "even"]}),
        np.array([0, 2, 5]),
        np.array([1, 3, 0, 2, 4], np.uint32),
        pl.DataFrame(),
        pl.DataFrame(),
    )
    return Model(
        version="oracle",
        users=world.users.reverse(),
        products=world.products,
        embeddings=embeddings[::-1],
        interest=head,
        probability=head,
        folding={},
        seen=Seen(np.zeros(world.products.height + 1, np.int64), np.zeros(0, np.uint32)),
        segments=segments,
        holdout=pl.DataFrame(),
    )


def test_a_model_that_is_the_truth_reaches_the_oracle() -> None:
    found = judge(tiny(), omniscient())
    assert found.taste == pytest.approx(found.taste_oracle, abs=1e-4)
    assert found.interest < found.interest_oracle


def test_a_model_that_is_the_opposite_of_the_truth_is_worse_than_chance() -> None:
    found = judge(tiny(), omniscient(sign=-1.0))
    assert found.taste == pytest.approx(1 - found.taste_oracle, abs=1e-4)
    assert found.taste < 0.5


def test_a_model_that_knows_nothing_is_chance() -> None:
    model = omniscient()
    nothing = Head(*(np.zeros_like(part) for part in vars(model.interest).values()))
    found = judge(tiny(), replace(model, interest=nothing, probability=nothing))
    assert found.interest == found.taste == pytest.approx(0.5)


def test_users_without_events_are_not_asked_for() -> None:
    model = omniscient()
    some = replace(
        model,
        users=model.users[100:],
        embeddings=model.embeddings[100:],
        probability=replace(model.probability, user_terms=model.probability.user_terms[100:]),
        interest=replace(model.interest, user_terms=model.interest.user_terms[100:]),
    )
    users, products = rows_in_world(tiny(), some)
    assert users.tolist() == list(range(299, -1, -1))
    assert products.tolist() == list(range(40))
    found = judge(tiny(), some)
    assert found.taste == pytest.approx(found.taste_oracle, abs=1e-4)


def test_pairs_that_events_speak_of_are_seen() -> None:
    world = tiny()
    pairs = world.events.select("user_id", "product_id").unique()
    assert seen_pairs(world).sum() == pairs.height
    first = world.events.row(0, named=True)
    assert seen_pairs(world)[int(first["user_id"][1:]), int(first["product_id"][1:])]


def test_members_come_from_the_segment_or_from_the_ranking_of_the_product() -> None:
    model = omniscient()
    assert members_of(model, "odd", product=0, size=2).tolist() == [1, 3]
    assert members_of(model, "even", product=0, size=3).tolist() == [0, 2, 4]
    users, _ = rows_in_world(tiny(), model)
    likes = tiny().truth.like(users, slice(7, 8))[:, 0]
    best = members_of(model, "top-5", product=7, size=20)
    assert best.size == 20
    assert likes[best].min() >= np.delete(likes, best).max()


def test_members_who_acted_on_the_product_are_not_counted() -> None:
    model = omniscient()
    offsets = np.where(np.arange(model.products.height + 1) > 7, 2, 0)
    first = members_of(model, "top-5", product=7, size=1)[0]
    acted = np.sort([2, first]).astype(np.uint32)
    told = replace(model, seen=Seen(offsets, acted))
    assert members_of(told, "even", product=7, size=3).tolist() == [0, 4]
    assert members_of(told, "even", product=6, size=3).tolist() == [0, 2, 4]
    best = members_of(told, "top-5", product=7, size=20)
    assert best.size == 20
    assert first not in best


def test_worth_of_the_best_possible_set_is_all_of_the_possible() -> None:
    world = tiny()
    chances = world.truth.interest()[:, 3]
    best, worst = np.argsort(-chances)[:40], np.argsort(chances)[:40]
    assert worth(world, best, 3).reached == pytest.approx(1)
    assert worth(world, worst, 3).rate < worth(world, worst, 3).everybody
    assert worth(world, np.arange(400), 3).rate == pytest.approx(chances.mean())


def test_worth_is_held_against_those_who_could_be_addressed() -> None:
    world = tiny()
    chances = world.truth.interest()[:, 3]
    left = np.argsort(chances)[:200]
    found = worth(world, left[-40:], 3, among=left)
    assert found.reached == pytest.approx(1)
    assert found.everybody == pytest.approx(chances[left].mean())
    assert worth(world, left[:0], 3, among=left).rate == 0


def test_overlap_is_the_jaccard_index() -> None:
    assert overlap(np.array([1, 2, 3]), np.array([2, 3, 4])) == 0.5
    assert overlap(np.array([], int), np.array([], int)) == 0
