"""Acts cut into stretches, and what the neighbourhood of these finds that whole lives hide."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.planted import pairs_of, recipe, tasteful
from training.evaluate import auc
from training.matrices import Pairs, set_aside
from training.parts import Features, fit_part_neighbourhood, plan_parts
from training.sessions import MINUTE, come_in_sessions, cut_sessions


def acts(moments: list[list[float | None]]) -> Pairs:
    """Users × products: the minute of the act, None where there is none."""
    table = np.array([[np.nan if at is None else at for at in row] for row in moments], float)
    return pairs_of(
        np.where(np.isnan(table), 0, 1), at=(np.nan_to_num(table) * MINUTE).astype(np.int64)
    )


def cut(pairs: Pairs, *, acts: int = 100, minutes: float = 30) -> list[set[int]]:
    """All stretches, those of the first cut before those of the second, as sets of products."""
    found = cut_sessions(pairs, acts=acts, minutes=minutes)
    return [set(found.indices[a:b]) for a, b in pairwise(found.indptr)]


def test_a_long_pause_and_another_user_end_a_stretch():
    pairs = acts([[0, 10, 100, 31], [None, 101, None, 102]])
    assert cut(pairs) == [{0, 1, 3}, {1, 3}] * 2
    assert cut(pairs, minutes=1000) == [{0, 1, 2, 3}, {1, 3}] * 2
    assert cut(pairs, minutes=0) == []


def test_stretches_are_cut_in_the_order_of_moments_and_once_more_half_a_stretch_later():
    pairs = acts([[5, 4, 3, 2, 1]])
    assert cut(pairs, acts=2) == [{4, 3}, {2, 1}, {3, 2}, {1, 0}]


@given(
    st.lists(
        st.lists(st.one_of(st.none(), st.integers(-500, 500)), min_size=4, max_size=4),
        min_size=2,
        max_size=6,
    ).filter(lambda rows: any(at is not None for row in rows for at in row)),
    st.integers(2, 6),
    st.floats(0, 200),
)
def test_no_act_is_in_more_than_two_stretches_none_alone_and_none_too_long(moments, most, minutes):
    pairs = acts(moments)
    found = cut_sessions(pairs, acts=most, minutes=minutes)
    number = np.bincount(pairs.columns, minlength=4)
    assert (np.asarray(found.sum(0)).ravel() <= 2 * number).all()
    lengths = np.diff(found.indptr)
    assert ((lengths >= 2) & (lengths <= most)).all()


@pytest.mark.parametrize(("apart", "together"), [(5, True), (29, True), (31, False), (600, False)])
def test_acts_that_stand_alone_in_time_are_no_sessions(apart, together):
    opinions = tasteful(40, 8)
    moments = np.where(opinions != 0, np.cumsum(opinions != 0, axis=1) * apart, 0)
    pairs = pairs_of(opinions, at=moments.astype(np.int64) * MINUTE)
    assert come_in_sessions(pairs, minutes=30) == together
    names = [task[1].get("kind") for task in plan_parts(pairs, Features(), recipe(), 0)]
    assert ("sessions" in names) == together


def test_half_of_the_acts_in_sessions_is_enough_and_fewer_are_not():
    lone = [[0, 1, None, None], [None, 0, 600, None], [0, None, None, 1]]
    assert come_in_sessions(acts(lone), minutes=30)  # four of six
    assert not come_in_sessions(acts([*lone[:2], [0, None, 99, 199]]), minutes=30)  # two of seven


def listed(seed: int = 0) -> tuple[Pairs, np.ndarray]:
    """400 people who read through parts of lists: products of one list come one after another.

    Each person opens 6 of 20 lists of 5 products, on days of their own, and acts on most of each.
    """
    random = np.random.default_rng(seed)
    opened = np.argsort(random.random((400, 20)), axis=1) < 6
    opinions = np.repeat(opened, 5, axis=1) & (random.random((400, 100)) < 0.7)
    day = np.repeat(np.argsort(random.random((400, 20)), axis=1), 5, axis=1)
    minute = day * 1440 + np.tile(np.arange(5), 20)
    return pairs_of(opinions.astype(int), at=(minute * MINUTE).astype(np.int64)), opened


@pytest.mark.parametrize("kind", ["sessions", "seen"])
def test_what_is_listed_together_is_found_sooner_by_sessions_than_by_lives(kind):
    pairs, _ = listed()
    few = pairs.part(pairs.rows < 40, 1.0)  # with many people any neighbourhood finds the lists
    learned, held = set_aside(few, 0.2, 0)
    part = fit_part_neighbourhood(learned, recipe(), 0, kind)
    said = part.users @ part.products.T
    known = np.zeros(pairs.shape, bool)
    known[few.rows, few.columns] = True
    found = [
        auc(said[user, held.columns[held.rows == user]], said[user, ~known[user]])
        for user in range(40)
        if (held.rows == user).any()
    ]
    assert (np.mean(found) > 0.9) == (kind == "sessions"), np.mean(found)


def test_a_users_row_is_their_acts_times_the_folding():
    pairs, _ = listed()
    part = fit_part_neighbourhood(pairs, recipe(), 0, "sessions")
    assert pairs.seen @ part.folding == pytest.approx(part.users, abs=1e-4)
