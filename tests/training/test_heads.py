"""Heads: Newton's answer, the odds of the draw, calibration, and what is said without data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from tests.training.planted import pairs_of, tasteful
from training.heads import (
    Drawn,
    LogisticHead,
    Scale,
    Sides,
    Stack,
    Units,
    calibrate,
    draw_interest,
    draw_opinions,
    fit_head,
    score_pairs,
)
from training.matrices import Pairs, Passed, set_aside
from training.parts import Part


def rate(logit: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logit))


def planted(count: int = 4000, seed: int = 0, offset: bool = False) -> tuple[np.ndarray, Drawn]:
    """Columns of very different size, and labels drawn from a logit of them."""
    random = np.random.default_rng(seed)
    design = random.normal(3, [1.0, 100.0, 0.01], (count, 3))
    shift = random.normal(0, 2, count) if offset else np.zeros(count)
    logit = (design - 3) @ [1.0, -0.02, 50.0] - 1 + shift
    label = (random.random(count) < rate(logit)).astype(float)
    where = np.zeros(count, int)
    return design, Drawn(where, where, label, shift)


@pytest.mark.parametrize("ridge", [1e-5, 1e-3, 0.1])
def test_a_head_is_logistic_regression_on_standardised_columns(ridge):
    design, drawn = planted()
    standard = (design - design.mean(0)) / design.std(0)
    oracle = LogisticRegression(C=1 / (ridge * len(design)), tol=1e-10, max_iter=1000)
    oracle.fit(standard, drawn.label)
    found = fit_head(design, drawn, ridge=ridge)
    assert found.coefficients * design.std(0) == pytest.approx(oracle.coef_[0], abs=1e-4)
    assert found.logit(design) == pytest.approx(oracle.decision_function(standard), abs=1e-3)


def test_an_offset_shifts_the_logit_while_learning_and_not_after():
    design, drawn = planted(offset=True)
    wide = np.column_stack([(design - design.mean(0)) / design.std(0), np.ones(len(design))])

    def loss(found):
        logit = wide @ found + drawn.offset
        return np.mean(np.logaddexp(0, logit) - drawn.label * logit) + 5e-4 * found[:3] @ found[:3]

    oracle = minimize(loss, np.zeros(4), tol=1e-12).x
    found = fit_head(design, drawn, ridge=1e-3)
    assert found.logit(design) == pytest.approx(wide @ oracle, abs=1e-2)


def test_labels_that_a_column_tells_apart_do_not_run_away():
    design = np.linspace(-1, 1, 200)[:, None]
    where = np.zeros(200, int)
    label = (design[:, 0] > 0).astype(float)
    found = fit_head(design, Drawn(where, where, label, np.zeros(200)), ridge=1e-5)
    assert np.isfinite(found.coefficients).all()
    assert ((found.logit(design) > 0) == (label > 0)).all()


def test_a_constant_column_bears_no_weight():
    design, drawn = planted()
    found = fit_head(np.column_stack([design, np.full(len(design), 7.0)]), drawn, ridge=1e-3)
    assert found.coefficients[3] == 0
    assert found.logit(np.column_stack([design, np.full(len(design), 7.0)])) == pytest.approx(
        fit_head(design, drawn, ridge=1e-3).logit(design), abs=1e-6
    )


@pytest.mark.parametrize(("label", "expected"), [(1.0, 11 / 12), (0.0, 1 / 12)])
def test_where_all_labels_agree_the_head_says_their_smoothed_rate(label, expected):
    where = np.zeros(10, int)
    drawn = Drawn(where, where, np.full(10, label), np.zeros(10))
    design = np.random.default_rng(0).normal(size=(10, 2))
    found = fit_head(design, drawn, ridge=1e-3)
    assert rate(found.logit(design)) == pytest.approx(expected)
    assert calibrate(found, found.logit(design), drawn) == found


def test_without_any_pair_a_head_says_one_half_and_stays_as_it_is():
    none = np.zeros(0, int)
    drawn = Drawn(none, none, np.zeros(0), np.zeros(0))
    found = fit_head(np.zeros((0, 2)), drawn, ridge=1e-3)
    assert found.logit(np.ones((3, 2))).tolist() == [0, 0, 0]
    assert calibrate(found, np.zeros(0), drawn) == found


def test_calibration_takes_back_what_was_planted():
    random = np.random.default_rng(0)
    logit = random.normal(0, 2, 20_000)
    label = (random.random(logit.size) < rate(logit)).astype(float)
    where = np.zeros(logit.size, int)
    head = LogisticHead(np.ones(1), 0.0)
    found = calibrate(head, 2 * logit + 1, Drawn(where, where, label, np.zeros(logit.size)))
    assert (found.slope, found.shift) == pytest.approx((0.5, -0.5), abs=0.05)
    upside_down = calibrate(head, -logit, Drawn(where, where, label, np.zeros(logit.size)))
    assert upside_down == head


def test_knots_rise_and_say_the_calibrated_rate():
    knots = LogisticHead(np.ones(1), 0.0, slope=0.5, shift=-0.5).knots()
    assert (np.diff(knots[:, 0]) > 0).all()
    assert (np.diff(knots[:, 1]) >= 0).all()
    logit = np.linspace(-8, 8, 101)
    assert np.interp(logit, *knots.T) == pytest.approx(rate(0.5 * logit - 0.5), abs=2e-3)


def likers(users: int = 4000, products: int = 12, seed: int = 0) -> tuple[Part, np.ndarray, Pairs]:
    """A part whose score is the planted logit, the chances it stands for, and likes drawn so."""
    random = np.random.default_rng(seed)
    part = Part("truth", random.normal(size=(users, 2)), random.normal(size=(products, 2)))
    part = replace(part, products=np.column_stack([part.products, random.normal(-4, 1, products)]))
    part = replace(part, users=np.column_stack([part.users, np.ones(users)]))
    chance = rate(part.users @ part.products.T)
    return part, chance, pairs_of((random.random(chance.shape) < chance).astype(np.int8))


def plain_stack(part: Part) -> Stack:
    users, products = len(part.users), len(part.products)
    none = Sides(np.zeros(users), np.zeros(products), np.zeros((users, 1)), np.zeros((products, 1)))
    return Stack([part], none, Scale(np.zeros(1), np.ones(1)), by_activity=False)


@pytest.mark.parametrize(("positives", "negatives"), [(10**6, 20), (300, 20), (10**6, 2)])
def test_a_head_of_drawn_pairs_speaks_of_everybody(positives, negatives):
    """Likes all taken, few taken, few others drawn: the rate stays that of all users."""
    part, chance, held = likers()
    nobody = held.part(np.zeros(held.rows.size, bool), 1.0)
    drawn = draw_interest(nobody, held, positives=positives, negatives=negatives, seed=1)
    stack = plain_stack(part)
    found = fit_head(stack.design(drawn.rows, drawn.columns), drawn, ridge=1e-6)
    rows, columns = (each.ravel() for each in np.indices(chance.shape))
    said = rate(found.logit(stack.design(rows, columns)))
    assert said.mean() == pytest.approx(chance.mean(), rel=0.15)
    for best in np.array_split(np.argsort(said), 5)[1:]:
        assert said[best].mean() == pytest.approx(chance.ravel()[best].mean(), rel=0.25)


def test_drawn_others_neither_acted_nor_like():
    pairs = pairs_of(tasteful(400, 10))
    learned, held = set_aside(pairs, 0.3, 0)
    drawn = draw_interest(learned, held, positives=10**6, negatives=5, seed=0)
    liked = set(zip(held.rows[held.polarity > 0], held.columns[held.polarity > 0], strict=True))
    acted = set(zip(learned.rows, learned.columns, strict=True))
    found = list(zip(drawn.rows, drawn.columns, drawn.label, strict=True))
    assert {pair[:2] for pair in found if pair[2] == 1} == liked
    assert not {pair[:2] for pair in found if pair[2] == 0} & (liked | acted)
    again = draw_interest(learned, held, positives=10**6, negatives=5, seed=0)
    assert again.rows.tolist() == drawn.rows.tolist()


def test_opinions_are_likes_against_dislikes_and_nothing_else():
    drawn = draw_opinions(pairs_of(np.array([[1, -1, 2, 0], [0, 2, -1, 1]])))
    assert list(zip(drawn.rows, drawn.columns, drawn.label, strict=True)) == [
        (0, 0, 1),
        (0, 1, 0),
        (1, 2, 0),
        (1, 3, 1),
    ]
    assert not drawn.offset.any()


def test_scores_of_many_pairs_are_inner_products():
    random = np.random.default_rng(0)
    part = Part("any", random.normal(size=(7, 3)), random.normal(size=(5, 3)))
    rows, columns = random.integers(0, 7, 120_000), random.integers(0, 5, 120_000)
    found = score_pairs([part, part], rows, columns)
    assert found[:, 0] == pytest.approx((part.users @ part.products.T)[rows, columns])
    assert (found[:, 0] == found[:, 1]).all()


def test_units_of_a_part_of_the_pairs_are_units_of_all():
    """Sides of 80 % of the pairs, in their own units, are near those of all pairs."""
    pairs = pairs_of(tasteful(2000, 20))
    learned, _ = set_aside(pairs, 0.2, 0)
    units = Units.of(learned)
    assert units.sides(learned).activity.mean() == pytest.approx(0, abs=1e-9)
    assert units.sides(pairs).activity.mean() == pytest.approx(0, abs=0.05)
    assert units.sides(pairs).users.shape == (2000, 10)


def test_what_was_passed_over_lowers_the_head_by_its_weight():
    """A head of passed-over pairs at weight w is that of w dislikes for each."""
    opinions = pairs_of(np.array([[1, -1, 2, 0], [0, 2, -1, 1]]))
    silent = Passed(np.array([0, 1]), np.array([3, 0]), np.array([0.5, 0.5], np.float32))
    drawn = draw_opinions(replace(opinions, passed=silent))
    assert list(zip(drawn.rows, drawn.columns, drawn.label, drawn.weight, strict=True))[4:] == [
        (0, 3, 0, 0.5),
        (1, 0, 0, 0.5),
    ]
    design = np.zeros((6, 1))
    found = fit_head(design, drawn, ridge=1.0)
    rate = 1 / (1 + np.exp(-found.constant))
    assert rate == pytest.approx(2 / (2 + 2 + 0.5 + 0.5))
    assert drawn.under(np.arange(6) > 3).weight.tolist() == [0.5, 0.5]


def test_a_column_that_is_constant_but_for_rounding_counts_for_nothing():
    """Scaled up to unit deviation, rounding would be learned and would multiply by millions."""
    random = np.random.default_rng(3)
    told, label = random.normal(size=2000), random.random(2000) < 0.5
    rounding = 3.0 + 1e-7 * random.normal(size=2000)
    drawn = Drawn(np.zeros(2000), np.zeros(2000), label.astype(float), np.zeros(2000))
    head = fit_head(np.column_stack([told, rounding]), drawn, ridge=1e-5)
    assert head.coefficients[1] == 0
    assert abs(head.coefficients[0]) < 1
