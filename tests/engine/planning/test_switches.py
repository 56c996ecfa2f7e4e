"""Least amounts of those that are on: exact where few, with a gap told where many."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest

from engine.errors import PlanInfeasible
from engine.planning.budget import Allocation, allocate_concave
from engine.planning.constraints import Limits, Wishes, read_limits
from engine.planning.curves import Curves
from engine.planning.switches import LOOSE, allocate, allocate_switched


def planted(count: int, seed: int) -> tuple[Curves, list[tuple[str, str]]]:
    random = np.random.default_rng(seed)
    curves = Curves(random.lognormal(0, 1, (count, 4)), np.exp(np.linspace(1, 6, 4)))
    return curves, [(f"c{at % 2}", f"s{at}") for at in range(count)]


def best_of_all(curves: Curves, names, budget: float, starts: dict, high: dict) -> float:
    """Every choice of switches, each solved by itself."""
    best = -np.inf
    for chosen in itertools.product((False, True), repeat=len(starts)):
        minima, maxima = {}, dict(high)
        for on, (place, start) in zip(chosen, starts.items(), strict=True):
            (minima if on else maxima)[place] = start if on else 0.0
        try:
            limits = read_limits(names, budget, Wishes(minima=minima, maxima=maxima))
        except PlanInfeasible:
            continue
        best = max(best, allocate_concave(curves, limits).value)
    return best


def plain(curves: Curves) -> Callable[[Limits], Allocation]:
    return lambda limits: allocate_concave(curves, limits)


SOLVERS = pytest.mark.parametrize(
    "solve",
    [
        lambda curves, limits, branches: allocate(curves, limits, branches=branches),
        lambda curves, limits, branches: allocate_switched(
            plain(curves), lambda spend: curves, limits, branches=branches
        ),
    ],
    ids=["sums", "any goal"],
)


@SOLVERS
@pytest.mark.parametrize("seed", range(3))
def test_few_switches_are_set_as_well_as_by_trying_all(seed, solve):
    curves, names = planted(5, seed)
    starts = {place: 25.0 + 12 * at for at, place in enumerate(names[:4])} | {"c1": 90.0}
    limits = read_limits(names, 150.0, Wishes(starts=starts, maxima={names[4]: 60.0}))
    found = solve(curves, limits, 200)
    truth = best_of_all(curves, names, 150.0, starts, {names[4]: 60.0})
    assert found.value == pytest.approx(truth, rel=LOOSE)
    assert found.gap <= LOOSE
    assert found.bound >= truth * (1 - 1e-9)
    on = found.cents[:4] > 0
    assert (found.cents[:4][on] >= limits.start[:4][on]).all()


def test_many_switches_keep_their_least_and_tell_the_gap():
    curves, names = planted(120, 7)
    limits = read_limits(names, 3000.0, Wishes(starts=dict.fromkeys(names, 60.0)))
    found = allocate(curves, limits, branches=10)
    assert ((found.cents == 0) | (found.cents >= 6000)).all()
    assert found.cents.sum() == 300_000
    assert 0 <= found.gap < 0.01
    other = allocate_switched(plain(curves), lambda spend: curves, limits, branches=10)
    assert ((other.cents == 0) | (other.cents >= 6000)).all()
    assert found.value * 0.995 <= other.value <= found.bound
    assert other.bound >= found.value


@pytest.mark.parametrize("branches", [1, 2, 3, 200])
@pytest.mark.parametrize("seed", range(3))
def test_nothing_passes_the_bound_however_bad_the_plan(seed, branches):
    """Switches set at first by curves that are wrong: the truth lies between value and bound."""
    curves, names = planted(5, seed)
    starts = {place: 45.0 + 12 * at for at, place in enumerate(names[:4])}
    limits = read_limits(names, 150.0, Wishes(starts=starts, maxima={names[4]: 20.0}))
    truth = best_of_all(curves, names, 150.0, starts, {names[4]: 20.0})
    wrong = Curves(1.0 / curves.weights, curves.scales)
    found = allocate_switched(plain(curves), lambda spend: wrong, limits, branches=branches)
    assert found.value <= truth * (1 + 1e-9)
    assert found.bound >= truth * (1 - 1e-9)
    assert found.bound <= plain(curves)(limits).bound * (1 + 1e-9)
    if branches == 200:
        assert found.gap <= LOOSE


def test_a_bound_that_is_none_is_no_proof():
    found = Allocation(np.array([1]), 5.0, np.inf, 1.0, np.ones(1))
    assert found.gap == 1.0


def test_a_budget_below_every_start_is_told_so():
    _, names = planted(4, 1)
    for starts in (dict.fromkeys(names, 60.0), {"c0": 60.0, "c1": 70.0}):
        with pytest.raises(PlanInfeasible, match=r"needs 60.00 of a budget of 10.00"):
            read_limits(names, 10.0, Wishes(starts=starts))
    rest = read_limits(names, 10.0, Wishes(starts=dict.fromkeys(names[1:], 60.0)))
    assert rest.high.tolist() == [1000, 0, 0, 0]
