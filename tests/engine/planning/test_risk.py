"""Plans for bad cases: better there than the plan for the mean, and certified."""

from __future__ import annotations

import numpy as np
import pytest

from engine.planning.budget import allocate_concave
from engine.planning.constraints import Wishes, read_limits
from engine.planning.draws import Draws
from engine.planning.exploring import explore
from engine.planning.risk import Apart, allocate_careful, worst_weights

NAMES = [("a", "sure"), ("a", "gamble")]


def one_sure_one_gamble(draws: int = 100) -> Draws:
    """The gamble brings more on average, and in every second world nothing."""
    ceiling = np.vstack([np.full(draws, 10.0), np.tile([0.0, 30.0], draws // 2)])
    return Draws(ceiling, np.full((2, draws), 100.0))


def test_the_worst_share_is_weighed_in_full_and_in_part():
    assert worst_weights(np.array([3.0, 1.0, 2.0, 4.0]), 0.375).tolist() == pytest.approx(
        [0.0, 2 / 3, 1 / 3, 0.0]
    )


def test_a_share_of_less_than_one_world_is_the_worst_of_them():
    assert worst_weights(np.array([3.0, 1.0, 2.0]), 0.01).tolist() == [0.0, 1.0, 0.0]


def test_a_careful_plan_leaves_the_gamble_and_does_better_in_bad_worlds():
    draws, limits = one_sure_one_gamble(), read_limits(NAMES, 80.0, Wishes())
    mean = allocate_concave(draws.mixed(np.full(100, 0.01)), limits)
    careful = allocate_careful(Apart(draws, 1), limits, 0.2)
    assert mean.cents[1] > mean.cents[0]
    assert careful.cents[0] > 7800
    assert careful.gap < 5e-3
    outcomes = draws.outcome(mean.spend).sum(0)
    assert careful.value > outcomes @ worst_weights(outcomes, 0.2)


def test_curiosity_moves_its_share_and_no_more():
    draws, limits = one_sure_one_gamble(), read_limits(NAMES, 80.0, Wishes(maxima={NAMES[1]: 50.0}))
    best = np.array([8000, 0])
    found = explore(best, Apart(draws, 1), limits, 0.2)
    assert found.sum() == 8000
    assert 0 < found[1] <= 1600
    assert explore(best, Apart(draws, 1), limits, 0.0).tolist() == best.tolist()


def test_curiosity_keeps_locks_and_minima():
    draws = one_sure_one_gamble()
    limits = read_limits(NAMES, 80.0, Wishes(locks={NAMES[1]: 1.23}))
    best = allocate_concave(draws.mixed(np.full(100, 0.01)), limits).cents
    assert explore(best, Apart(draws, 1), limits, 0.5)[1] == 123


def test_curiosity_does_not_switch_on_what_is_off():
    wishes = Wishes(starts={NAMES[1]: 5.0, "b": 6.0})
    limits = read_limits([*NAMES, ("b", "other"), ("b", "more")], 80.0, wishes)
    ceiling = np.vstack([np.full(60, 10.0), np.full((3, 60), 8.0)])
    draws = Draws(ceiling, np.full((4, 60), 100.0))
    best = np.array([8000, 0, 0, 0])
    assert explore(best, Apart(draws, 1), limits, 0.5).tolist() == best.tolist()
