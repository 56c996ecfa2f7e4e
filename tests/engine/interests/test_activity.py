"""Activity: the odds of acting, and features of users, by definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.interests.activity import activity, user_features


@given(st.lists(st.integers(0, 50), min_size=1, max_size=20), st.integers(1, 40))
def test_activity_is_the_log_of_the_odds_of_having_acted(acts, products):
    found = activity(np.array(acts), products)
    for count, value in zip(acts, found, strict=True):
        done = min(count, products)
        assert value == pytest.approx(np.log((done + 0.5) / (products - done + 0.5)))


def test_more_acts_are_more_activity_up_to_all_products():
    found = activity(np.arange(12), 10)
    assert (np.diff(found[:11]) > 0).all()
    assert found[11] == found[10]
    assert found[5] == 0


def test_features_of_a_user_are_counts_rates_and_hinges():
    acts = np.array([0.0, 10.0])
    busy = activity(acts, 20)
    found = user_features(
        np.array([0.0, 6.0]), np.array([0.0, 3.0]), acts, bends=np.array([-1.0, 0.5]), busy=busy
    )
    assert found.shape == (2, 7)
    assert np.isfinite(found).all()
    assert found[1].tolist() == pytest.approx(
        [np.log(7), busy[1], np.log(4), 7 / 12, 4 / 12, busy[1] + 1, 0]
    )
