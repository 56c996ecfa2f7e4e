"""The cap on what one account weighs: it bites the few that outweigh everybody, and nobody else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine import settings
from engine.settings import Section
from engine.signals.integrity import cap_weights
from tests.worlds import small, tiny

RULES = settings.load("integrity", Path("nowhere"))["weights"]


def rules(quantile: float, times: float) -> Section:
    return Section("weights", {"quantile": quantile, "times": times})


@example([(0, 6.892215251132287e-23)], 0.5, 2.0)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.floats(0, 10, width=32)), min_size=1, max_size=80),
    st.floats(0.5, 0.99),
    st.floats(1.0, 20.0),
)
def test_no_account_is_above_the_cap_and_those_below_keep_their_weights(pairs, quantile, times):
    accounts = np.array([account for account, _ in pairs])
    weights = np.array([weight for _, weight in pairs], np.float32)
    capped = cap_weights(accounts, weights, rules(quantile, times))
    total, after = np.bincount(accounts, weights), np.bincount(accounts, capped)
    if not total.any():
        assert (capped == weights).all()
        return
    cap = times * np.quantile(total[total > 0], quantile, method="higher")
    assert (after <= cap * (1 + 1e-5) + 1e-6).all()
    below = total <= cap * (1 - 1e-6)
    assert (capped[below[accounts]] == weights[below[accounts]]).all()
    assert capped.dtype == np.float32


def test_one_account_that_likes_everything_weighs_no_more_than_a_few():
    accounts = np.concatenate([np.repeat(np.arange(1000), 20), np.full(100_000, 1000)])
    capped = cap_weights(accounts, np.ones(accounts.size, np.float32), RULES)
    assert np.bincount(accounts, capped)[1000] == pytest.approx(RULES.times * 20, rel=1e-3)


@pytest.mark.parametrize("world", [tiny, small])
def test_nobody_is_capped_in_a_world_without_attacks(world):
    opinions = world().events.filter(world().events["action"].is_in(["like", "dislike"]))
    accounts = opinions["user_id"].rank("dense").to_numpy().astype(np.int64) - 1
    weights = np.ones(accounts.size, np.float32)
    assert (cap_weights(accounts, weights, RULES) == weights).all()
