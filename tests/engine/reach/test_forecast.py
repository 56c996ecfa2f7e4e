"""Forecasts by what holds for every rule: nobody twice, nothing shrinks, chances add up."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.reach.adopters import FIGURES, Knowing, figures, moment
from engine.reach.cascades import Past, Running, build_past
from engine.reach.forecast import (
    FURTHEST,
    TIMES,
    Growth,
    Learned,
    Line,
    Odds,
    forecast,
    grow,
    likely,
    reasons,
    signs,
)
from tests.engine.reach.test_cascades import NOBODY, ROWS, ordered, past_of, table

FIGURE_COLUMNS = 2 * len(FIGURES) + 3
KNOWING = Knowing(0.01)
NUMBERS = st.floats(-5, 5)
ANYWHERE = np.array([[-np.inf], [np.inf]])
PLAIN = Odds(1.0, 1.0, 0.0, (-FURTHEST, FURTHEST), 0.0, 0.0)
"""Log odds that are believed as they are and shifted as far as it takes."""


def rule(past: Past, seed: int) -> Learned:
    """Any rule at all."""
    rng = np.random.default_rng(seed)
    begun = past.each()[0].first(1)
    width = signs(past, begun, moment(past, begun, KNOWING), KNOWING, 9).size
    lines = [Line(rng.normal(0, 1, size), 0.1) for size in (FIGURE_COLUMNS, width, width)]
    growth = Growth(lines[1], lines[2], np.sort(rng.normal(0, 1, 30)), 9, ANYWHERE)
    return Learned(KNOWING, lines[0], 1.0, growth, PLAIN, np.full(len(TIMES), np.inf))


@settings(max_examples=30, deadline=None)
@given(ROWS, st.integers(0, 99), st.integers(1, 3))
def test_nobody_who_has_adopted_is_listed_and_no_cascade_shrinks(rows, seed, count):
    past = build_past(ordered(table(*rows)), None, NOBODY)
    for whole in past.each():
        begun = whole.first(min(count, whole.who.size))
        found = forecast(past, begun, rule(past, seed), 0.8)
        assert not set(found.rows.tolist()) & set(begun.who.tolist())
        assert len(set(found.rows.tolist())) == found.rows.size
        assert ((found.chances >= 0) & (found.chances <= 1)).all()
        assert (np.diff(found.chances) <= 1e-12).all()
        size = found.size
        assert begun.who.size <= size.lower <= size.middle <= size.upper
        assert size.middle <= size.mean


@settings(max_examples=30, deadline=None)
@given(st.lists(NUMBERS, min_size=2, max_size=50), st.floats(0.01, 0.99))
def test_chances_add_up_to_what_is_to_come_in_the_order_of_the_logits(logits, share):
    given_, more = np.array(logits), share * len(logits)
    found = likely(given_, more, PLAIN)
    assert found.sum() == pytest.approx(more, rel=1e-6)
    assert (np.diff(found[np.argsort(given_)]) >= 0).all()


def test_more_adopters_than_people_leave_everybody_sure():
    assert likely(np.zeros(3), 50.0, PLAIN) == pytest.approx(np.ones(3))
    assert likely(np.zeros(3), 0.0, PLAIN) == pytest.approx(np.zeros(3), abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(NUMBERS, min_size=2, max_size=50),
    st.floats(0, 100),
    *(st.floats(0, 1) for _ in range(3)),
    st.tuples(st.floats(-2, 0), st.floats(0, 2)),
)
def test_chances_keep_the_order_and_no_shift_goes_beyond_its_ends(
    logits, more, slope, weight, less, ends
):
    given_ = np.sort(logits)
    found = likely(given_, more, Odds(slope, weight, 0.5, ends, 0.0, less))
    assert (np.diff(found) >= -1e-12).all()
    most = slope * given_ + weight * ends[1] + 0.5
    assert (found <= 1 / (1 + np.exp(-most)) + 1e-12).all()


def test_two_who_are_unlikely_are_not_sure_however_many_are_to_come():
    odds = Odds(0.8, 0.9, -0.5, (-0.2, 1.8), -2.0, 0.5)
    assert (likely(np.array([-7.0, -9.0]), 26.0, odds) < 0.02).all()


def test_signs_beyond_what_was_learned_from_say_no_more_than_its_ends():
    line = Line(np.array([1.0]), 0.0)
    growth = Growth(line, line, np.zeros(20), 9, np.array([[0.0], [2.0]]))
    assert grow(growth, np.array([40.0]), 3, 0.8) == grow(growth, np.array([2.0]), 3, 0.8)
    assert grow(growth, np.array([-9.0]), 3, 0.8) == grow(growth, np.array([0.0]), 3, 0.8)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(NUMBERS, min_size=20, max_size=60), st.integers(1, 500), st.floats(0.5, 0.98), NUMBERS
)
def test_an_interval_widens_with_its_level_and_holds_the_middle(misses, count, level, said):
    growth = Growth(
        Line(np.array([1.0]), 0.0), Line(np.array([0.0]), 0.0), np.sort(misses), 9, ANYWHERE
    )
    size = grow(growth, np.array([said]), count, level)
    wider = grow(growth, np.array([said]), count, (1 + level) / 2)
    assert count <= wider.lower <= size.lower <= size.middle <= size.upper <= wider.upper


def test_an_interval_holds_what_it_promises_of_draws_of_its_own_law():
    rng = np.random.default_rng(5)
    held = []
    for _ in range(400):
        misses = np.sort(rng.normal(0, 1, 60))
        growth = Growth(Line(np.array([0.0]), 4.0), Line(np.array([0.0]), 0.0), misses, 9, ANYWHERE)
        size = grow(growth, np.array([0.0]), 1000, 0.8)
        held.append(size.lower <= 1000 * np.exp(4 + rng.normal()) <= size.upper)
    assert np.mean(held) == pytest.approx(0.8, abs=0.06)


def test_the_order_of_adopters_moments_and_friends_reach_the_figures():
    past = past_of(("x", "a", 0), ("x", "b", 50), ("y", "c", 99), ties="ca cb dc")
    begun = past.each()[0]
    found = moment(past, begun, KNOWING)
    rows = found.candidates(past, begun)
    assert past.people.gather(rows).to_list() == ["c", "d"]
    told = dict(zip(FIGURES, figures(past, begun, found, rows)[0], strict=False))
    assert told["friends"] == pytest.approx(np.log(3))
    assert told["friends lately"] < told["friends"]
    assert told["follow them"] == 0
    late = past.each()[1]
    theirs = dict(zip(past.people, moment(past, late, KNOWING).following, strict=True))
    assert theirs == {"a": 1, "b": 1, "c": 0, "d": 0}


def test_a_reason_is_what_adds_most():
    weights = np.zeros(FIGURE_COLUMNS)
    weights[FIGURES.index("friends")] = 2.0
    weights[FIGURES.index("acts")] = 1.0
    told = np.zeros((1, FIGURE_COLUMNS))
    told[0, [FIGURES.index("friends"), FIGURES.index("acts")]] = 1.0
    found = reasons(Line(weights, 0.0), told, np.zeros(FIGURE_COLUMNS))
    assert found.tolist() == [[2.0, 1.0, 0.0, 0.0]]


def test_equal_moments_and_one_adopter_give_finite_signs():
    past = past_of(("x", "a", 3), ("x", "b", 3), ("y", "c", 3))
    for whole in past.each():
        found = moment(past, whole, KNOWING)
        assert np.isfinite(signs(past, whole, found, KNOWING, 9)).all()


def test_somebody_whom_very_many_follow_is_no_trouble():
    fans = pl.DataFrame({"follower_id": np.arange(200_000).astype(str)})
    ties = fans.with_columns(pl.lit("star").alias("followee_id"))
    acts = ordered(table(("x", "star", 0), ("x", "7", 1)))
    past = build_past(acts, ties, NOBODY)
    star = past.people.search_sorted("star")
    begun = Running(np.array([star]), np.array([0.0]), 0.0)
    found = moment(past, begun, KNOWING)
    assert found.friends.sum() == 200_000
    assert found.candidates(past, begun).size == 200_000
