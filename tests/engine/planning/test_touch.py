"""Shares of people that money touches: one law for means, draws and mixtures of draws."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog

from engine.planning.constraints import Wishes, read_limits
from engine.planning.curves import Concave, Curves
from engine.planning.draws import Draws
from engine.planning.people import Kinds, room
from engine.planning.touch import Moved, Reached

DAYS, SPEND = 3, np.array([5.0, 40.0, 0.0, 120.0])
KINDS = Kinds(np.array([0, 0, 1, 2, 2]), np.array([0, 1, 2, 2, 3]), np.full(5, 50.0), 4)


def draws(kind: str) -> Draws:
    random = np.random.default_rng(4)
    ceiling = random.lognormal(3 if kind == "reached" else 1, 0.7, (4, 30))
    return Draws(ceiling, random.lognormal(3, 0.5, (4, 30)))


def touch(kind: str) -> Moved | Reached:
    if kind == "moved":
        return Moved(KINDS, np.array([1.0, 3.0, 0.5, 2.0]))
    return Reached(KINDS, KINDS.size * 0.4, np.full(4, 0.4))


BOTH = pytest.mark.parametrize("kind", ["moved", "reached"])


def checked(curves: Concave, value: np.ndarray) -> None:
    """Value, slope and its slope agree, and spends at a slope are found again."""
    step, free = 1e-4, SPEND + 1.0
    assert curves.value(SPEND) == pytest.approx(value)
    slope = (curves.value(free + step) - curves.value(free - step)) / (2 * step)
    bend = (curves.slope(free + step) - curves.slope(free - step)) / (2 * step)
    assert curves.slope(free) == pytest.approx(slope, rel=1e-5)
    assert curves.bend(free) == pytest.approx(bend, rel=1e-5)
    found = curves.spend_at(curves.slope(free), np.zeros(4), np.full(4, 1e4))
    assert found == pytest.approx(free, rel=1e-4)
    rows = np.array([3, 1])
    assert curves.take(rows).value(SPEND[rows]) == pytest.approx(value[rows])


@BOTH
def test_draws_touch_as_much_as_they_bring(kind):
    """The whole times the share touched is what the outcomes of a placement are worth."""
    some, how = draws(kind), touch(kind)
    each = how.each(some.outcome(SPEND, DAYS))
    shares = how.drawn(some, SPEND, DAYS)
    assert how.drawn_whole(some, DAYS) * shares == pytest.approx(each)
    assert ((shares >= 0) & (shares <= (0.4 if kind == "reached" else 1.0))).all()


@BOTH
def test_a_mixture_of_draws_is_their_weighed_sum(kind):
    some, how = draws(kind), touch(kind)
    factors = np.random.default_rng(1).random((4, 30))
    mixed = how.mixed(some, factors, DAYS)
    checked(mixed, (factors * how.drawn(some, SPEND, DAYS)).sum(1))


@BOTH
def test_means_touch_as_much_as_they_bring(kind):
    random, how = np.random.default_rng(2), touch(kind)
    curves = Curves(random.lognormal(2, 1, (4, 3)), np.array([10.0, 40.0, 200.0]))
    shares, each = how.mean(curves), how.each(curves.value(SPEND)[:, None])[:, 0]
    assert how.whole(curves) * shares.value(SPEND) == pytest.approx(each)
    factors = np.array([2.0, 0.5, 1.0, 7.0])
    checked(shares.times(factors), factors * shares.value(SPEND))


@pytest.mark.parametrize("seed", range(20))
def test_no_plan_is_above_the_tangent_by_more_than_its_room(seed):
    """Beside the linear programme that the room is a bound of."""
    random = np.random.default_rng(seed)
    names = [(f"c{at % 3}", f"s{at}") for at in range(9)]
    wishes = Wishes(maxima={"c0": 30.0, names[4]: 8.0}, minima={"c1": 25.0, names[2]: 3.0})
    limits = read_limits(names, 100.0, wishes)
    low, high, first, last = limits.box
    rows = np.vstack([(limits.channel == channel) * 1.0 for channel in range(3)])
    given = {"A_ub": np.vstack([rows, -rows]), "b_ub": np.r_[last, -first]}
    given |= {
        "A_eq": np.ones((1, 9)),
        "b_eq": [limits.budget],
        "bounds": list(zip(low, high, strict=True)),
    }
    slope = random.lognormal(0, 1, 9)
    plan = linprog(-random.random(9), **given).x
    best = -linprog(-slope, **given).fun
    most = room(slope, plan, limits)
    assert most >= (best - slope @ plan) / 100 - 1e-9
    there = linprog(-slope, **given).x
    assert room(slope, there, limits) <= 0.35 * best / 100


def test_a_channel_that_must_have_all_money_leaves_no_room():
    names = [("a", "one"), ("a", "two"), ("b", "one")]
    limits = read_limits(names, 100.0, Wishes(minima={"a": 100.0}))
    found = room(np.array([1.0, 1.0, 50.0]), np.array([4000.0, 6000.0, 0.0]), limits)
    assert found == pytest.approx(0.0, abs=1e-9)
