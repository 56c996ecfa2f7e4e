from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from engine import frames
from engine.audiences.scores import logits, rates
from engine.audiences.standing import Echo
from engine.store.artefacts import Head
from tests.engine.audiences.planted import HOLDOUT, KNOTS, build, members_of, plant, with_heads


@pytest.fixture(scope="module")
def world():
    return plant(users=3000, seed=2)


@pytest.fixture(scope="module")
def parts(world):
    return build(world.learned)


def best_of(parts, product, goal="traffic"):
    return parts.best.filter((pl.col("product") == product) & (pl.col("goal") == goal))


def all_finite(frame: pl.DataFrame) -> bool:
    frame = frame.drop(
        "earned_reach", strict=False
    )  # null: nothing is known of whose word is heard
    numeric = frame.select(pl.col(pl.Float32, pl.Float64))
    return all(column.is_finite().all() for column in numeric) and not any(
        frame.select(pl.exclude("rule")).null_count().row(0)
    )


def test_the_best_named_segment_is_the_planted_community(world, parts):
    for product in range(1, 24):
        named = best_of(parts, product).filter(pl.col("kind") != "top")
        members = members_of(parts, named["segment_id"][0])
        assert named["kind"][0] == "community"
        assert (world.taste[members] == world.theme[product]).mean() > 0.99


def test_the_best_named_segment_of_the_students_product_is_theirs(parts):
    """Those who have not acted yet are few, and all in the best share: it leaves them its place."""
    named = best_of(parts, 0).filter(pl.col("kind") != "top")
    assert named["name"][0] == "age 25–34 and occupation=student"


def test_the_lift_of_the_best_segments_is_the_true_one(world, parts):
    inside = []
    for row in parts.best.filter(pl.col("kind") != "top").iter_rows(named=True):
        members = members_of(parts, row["segment_id"])
        rates, open_ = world.rates[:, row["product"]], world.open[:, row["product"]]
        true = rates[members][open_[members]].mean() / rates[open_].mean()
        inside.append(row["lower"] <= true <= row["upper"])
    assert np.mean(inside) >= 0.9


def test_segments_keep_the_words_of_the_product(parts):
    frames.check(parts.table, frames.SEGMENTS)
    assert set(parts.table["kind"]) == {"community", "attribute", "tier"}
    assert parts.table["segment_id"].n_unique() == parts.table.height
    np.testing.assert_array_equal(np.diff(parts.offsets), parts.table["size"].to_numpy())
    for start, stop in zip(parts.offsets[:-1], parts.offsets[1:], strict=True):
        assert (np.diff(parts.members[start:stop].astype(np.int64)) > 0).all()


def test_every_answer_is_written_down_whole(parts):
    assert all_finite(parts.best)
    assert all_finite(parts.curves)
    assert parts.best.equals(parts.best.sort("product", "goal", "rank"))
    assert parts.best.group_by("product", "goal").len()["len"].max() <= 12
    assert (parts.best["lower"] <= parts.best["lift"]).all()
    assert (parts.best["lift"] <= parts.best["upper"]).all()
    assert parts.best["overlap"].max() <= 0.8
    assert parts.curves.height == 24 * 8


def test_means_are_those_of_the_members_who_have_not_acted(world, parts):
    for row in parts.best.filter(pl.col("kind") != "top").sample(20, seed=1).iter_rows(named=True):
        members = members_of(parts, row["segment_id"])
        open_ = members[world.open[members, row["product"]]]
        assert row["interest"] == pytest.approx(world.rates[open_, row["product"]].mean(), rel=0.01)
        assert row["size"] == members.size


def test_equal_arguments_give_equal_parts(world, parts):
    again = build(world.learned)
    assert again.best.equals(parts.best)
    assert again.curves.equals(parts.curves)
    np.testing.assert_array_equal(again.members, parts.members)


def test_the_block_of_products_changes_nothing(world, parts):
    other = build(world.learned, standing={"block": 5})
    assert other.best.drop("interest", "probability", "lift", "lower", "upper", "overlap").equals(
        parts.best.drop("interest", "probability", "lift", "lower", "upper", "overlap")
    )
    np.testing.assert_allclose(other.best["lift"], parts.best["lift"], rtol=1e-4)


def test_a_sample_of_users_finds_the_same_best(world, parts):
    sampled = build(world.learned, standing={"users": 1000, "coverage_users": 500})
    for product in range(1, 24):
        one, other = (
            best_of(each, product).filter(pl.col("kind") == "community")["segment_id"][0]
            for each in (parts, sampled)
        )
        assert one == other


def test_ids_stay_when_the_rest_changes(world, parts):
    other = build(world.learned, tiers={"recent_days": 3.0})
    static = parts.table.filter(pl.col("kind") != "tier")["segment_id"]
    assert static.to_list() == other.table.filter(pl.col("kind") != "tier")["segment_id"].to_list()


def test_without_held_out_pairs_everything_is_still_answered(world):
    found = build(replace(world.learned, holdout=world.learned.holdout.clear()))
    assert all_finite(found.best)
    assert all_finite(found.curves)
    assert found.best.height > 0


def test_segments_tell_the_reach_that_those_earn_who_would_like_what_they_are_shown(world):
    carry, passing = np.where(world.taste == 1, 2.0, 0.1), np.linspace(0.1, 0.9, 24)
    found = build(replace(world.learned, echo=Echo(carry, passing)))
    row = found.best.filter(pl.col("kind") == "community").row(0, named=True)
    product, members = row["product"], members_of(found, row["segment_id"])
    open_ = members[world.open[members, product]]
    head = world.learned.probability
    chances = rates(
        logits(world.learned.embeddings[open_], head.user_terms[open_], head, [product]), head.knots
    )
    assert row["earned_reach"] == pytest.approx(
        (chances[0] * passing[product] * carry[open_]).mean(), rel=1e-4
    )


def test_awareness_asks_first_those_whose_word_is_heard(world, parts):
    carry, passing = np.where(world.taste == 1, 5.0, 0.0), np.ones(24)
    found = build(replace(world.learned, echo=Echo(carry, passing)))
    for goal, rises in (("awareness", True), ("traffic", False)):
        before, after = (
            each.best.filter(pl.col("goal") == goal).select("product", "rank", "segment_id")
            for each in (parts, found)
        )
        assert after.equals(before) is not rises
    loud = next(
        one
        for one in found.table.filter(pl.col("kind") == "community")["segment_id"]
        if (world.taste[members_of(found, one)] == 1).mean() > 0.9
    )
    ranks = [
        each.best.filter((pl.col("goal") == "awareness") & (pl.col("segment_id") == loud))
        for each in (parts, found)
    ]
    assert ranks[1].height > ranks[0].height or (ranks[1]["rank"].mean() < ranks[0]["rank"].mean())


def test_without_attributes_there_are_other_kinds(world):
    users = world.learned.users.drop("age", "occupation")
    found = build(replace(world.learned, users=users))
    assert set(found.table["kind"]) == {"community", "tier"}


def test_a_product_nobody_likes_has_a_defined_answer(world):
    likes = world.learned.likes.toarray()
    likes[:, 5] = 0
    zero = replace(
        world.learned,
        likes=type(world.learned.likes)(likes),
        holdout=world.learned.holdout.filter(pl.col("product") != 5),
    )
    found = build(zero)
    assert all_finite(found.best)
    assert best_of(found, 5).height > 0


def test_constant_scores_give_every_segment_the_lift_of_everybody(world):
    flat = Head(
        np.zeros((24, 5), np.float32), np.zeros(24, np.float32), np.zeros(3000, np.float32), KNOTS
    )
    learned = replace(with_heads(world.learned, flat, flat), holdout=world.learned.holdout.clear())
    found = build(learned)
    assert all_finite(found.best)
    assert all_finite(found.curves)
    np.testing.assert_allclose(found.best["lift"], 1, rtol=0.02)


def test_a_rate_of_zero_for_everybody_is_answered(world):
    never = Head(
        np.zeros((24, 5), np.float32),
        np.zeros(24, np.float32),
        np.zeros(3000, np.float32),
        np.array([[-1.0, 0.0], [1.0, 0.0]]),
    )
    found = build(with_heads(world.learned, never, never))
    assert all_finite(found.best)
    assert all_finite(found.curves)


@pytest.mark.parametrize(("users", "products"), [(1, 1), (1, 5), (40, 1), (300, 2)])
def test_tiny_worlds_are_answered(users, products):
    found = build(plant(users=users, products=products, tastes=1, seed=4).learned)
    assert all_finite(found.best)
    assert all_finite(found.curves)
    assert found.curves.height == products * 8
    assert found.offsets.size == found.table.height + 1


def test_people_who_like_it_already_do_not_spoil_the_lift():
    """Likes learned from cannot be held out again; a segment full of them is no worse for it."""
    world = plant(users=3000, products=8, tastes=4, seed=3)
    random = np.random.default_rng(0)
    mine = world.taste[:, None] == world.theme[None]
    known = random.random(mine.shape) < np.where(mine, 0.8, 0.02)
    comes = ~known & (random.random(mine.shape) < world.rates)
    user, product = np.nonzero(comes)
    logits = np.log(world.rates / (1 - world.rates))
    holdout = pl.DataFrame(
        {
            "user": user,
            "product": product,
            "liked": np.ones(user.size, np.int8),
            "interest": logits[user, product],
            "probability": world.rates[user, product],
        },
        schema_overrides=HOLDOUT,
    )
    sparse = type(world.learned.likes)
    acted = known | comes
    everything, seen = sparse(acted.astype(np.float32)), type(world.learned.seen)(acted)
    for likes in (sparse(known.astype(np.float32)), everything):
        found = build(replace(world.learned, likes=likes, seen=seen, holdout=holdout)).best
        first = found.filter((pl.col("kind") == "community") & (pl.col("product") > 0))
        first = first.filter(pl.col("interest") > 0.15)
        left = np.where(acted, 0, world.rates).sum(axis=0) / (~acted).sum(axis=0)
        everybody = pl.Series(left[first["product"]])
        ratio = float((first["lift"] * everybody / first["interest"]).median())
        assert ratio == pytest.approx(1, abs=0.06)
