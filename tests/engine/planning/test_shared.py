"""Segments that share people: what results of both tell of each, and of both together."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import settings
from engine.planning.history import History
from engine.planning.people import Kinds
from engine.planning.response import Start, fit_response
from engine.planning.response_prior import Groups
from engine.planning.touch import Moved

PLACES = [("a", "one"), ("a", "two")]
CEILING, SCALE, DAYS = np.array([60.0, 40.0]), np.array([30.0, 30.0]), 120


def twins() -> Kinds:
    """Two segments of 1000 people each; 800 are in both."""
    return Kinds(
        np.array([0, 1, 1, 2]), np.array([0, 0, 1, 1]), np.array([200, 800, 800, 200.0]), 2
    )


def shared_history(seed: int) -> History:
    """Days with money on either or both; whoever both touch counts for one of them by chance."""
    random = np.random.default_rng(seed)
    spend = random.lognormal(3.2, 0.7, (DAYS, 2)) * (random.random((DAYS, 2)) < 0.8)
    touched = -np.expm1(-spend / SCALE)
    mean = CEILING * touched * (1.0 - 0.8 * touched[:, ::-1] / 2.0)
    outcome = random.poisson(mean).astype(np.float64)
    row, day = np.repeat([0, 1], DAYS), np.tile(np.arange(DAYS), 2)
    age = (DAYS - day).astype(np.float64)
    return History(PLACES, row, spend.T.ravel(), outcome.T.ravel(), age)


def fitted(shared: Kinds | None, seed: int):
    none = Groups((), np.zeros((2, 0)))
    return fit_response(
        shared_history(seed),
        (none, none),
        Start(10.0, 30.0, delayed=False),
        settings.load("planning"),
        shared=shared,
    )


def test_what_segments_bring_by_themselves_is_learned_from_days_they_shared():
    spend, truth = np.array([40.0, 40.0]), CEILING * -np.expm1(-40.0 / SCALE)
    aware = np.mean([fitted(twins(), seed).curves().value(spend) / truth for seed in range(5)], 0)
    naive = np.mean([fitted(None, seed).curves().value(spend) / truth for seed in range(5)], 0)
    assert aware == pytest.approx([1.0, 1.0], abs=0.05)
    assert (naive < 0.85).all()


def test_both_together_are_foreseen_as_they_came():
    """At money never spent on both, the sum of what is seen of each promises too much."""
    spend = np.array([90.0, 90.0])
    touched = -np.expm1(-spend / SCALE)
    better, worse = CEILING * touched
    truth = better + worse * (1.0 - 0.8 * touched[0])
    curves = fitted(twins(), 0).curves()
    touch = Moved(twins(), np.ones(2))
    crowd = touch.kinds.ranked(touch.whole(curves))
    assert crowd.brought(1.0 - touch.mean(curves).value(spend)) == pytest.approx(truth, rel=0.08)
    assert curves.value(spend).sum() > 1.15 * truth


@given(
    st.lists(st.sets(st.integers(0, 4), min_size=1), min_size=1, max_size=5),
    st.integers(0, 1000),
)
def test_all_that_is_told_is_all_that_is_brought_and_equals_share_evenly(members, seed):
    random = np.random.default_rng(seed)
    people, touched = random.integers(1, 50, 5).astype(np.float64), random.random(len(members))
    kind = np.concatenate([sorted(each) for each in members])
    place = np.repeat(np.arange(len(members)), [len(each) for each in members])
    kinds = Kinds(kind, place, people[kind], len(members))
    whole = random.lognormal(0, 1, len(members))
    unlike = kinds.ranked(whole)
    told = unlike.told(touched[None, :])[0]
    assert (told * touched * whole).sum() == pytest.approx(unlike.brought(1.0 - touched))
    found = kinds.ranked(kinds.size).told(touched[None, :])[0]
    for at, own in enumerate(members):
        part = 0.0
        for number in own:
            others = [o for o, each in enumerate(members) if o != at and number in each]
            for moved in product((0, 1), repeat=len(others)):
                chance = np.prod([
                    touched[o] if yes else 1 - touched[o]
                    for o, yes in zip(others, moved, strict=True)
                ])  # fmt: skip
                part += people[number] * chance / (1 + sum(moved))
        assert found[at] == pytest.approx(part / sum(people[number] for number in own))


def test_segments_apart_are_left_as_they_are():
    apart = Kinds(np.array([0, 1]), np.array([0, 1]), np.array([10.0, 20.0]), 2)
    assert apart.ranked(CEILING).told(np.array([[0.3, 0.9]]))[0] == pytest.approx([1.0, 1.0])
    known, unknown = (fitted(kinds, 0).curves().weights for kinds in (apart, None))
    assert known == pytest.approx(unknown, rel=1e-9, abs=1e-12)
