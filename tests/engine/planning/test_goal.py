"""A goal's numbers agree with each other, where people are shared and where they are not."""

from __future__ import annotations

import numpy as np
import pytest

from engine.planning.constraints import Wishes, read_limits
from engine.planning.curves import Curves
from engine.planning.draws import Draws
from engine.planning.funnel import Rates
from engine.planning.goal import UNITS, Goal
from engine.planning.people import Kinds
from engine.planning.touch import Moved, Reached, Touch

DAYS = 4
SPEND = np.array([60.0, 90.0, 40.0])
KINDS = Kinds(np.array([0, 0, 1, 2, 2]), np.array([0, 1, 1, 1, 2]), np.full(5, 80.0), 3)
LIMITS = read_limits([("a", "one"), ("a", "two"), ("b", "one")], 190.0, Wishes())


def goal(kind: str, worth: float = 1.0) -> Goal:
    """Worlds that differ by a factor of their own, and curves that are their mean."""
    ceiling, scale = np.array([30.0, 20.0, 25.0]), np.array([20.0, 15.0, 30.0])
    factor = np.exp(np.random.default_rng(3).normal(0, 0.3, (3, 400)) - 0.045)
    draws = Draws(ceiling[:, None] * factor, np.repeat(scale[:, None], 400, axis=1))
    touch: Touch | None = None
    if kind == "moved":
        touch = Moved(KINDS, np.full(3, worth))
    if kind == "reached":
        touch = Reached(KINDS, KINDS.size * 0.5, np.full(3, 0.5))
    rates = Rates(np.zeros(3), np.zeros(3))
    return Goal(
        Curves(ceiling[:, None], scale[:, None]).over(DAYS),
        draws,
        np.full(3, worth),
        DAYS,
        0.0,
        (rates, rates),
        60,
        UNITS["awareness" if kind == "reached" else "sales"],
        touch,
    )


KINDS_OF_GOALS = pytest.mark.parametrize("kind", ["apart", "moved", "reached"])


@KINDS_OF_GOALS
def test_marginals_are_what_the_next_unit_of_money_brings(kind):
    asked, step = goal(kind, 2.0 if kind != "reached" else 1.0), 1e-4
    for at, more in enumerate(np.eye(3) * step):
        gained = (asked.value(SPEND + more) - asked.value(SPEND - more)) / (2 * step)
        assert asked.marginal(SPEND)[at] == pytest.approx(gained, rel=1e-5)


@KINDS_OF_GOALS
def test_outcomes_lie_about_what_is_expected(kind):
    asked = goal(kind)
    each, whole = asked.expected(SPEND)
    drawn, total = asked.outcomes(SPEND, seed=1)
    assert drawn.mean(1) == pytest.approx(each, rel=0.06)
    assert total.mean() == pytest.approx(whole, rel=0.04)
    together = each.sum() if kind == "apart" else 0.99 * each.sum()
    assert whole <= together * (1 + 1e-9)
    if kind == "reached":
        assert total.max() <= 240


@pytest.mark.parametrize("kind", ["apart", "moved"])
def test_what_is_counted_times_its_worth_is_what_is_expected(kind):
    asked = goal(kind, 3.0)
    assert 3.0 * asked.counted(SPEND) == pytest.approx(asked.value(SPEND))


@pytest.mark.parametrize("kind", ["moved", "reached"])
def test_careful_plans_count_people_once_too(kind):
    asked = goal(kind)
    assert not asked.worlds.apart
    assert asked.worlds.shape == (3, 400)  # a plan for few worlds would fit their chance
    mean, careful = asked.best(LIMITS, risk=0.0), asked.best(LIMITS, risk=0.2)
    assert careful.value < mean.value
    if kind == "moved":
        assert careful.bound < 0.98 * goal("apart").best(LIMITS, risk=0.2).value
    assert careful.cents.sum() == mean.cents.sum() == 19_000
    assert mean.gap < 1e-3
    assert careful.gap < 1e-2
