"""Lift: equal to the textbook, honest where outcomes are few, narrower with a past."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from engine.errors import InvalidValue
from engine.measurement.cuped import adjust
from engine.measurement.lift import (
    compare,
    compare_rates,
    compare_sides,
    detectable,
    detectable_mean,
    people_needed,
    side_of,
    side_of_counts,
)
from tests.engine.measurement.planted import Design, arriving, designs, in_world
from tests.worlds import small

LEVEL = 0.95


def drawn(size: int, seed: int, effect: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Amounts, who was held out, and what each person did before."""
    random = np.random.default_rng(seed)
    before = random.gamma(2, 1, size)
    held = random.random(size) < 0.3
    return before + random.normal(0, 0.7, size) + effect * ~held, held, before


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from([0.5, 0.8, 0.95, 0.99]),
    st.floats(-3, 3),
    st.integers(20, 400),
)
def test_the_interval_is_welchs(seed, level, effect, size):
    outcome, held, _ = drawn(size, seed, effect)
    held[:2], held[2:4] = True, False
    found = compare(outcome, held, level=level)
    theirs = ttest_ind(outcome[~held], outcome[held], equal_var=False).confidence_interval(level)
    assert found.lower == pytest.approx(theirs.low, abs=1e-9)
    assert found.upper == pytest.approx(theirs.high, abs=1e-9)
    assert found.effect == pytest.approx(outcome[~held].mean() - outcome[held].mean())


def test_sides_alone_give_the_same_as_people():
    outcome, held, _ = drawn(500, 1)
    one = compare(outcome, held, level=LEVEL)
    assert one == compare_sides(side_of(outcome[~held]), side_of(outcome[held]), level=LEVEL)
    ones = outcome > 2
    counted = [side_of_counts(int(s.sum()), int(ones[s].sum())) for s in (~held, held)]
    found = compare(ones, held, level=LEVEL, few=20)
    again = compare_rates(*counted, level=LEVEL, few=20)
    assert (found.lower, found.upper) == pytest.approx((again.lower, again.upper))


def test_the_relative_interval_holds_the_true_ratio():
    inside = 0
    for seed in range(300):
        outcome, held, _ = drawn(400, seed, effect=0.4)
        found = compare(outcome, held, level=LEVEL)
        inside += found.relative_lower <= 0.2 <= found.relative_upper
    assert 0.92 <= inside / 300 <= 0.98


def test_a_ratio_to_almost_nothing_has_no_bounds():
    random = np.random.default_rng(0)
    outcome, held = random.normal(0, 1, 200), random.random(200) < 0.5
    found = compare(outcome, held, level=LEVEL)
    assert found.relative is not None
    assert found.relative_lower is None
    nothing = compare(np.where(held, 0.0, outcome), held, level=LEVEL)
    assert nothing.relative is None


def test_intervals_hold_the_effects_of_planted_campaigns():
    inside, welch = [], []
    for seed, design in enumerate(designs(800, 5, effects=True)):
        *_, last = arriving(design, 1, np.random.default_rng(seed))
        inside.append(compare_rates(*last, level=LEVEL, few=40).includes(design.effect))
        welch.append(compare_rates(*last, level=LEVEL, few=0).includes(design.effect))
    assert 0.94 <= np.mean(inside) <= 0.965
    assert np.mean(welch) < np.mean(inside)


def test_few_outcomes_in_a_small_holdout_get_an_interval_that_holds():
    random = np.random.default_rng(2)
    covered = {few: 0 for few in (0, 40)}
    for _ in range(250):
        sides = (
            side_of_counts(4500, random.binomial(4500, 0.0024)),
            side_of_counts(500, random.binomial(500, 0.002)),
        )
        for few in covered:
            covered[few] += compare_rates(*sides, level=LEVEL, few=few).includes(0.0004)
    assert covered[40] / 250 > 0.93
    assert covered[0] / 250 < 0.85


def test_a_side_without_any_outcome_is_not_taken_for_certain():
    found = compare_rates(side_of_counts(900, 9), side_of_counts(100, 0), level=LEVEL, few=40)
    assert found.method == "newcombe"
    assert found.lower < 0 < found.upper
    assert found.relative is None


@pytest.mark.parametrize("seed", range(5))
def test_a_baseline_narrows_the_interval_and_leaves_the_effect(seed):
    outcome, held, before = drawn(4000, seed, effect=0.1)
    plain = compare(outcome, held, level=LEVEL)
    narrow = compare(outcome, held, level=LEVEL, baseline=before)
    shrunk = (narrow.upper - narrow.lower) / (plain.upper - plain.lower)
    assert shrunk == pytest.approx(math.sqrt(1 - narrow.explained), abs=0.01)
    assert shrunk == pytest.approx(0.7 / math.sqrt(2 + 0.49), abs=0.05)
    assert abs(narrow.effect - 0.1) < 4 * narrow.error


def test_intervals_with_a_baseline_still_hold():
    inside = 0
    for seed in range(250):
        outcome, held, before = drawn(150, seed, effect=0.3)
        inside += compare(outcome, held, level=LEVEL, baseline=before).includes(0.3)
    assert 0.925 <= inside / 250 <= 0.975


def test_no_other_weight_of_a_baseline_narrows_more():
    outcome, held, before = drawn(300, 4)
    adjusted, explained = adjust(outcome, before, held)

    def variance(values: np.ndarray) -> float:
        return sum(values[s].var(ddof=1) / s.sum() for s in (held, ~held))

    least = variance(adjusted)
    assert explained == pytest.approx(1 - least / variance(outcome))
    for nudge in (-0.1, -0.01, 0.01, 0.1):
        assert variance(adjusted + nudge * before) > least


def test_a_baseline_leaves_the_mean_of_all_as_it_was():
    """So the effect over the holdout's mean keeps its meaning."""
    outcome, held, before = drawn(4_000, 5, effect=0.5)
    adjusted, _ = adjust(outcome, before + 10, held)
    assert adjusted.mean() == pytest.approx(outcome.mean())
    found = compare(outcome, held, level=LEVEL, baseline=before + 10)
    assert found.relative_lower < 0.25 < found.relative_upper


def test_a_baseline_of_one_value_or_one_given_twice_does_no_harm():
    outcome, held, before = drawn(200, 6)
    plain = compare(outcome, held, level=LEVEL)
    flat = compare(outcome, held, level=LEVEL, baseline=np.ones(200))
    assert (flat.lower, flat.explained) == pytest.approx((plain.lower, 0.0))
    twice = compare(outcome, held, level=LEVEL, baseline=np.stack([before, before], axis=1))
    once = compare(outcome, held, level=LEVEL, baseline=before)
    assert (twice.lower, twice.upper) == pytest.approx((once.lower, once.upper))


def test_what_is_detectable_is_proven_as_often_as_promised():
    least = detectable(20_000, 0.2, rate=0.05, level=LEVEL, power=0.8)
    proven = 0
    for seed in range(250):
        design = Design(16_000, 4_000, 0.05, least)
        *_, last = arriving(design, 1, np.random.default_rng(seed))
        proven += compare_rates(*last, level=LEVEL, few=40).lower > 0
    assert 0.74 <= proven / 250 <= 0.86


@settings(max_examples=30, deadline=None)
@given(st.floats(0.001, 0.9), st.floats(0.02, 0.5), st.integers(1_000, 10**7))
def test_more_people_detect_less_and_so_many_are_needed(rate, share, people):
    least = detectable(people, share, rate=rate, level=LEVEL, power=0.8)
    assert detectable(2 * people, share, rate=rate, level=LEVEL, power=0.8) < least or math.isinf(
        least
    )
    if math.isfinite(least):
        needed = people_needed(least, share, rate=rate, level=LEVEL, power=0.8)
        assert needed == pytest.approx(people, rel=1e-6, abs=1.01)


def test_amounts_are_detectable_by_their_spread():
    least = detectable_mean(1_000, 0.5, spread=2.0, level=LEVEL, power=0.8)
    assert least == pytest.approx(2.8015852 * 2 * math.sqrt(2 / 500), rel=1e-6)


def test_nothing_is_detectable_where_all_do_it_anyway():
    assert math.isinf(detectable(100, 0.1, rate=0.99, level=LEVEL, power=0.8))


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (lambda y, h: compare(y, np.zeros(8, bool), level=LEVEL), "held_out"),
        (lambda y, h: compare(y, np.ones(8, bool), level=LEVEL), "held_out"),
        (lambda y, h: compare(y[:7], h, level=LEVEL), "outcome"),
        (lambda y, h: compare(np.append(y[:7], np.nan), h, level=LEVEL), "outcome"),
        (lambda y, h: compare(y, h, level=1.0), "level"),
        (lambda y, h: compare(y, h, level=LEVEL, baseline=y[:7]), "baseline"),
        (lambda y, h: compare(y, h, level=LEVEL, baseline=y * np.inf), "baseline"),
        (lambda y, h: side_of_counts(1, 1), "ones"),
        (lambda y, h: side_of_counts(5, 6), "ones"),
        (lambda y, h: detectable(100, 0.0, rate=0.1, level=LEVEL, power=0.8), "holdout_share"),
        (lambda y, h: detectable(100, 1.0, rate=0.1, level=LEVEL, power=0.8), "holdout_share"),
        (lambda y, h: detectable(100, 0.1, rate=0.0, level=LEVEL, power=0.8), "rate"),
        (lambda y, h: detectable(100, 0.1, rate=0.1, level=LEVEL, power=1.0), "power"),
        (lambda y, h: detectable(5, 0.1, rate=0.1, level=LEVEL, power=0.8), "people"),
        (lambda y, h: people_needed(0.0, 0.1, rate=0.1, level=LEVEL, power=0.8), "effect"),
        (lambda y, h: detectable_mean(90, 0.1, spread=-1, level=LEVEL, power=0.8), "spread"),
    ],
)
def test_what_cannot_be_compared_is_refused(wrong, field):
    outcome, held = np.arange(1.0, 9.0), np.arange(8) < 3
    with pytest.raises(InvalidValue) as caught, np.errstate(invalid="ignore"):
        wrong(outcome, held)
    assert caught.value.field == field


def test_intervals_hold_the_effects_of_campaigns_in_the_planted_world():
    found = []
    for seed in range(60):
        one = in_world(small(), seed=seed)
        found.append(compare(one.outcome, one.held_out, level=LEVEL, few=40).includes(one.effect))
    assert np.mean(found) >= 0.88


@pytest.mark.slow
def test_intervals_hold_the_effects_of_five_hundred_campaigns_in_the_planted_world():
    found = []
    for seed in range(500):
        one = in_world(small(), seed=seed)
        found.append(compare(one.outcome, one.held_out, level=LEVEL, few=40).includes(one.effect))
    assert 0.93 <= np.mean(found) <= 0.97
