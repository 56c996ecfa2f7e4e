"""Posts placed by dynamic programming: no other choice is better, tried one by one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from engine.planning.spacing import chain, chain_totals, share_out


def weeks(draw_seed: int, hours: int = 10):
    random = np.random.default_rng(draw_seed)
    worth = random.random(hours)
    worth[random.random(hours) < 0.15] = -np.inf
    distance = int(random.integers(1, 4))
    loss = 0.5 * np.exp(-np.arange(hours + 1) / 3.0)
    loss[int(random.integers(1, hours + 2)) :] = 0.0
    loss[:distance] = np.inf
    return worth, loss


def value_of(chosen, worth, loss):
    """What posts in these hours bring, or -inf where they are too close; the slow way."""
    size, total = worth.size, 0.0
    for place, hour in enumerate(chosen):
        gap = hour - chosen[place - 1] if place else hour + size - chosen[-1]
        if np.isinf(loss[gap]) or np.isinf(worth[hour]):
            return -np.inf
        total += worth[hour] * (1 - loss[gap])
    return total


@hypothesis_settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 4))
def test_no_other_week_of_so_many_posts_is_better(seed, posts):
    worth, loss = weeks(seed)
    best = max(
        value_of(chosen, worth, loss) for chosen in itertools.combinations(range(worth.size), posts)
    )
    found = chain_totals(worth, loss, posts)[posts]
    assert found == pytest.approx(best) or (np.isinf(found) and np.isinf(best))
    if np.isfinite(found):
        assert value_of(list(chain(worth, loss, posts)), worth, loss) == pytest.approx(best)


@hypothesis_settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 7), st.booleans())
def test_no_other_sharing_out_is_better(seed, budget, all_of_it):
    random = np.random.default_rng(seed)
    totals = [np.cumsum(random.normal(0.3, 1.0, 5)) - 0.0 for _ in range(3)]
    for total in totals:
        total[0] = 0.0
    costs = [int(cost) for cost in random.integers(1, 3, 3)]
    every = [
        (sum(n * c for n, c in zip(posts, costs, strict=True)), posts)
        for posts in itertools.product(range(5), repeat=3)
    ]
    within = [(spent, posts) for spent, posts in every if spent <= budget]
    if all_of_it:
        most = max(spent for spent, _ in within)
        within = [(spent, posts) for spent, posts in within if spent == most]
    best = max(sum(t[n] for t, n in zip(totals, posts, strict=True)) for _, posts in within)
    found = share_out(totals, costs, budget, all_of_it=all_of_it)
    assert sum(t[n] for t, n in zip(totals, found, strict=True)) == pytest.approx(best)
