"""Who counts how much when they hear, and who may speak."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.reach.listeners import listener_weights, may_speak, worth

CHANCES = st.lists(st.one_of(st.floats(0, 1), st.just(float("nan"))), min_size=1, max_size=30)


def test_a_likely_dislike_counts_below_zero_wherever_it_is_heard() -> None:
    chances = np.array([0.9, 0.1, 0.9, 0.1, np.nan])
    worths = worth(chances, like=2.0, dislike=1.0)
    assert worths[:2] == pytest.approx([0.85, -0.35])
    weights = listener_weights(worths, np.array([True, True, False, False, True]))
    assert weights == pytest.approx([0.85, -0.35, 0, -0.35, 0])
    assert may_speak(worths).tolist() == [True, False, True, False, False]


@given(CHANCES, st.floats(0.1, 10), st.floats(0, 10))
def test_more_likely_likes_are_never_worth_less(
    chances: list[float], like: float, dislike: float
) -> None:
    known = np.sort(np.array(chances))
    worths = worth(known, like, dislike)
    assert (np.diff(worths[~np.isnan(worths)]) >= -1e-12).all()
    assert (worths[~np.isnan(worths)] <= 1).all()
    weights = listener_weights(worths, np.zeros(known.size, bool))
    assert (weights <= 0).all()
    assert np.isfinite(weights).all()


def test_where_a_dislike_costs_nothing_nobody_is_a_detractor() -> None:
    worths = worth(np.array([0.0, 0.01, 1.0]), like=1.0, dislike=0.0)
    assert (listener_weights(worths, np.ones(3, bool)) >= 0).all()
