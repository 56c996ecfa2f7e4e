"""Kinds of people by their segments: of a channel or of all, all of them or some for all."""

from __future__ import annotations

import numpy as np
import pytest

from engine import settings
from engine.operations import plan_crowd
from engine.operations.plan_crowd import Places, reached, shared_kinds

MEMBERS = {"one": np.arange(0, 600), "two": np.arange(400, 1000), "three": np.arange(990, 1000)}
PLACES = [(channel, segment) for channel in ("a", "b") for segment in MEMBERS]


@pytest.fixture
def planning():
    return settings.load("planning")


def given() -> Places:
    return Places(PLACES, np.full(6, np.nan), MEMBERS, np.full(6, 0.5))


def both_touched(kinds, first: int, second: int) -> float:
    """People brought by two placements that miss nobody, each person worth one."""
    missed = np.ones(kinds.count)
    missed[[first, second]] = 0.0
    return float(kinds.ranked(kinds.size).brought(missed))


def test_channels_add_up_but_for_those_who_only_see(planning):
    kinds, notes = shared_kinds(PLACES, MEMBERS, planning)
    assert kinds is not None
    assert "counts once" in notes[0]
    assert kinds.size.tolist() == [600, 600, 10] * 2
    assert both_touched(kinds, 0, 1) == pytest.approx(1000)
    assert both_touched(kinds, 0, 3) == pytest.approx(1200)
    seen = reached(given(), planning)[0].kinds
    assert both_touched(seen, 0, 3) == pytest.approx(600)
    assert both_touched(seen, 0, 4) == pytest.approx(1000)


def test_segments_apart_need_no_kinds(planning):
    apart = {"one": np.arange(10), "two": np.arange(10, 30)}
    assert shared_kinds(PLACES, apart, planning) == (None, ())
    on_other_channels = [("a", "one"), ("b", "two")]
    assert shared_kinds(on_other_channels, MEMBERS, planning) == (None, ())


def test_some_people_stand_for_all_where_there_are_too_many(planning, monkeypatch):
    monkeypatch.setattr(plan_crowd, "MOST_ENTRIES", 8)
    monkeypatch.setattr(plan_crowd, "FEWEST", 500)
    kinds, _ = shared_kinds(PLACES, MEMBERS, planning)
    assert kinds is not None
    assert kinds.size[[0, 1]] == pytest.approx([600, 600], rel=0.15)
    assert both_touched(kinds, 0, 1) == pytest.approx(1000, rel=0.05)
    assert kinds.size[0] != 600


def test_a_segment_of_which_nobody_was_drawn_is_people_of_its_own(planning, monkeypatch):
    monkeypatch.setattr(plan_crowd, "MOST_ENTRIES", 1)
    monkeypatch.setattr(plan_crowd, "FEWEST", 5)
    kinds, _ = shared_kinds(PLACES, MEMBERS, planning)
    assert kinds is not None
    assert kinds.size[2] == pytest.approx(10)


def test_taking_placements_keeps_their_people(planning):
    kinds, _ = shared_kinds(PLACES, MEMBERS, planning)
    assert kinds is not None
    some = kinds.take(np.array([5, 1, 0]))
    assert some.size.tolist() == [10, 600, 600]
    assert both_touched(some, 1, 2) == pytest.approx(1000)
    assert both_touched(some, 0, 1) == pytest.approx(610)


def test_of_equals_the_first_placement_keeps_its_people():
    kinds = plan_crowd.Kinds(np.zeros(3, int), np.array([2, 0, 1]), np.full(3, 9.0), 3)
    kept = kinds.ranked(np.full(3, 4.0)).kept(np.full(3, 0.5))
    assert kept.tolist() == pytest.approx([1.0, 0.5, 0.25])
