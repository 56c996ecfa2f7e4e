"""Uplift and Qini curves: equal to counting by hand, blind to the order of ties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import InvalidValue
from engine.measurement.qini import (
    Resampling,
    judge,
    perfect_scores,
    qini_curve,
    rank_within,
    uplift_curve,
)

SAMPLING = Resampling(60, 0.95)


def drawn(size: int, seed: int, *, amounts: bool = False) -> tuple[np.ndarray, ...]:
    """Who would be moved, by how much; what they did; who was held out."""
    random = np.random.default_rng(seed)
    moved = random.random(size)
    held = random.random(size) < 0.4
    held[:2], held[2:4] = True, False
    outcome = (random.random(size) < 0.1 + 0.4 * moved * ~held).astype(float)
    return moved, outcome * random.lognormal(1, 0.5, size) if amounts else outcome, held


people = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from([0.0, 1.0, 2.5]), st.booleans()),
    min_size=4,
    max_size=40,
).map(
    lambda rows: tuple(
        np.array(column)
        for column in zip(
            *rows, (9, 1.0, True), (0, 0.0, True), (9, 0.0, False), (0, 1.0, False), strict=True
        )
    )
)


@settings(max_examples=30, deadline=None)
@given(people)
def test_curves_are_what_counting_gives(rows):
    score, outcome, held = rows
    uplift, qini = uplift_curve(score, outcome, held), qini_curve(score, outcome, held)
    assert uplift.share[0] == uplift.gain[0] == qini.gain[0] == 0
    for place, cut in enumerate(sorted(set(score.tolist()), reverse=True), start=1):
        best = score >= cut
        n_t, n_c = (best & ~held).sum(), (best & held).sum()
        y_t, y_c = outcome[best & ~held].sum(), outcome[best & held].sum()
        means = (y_t / n_t if n_t else 0.0) - (y_c / n_c if n_c else 0.0)
        assert uplift.share[place] == pytest.approx(best.mean())
        assert uplift.gain[place] == pytest.approx(means * (n_t + n_c))
        assert qini.gain[place] == pytest.approx(y_t - (y_c * n_t / n_c if n_c else 0.0))


@settings(max_examples=30, deadline=None)
@given(people, st.randoms(use_true_random=False))
def test_the_order_of_people_does_not_count(rows, random):
    order = list(range(len(rows[0])))
    random.shuffle(order)
    for curve in (uplift_curve, qini_curve):
        one, other = curve(*rows), curve(*(column[order] for column in rows))
        assert one.share == pytest.approx(other.share)
        assert one.gain == pytest.approx(other.gain)


def test_scores_that_rounding_parts_are_still_equal():
    _, outcome, held = drawn(500, 0)
    same = np.full(500, 0.1 + 0.2)
    same[np.argsort(-outcome)[:100]] = 0.3  # 5.6e-17 less
    assert set(np.unique(same)) == {0.3, 0.1 + 0.2}
    assert len(qini_curve(same, outcome, held).share) == 2
    other = same * -1  # and of negative scores
    assert len(uplift_curve(other, outcome, held).share) == 2


def test_a_score_for_all_alike_is_chance():
    _, outcome, held = drawn(800, 1)
    found = judge({"same": np.ones(800)}, outcome, held, sampling=SAMPLING)
    assert found["qini"][0] == pytest.approx(0, abs=1e-12)
    assert found["auuc"][0] == pytest.approx(found["auuc_random"][0])
    assert found["qini_lower"][0] == pytest.approx(found["qini_upper"][0], abs=1e-12)


@pytest.mark.parametrize("amounts", [False, True])
def test_no_order_is_better_than_the_perfect_one_and_the_true_one_beats_chance(amounts):
    moved, outcome, held = drawn(4_000, 2, amounts=amounts)
    scores = {
        "perfect": perfect_scores(outcome, held),
        "true": moved,
        "chance": np.random.default_rng(0).random(4_000),
        "reversed": -moved,
    } | {str(seed): np.random.default_rng(seed).random(4_000) for seed in range(1, 10)}
    found = judge(scores, outcome, held, sampling=SAMPLING, beside="chance")
    qini = dict(zip(found["model"], found["qini"], strict=True))
    assert qini["perfect"] == pytest.approx(1)
    assert qini["perfect"] > qini["true"] > 0.02 > -0.02 > qini["reversed"]
    inside = (found["qini_lower"] < 0) & (found["qini_upper"] > 0)
    assert (inside[2] + inside[4:].sum()) >= 8  # of ten orders by chance
    assert found["qini_ahead_lower"][1] > 0 > found["qini_ahead_upper"][3]
    assert found["model"].to_list() == list(scores)


def test_intervals_hold_what_a_large_crowd_shows():
    moved, outcome, held = drawn(80_000, 3)
    truth = judge({"true": moved}, outcome, held, sampling=Resampling(0, 0.95))["qini"][0]
    inside = 0
    for seed in range(20):
        moved, outcome, held = drawn(1_500, 100 + seed)
        found = judge({"true": moved}, outcome, held, sampling=Resampling(60, 0.95, seed))
        inside += found["qini_lower"][0] <= truth <= found["qini_upper"][0]
    assert inside >= 16


def test_each_side_is_drawn_by_itself_so_none_is_ever_empty():
    held = np.arange(50) < 2
    found = judge({"any": np.arange(50)}, held.astype(float), held, sampling=SAMPLING)
    assert found["auuc_random_lower"][0] == found["auuc_random_upper"][0] == -0.5


def test_the_same_seed_gives_the_same_intervals():
    moved, outcome, held = drawn(300, 4)
    one, other = (judge({"true": moved}, outcome, held, sampling=SAMPLING) for _ in range(2))
    assert one.equals(other)


def test_ranks_within_folds_make_scores_of_different_models_comparable():
    score, fold = np.array([1.0, 2.0, 2.0, 900.0, 700.0]), np.array([0, 0, 0, 1, 1])
    assert rank_within(score, fold) == pytest.approx([1 / 6, 2 / 3, 2 / 3, 0.75, 0.25])


def test_nothing_happened_and_nothing_is_won():
    _, _, held = drawn(100, 5)
    found = judge({"any": np.arange(100)}, np.zeros(100), held, sampling=SAMPLING)
    assert found["qini"][0] == found["auuc"][0] == 0


@pytest.mark.parametrize(
    ("score", "beside", "field"),
    [
        (np.ones(7), None, "score"),
        (np.full(8, np.nan), None, "score"),
        (np.ones(8), "other", "beside"),
    ],
)
def test_what_cannot_be_judged_is_refused(score, beside, field):
    outcome, held = np.arange(8.0), np.arange(8) < 3
    with pytest.raises(InvalidValue) as caught:
        judge({"one": score}, outcome, held, sampling=SAMPLING, beside=beside)
    assert caught.value.field == field
