"""Figures against their definitions, written out by brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.planted import pairs_of
from training.evaluate import LEAST_LIKES, LEAST_OPINIONS, auc, calibration, judge

coarse = st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=20)


def brute_auc(positive, negative) -> float:
    won = [(p > n) + (p == n) / 2 for p in positive for n in negative]
    return sum(won) / len(won)


@settings(max_examples=200, deadline=None)
@given(coarse, coarse)
def test_auc_is_the_chance_of_the_better_score_with_ties_at_one_half(positive, negative):
    found = auc(np.array(positive), np.array(negative))
    assert found == pytest.approx(brute_auc(positive, negative))
    assert found + auc(np.array(negative), np.array(positive)) == pytest.approx(1)


def test_constant_scores_are_chance():
    assert auc(np.full(7, 3.0), np.full(90, 3.0)) == 0.5


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from([0.0, 1.0])), min_size=10, max_size=60))
def test_calibration_is_ten_bins_of_equal_mass_and_brier_over_the_base_rate(pairs):
    rate, liked = (np.array(column) for column in zip(*pairs, strict=True))
    order = sorted(range(len(pairs)), key=lambda at: (rate[at], at))
    size, over = divmod(len(pairs), 10)
    error, start = 0.0, 0
    for number in range(10):
        part = order[start : start + size + (number < over)]
        start += len(part)
        said, true = sum(rate[at] for at in part), sum(liked[at] for at in part)
        error += abs(said - true)
    found = calibration(rate, liked)
    assert found["ece"] == pytest.approx(error / len(pairs))
    if 0 < liked.mean() < 1:
        base = ((liked - liked.mean()) ** 2).mean()
        assert found["brier_skill"] == pytest.approx(1 - ((rate - liked) ** 2).mean() / base)
    else:
        assert found["brier_skill"] is None


def test_a_perfect_rate_has_no_error_and_all_the_skill():
    liked = np.tile([0.0, 1.0], 50)
    assert calibration(liked, liked) == {"ece": 0.0, "brier_skill": 1.0}
    assert calibration(np.full(100, 0.5), liked)["brier_skill"] == 0
    assert calibration(np.zeros(0), np.zeros(0)) == {"ece": None, "brier_skill": None}


def judged(seed: int, *, most: int = 100):
    """A random split, random scores, what `judge` says, and all of it densely."""
    random = np.random.default_rng(seed)
    draw = lambda p: random.choice([0, 1, -1, 2], (120, 8), p=p)  # noqa: E731
    learned = draw([0.7, 0.2, 0.05, 0.05])
    held = np.where(learned == 0, draw([0.7, 0.15, 0.1, 0.05]), 0)
    held[:, 0] = 0
    held[:2, 1], held[2:, 1] = 1, 0  # two likes: too few to judge
    interest, probability = random.normal(size=(2, 8, 120)).round(1)
    found = judge(
        lambda p: interest[p],
        lambda p: probability[p],
        pairs_of(held),
        pairs_of(learned),
        most=most,
        seed=seed,
    )
    return found, learned, held, interest, probability


@pytest.mark.parametrize("seed", range(5))
def test_a_product_is_judged_by_all_users_who_did_not_act_on_it(seed):
    found, learned, held, interest, probability = judged(seed)
    by_product = {row["product_id"]: row for row in found.by_product.iter_rows(named=True)}
    activity = (learned == 1).sum(1)
    seen = 0
    for product in range(8):
        likers = held[:, product] == 1
        row = by_product.get(f"p{product:05d}")
        if likers.sum() < LEAST_OPINIONS:
            assert row is None
            continue
        others = (learned[:, product] == 0) & ~likers
        dislikers = held[:, product] == -1
        if likers.sum() >= LEAST_LIKES:
            seen += 1
            for scores, name in ((interest[product], "auc"), (activity, "activity_auc")):
                assert row[name] == pytest.approx(brute_auc(scores[likers], scores[others]))
        else:
            assert row["auc"] is None
        if dislikers.sum() >= LEAST_OPINIONS:
            said = probability[product]
            assert row["taste"] == pytest.approx(brute_auc(said[likers], said[dislikers]))
    assert found.figures["products"] == seen
    mean = np.mean([row["auc"] for row in by_product.values() if row["auc"] is not None])
    assert found.figures["auc"] == pytest.approx(mean)


@pytest.mark.parametrize("seed", range(5))
def test_lift_is_the_share_of_likers_in_the_best_twentieth_over_their_share(seed):
    found, learned, held, _, _ = judged(seed)
    order = np.random.default_rng(seed).permutation(120).astype(float)
    found = judge(
        lambda p: order,
        lambda p: order,
        pairs_of(held),
        pairs_of(learned),
        most=100,
        seed=0,
    )
    for row in found.by_product.drop_nulls("lift5").iter_rows(named=True):
        product = int(row["product_id"][1:])
        candidates = np.flatnonzero(learned[:, product] == 0)
        liked = held[candidates, product] == 1
        best = np.argsort(-order[candidates])[: max(1, round(0.05 * candidates.size))]
        assert row["lift5"] == pytest.approx(liked[best].mean() / liked.mean())


def test_at_most_so_many_products_are_judged_and_the_draw_is_seeded():
    first, second = judged(3, most=2)[0], judged(3, most=2)[0]
    assert first.by_product.height == 2
    assert first.by_product.equals(second.by_product)


def test_nothing_to_judge_by_gives_no_figures():
    nothing = pairs_of(np.zeros((5, 3), int))
    found = judge(np.zeros, np.zeros, nothing, nothing, most=10, seed=0)
    assert found.by_product.height == 0
    assert found.figures["products"] == 0
    assert found.figures["auc"] is None
