"""Always-valid intervals: hold at all looks together, and close when there is an effect."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri

from engine.errors import InvalidValue
from engine.measurement.lift import Lift, compare_rates, compare_sides, side_of_counts
from engine.measurement.sequential import always_valid, always_valid_p, margin
from tests.engine.measurement.planted import Design, arriving, coming_in, designs

LEVEL, LOOKS, LEAST = 0.95, 50, 100


def ever_and_at_the_end(count: int, *, outcomes: bool) -> tuple[float, float, float]:
    """Of campaigns without an effect: what the sequence, the last test and any test reject."""
    ever = last = peeking = 0
    for seed, design in enumerate(designs(count, 1)):
        lifts = looks_at(design, seed, outcomes=outcomes)
        last += lifts[-1].proven
        peeking += any(lift.proven for lift in lifts)
        ever += any(decided(lift, design, outcomes=outcomes) != "open" for lift in lifts)
    return ever / count, last / count, peeking / count


def looks_at(design: Design, seed: int, *, outcomes: bool) -> list[Lift]:
    draw = coming_in if outcomes else arriving
    sides = draw(design, LOOKS, np.random.default_rng(seed))
    return [compare_rates(*look, level=LEVEL, few=40) for look in sides]


def decided(lift: Lift, design: Design, *, outcomes: bool) -> str:
    both = lift.exposed, lift.held_out
    seen = sum(side.mean * side.people for side in both) if outcomes else None
    planned = design.outcomes if outcomes else design.exposed + design.held_out
    return always_valid(lift, planned=planned, level=LEVEL, seen=seen, least=LEAST).decided


@pytest.mark.parametrize("outcomes", [False, True])
def test_eighty_campaigns_without_an_effect_are_seldom_rejected(outcomes):
    ever, last, peeking = ever_and_at_the_end(80, outcomes=outcomes)
    assert ever <= 0.05
    assert last <= 0.10
    assert peeking > 0.15  # which is why looking needs another interval


@pytest.mark.slow
@pytest.mark.parametrize("outcomes", [False, True])
def test_a_thousand_campaigns_without_an_effect_are_rejected_in_no_more_than_six_of_a_hundred(
    outcomes,
):
    ever, last, _ = ever_and_at_the_end(1000, outcomes=outcomes)
    assert ever <= 0.06
    assert last <= 0.06


def test_a_strong_effect_is_found_before_the_end_and_stays_found():
    early = 0
    for seed in range(60):
        lifts = looks_at(Design(9_000, 1_000, 0.05, 0.05), seed, outcomes=False)
        words = [decided(lift, Design(9_000, 1_000, 0.05), outcomes=False) for lift in lifts]
        assert "down" not in words
        early += "up" in words[:30]
    assert early > 50


def test_the_true_effect_is_inside_at_all_looks_together():
    outside = 0
    for seed, design in enumerate(designs(80, 8, effects=True)):
        planned = design.exposed + design.held_out
        found = [
            always_valid(lift, planned=planned, level=LEVEL, least=LEAST)
            for lift in looks_at(design, seed, outcomes=False)
        ]
        outside += any(not each.lower <= design.effect <= each.upper for each in found)
    assert outside / 80 <= 0.05


@settings(max_examples=50, deadline=None)
@given(st.floats(0.001, 50), st.floats(0.5, 0.999))
def test_a_sequence_is_always_wider_than_a_single_look(fraction, level):
    assert margin(fraction, level) > ndtri((1 + level) / 2)


@settings(max_examples=50, deadline=None)
@given(st.floats(0.01, 0.8), st.sampled_from([0.9, 0.95, 0.99]))
def test_the_interval_is_narrowest_for_what_was_planned(fraction, level):
    """At any moment no other plan gives a narrower one than that moment's own."""
    own = margin(1.0, level)
    for other in (fraction, 1 / fraction):
        assert margin(other, level) >= own * 0.999


@settings(max_examples=50, deadline=None)
@given(st.floats(0, 8), st.floats(0.01, 5), st.sampled_from([0.8, 0.95]))
def test_the_p_value_and_the_interval_say_the_same(score, fraction, level):
    found = float(always_valid_p(score, fraction, level))
    assert 0 <= found <= 1
    if abs(score - margin(fraction, level)) > 1e-9:
        assert (found < 1 - level) == (score > margin(fraction, level))


def test_the_interval_reaches_as_far_as_the_part_of_the_plan_that_was_seen_asks():
    lift = compare_sides(side_of_counts(900, 90), side_of_counts(900, 60), level=LEVEL)
    for planned, seen in ((1_800, None), (18_000, None), (300, 150.0)):
        found = always_valid(lift, planned=planned, level=LEVEL, seen=seen)
        reach = margin((seen or 1_800) / planned, LEVEL) * lift.error
        assert found.upper - found.effect == pytest.approx(reach, rel=0.01)
        assert found.effect - found.lower == pytest.approx(reach, rel=0.01)


def test_nothing_is_said_while_too_few_were_seen():
    lift = compare_sides(side_of_counts(900, 90), side_of_counts(99, 0), level=LEVEL)
    found = always_valid(lift, planned=10_000, level=LEVEL, least=100)
    assert (found.lower, found.upper, found.p_value) == (-math.inf, math.inf, 1.0)
    assert found.decided == "open"
    assert always_valid(lift, planned=10_000, level=LEVEL, least=99).upper < math.inf


def test_a_holdout_without_an_outcome_yet_is_not_taken_for_certain():
    lift = compare_sides(side_of_counts(900, 12), side_of_counts(100, 0), level=LEVEL)
    found = always_valid(lift, planned=1_000, level=LEVEL)
    assert found.lower < 0 < found.upper


def test_before_anything_is_seen_all_is_open():
    lift = compare_sides(side_of_counts(900, 0), side_of_counts(100, 0), level=LEVEL)
    assert always_valid(lift, planned=50, level=LEVEL, seen=0).decided == "open"


@pytest.mark.parametrize(("planned", "seen"), [(0, 5), (-1, 5), (math.inf, 5), (10, -1)])
def test_a_plan_of_nothing_is_refused(planned, seen):
    lift = compare_sides(side_of_counts(9, 2), side_of_counts(9, 3), level=LEVEL)
    with pytest.raises(InvalidValue, match="planned"):
        always_valid(lift, planned=planned, level=LEVEL, seen=seen)
