"""People reached: each once, and certified."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import LinearConstraint, minimize

from engine.errors import PlanInfeasible
from engine.planning.budget import allocate_concave
from engine.planning.constraints import Wishes, read_limits
from engine.planning.curves import Curves
from engine.planning.draws import Draws
from engine.planning.people import Kinds, allocate_people
from engine.planning.risk import allocate_careful, worst_weights
from engine.planning.switches import allocate_switched
from engine.planning.together import Together
from engine.planning.touch import Moved, Reached

LINEAR = np.full(1, 1e7)
"""A scale so large that impressions are as good as linear in money."""


def kinds_of(members: list[set[int]], counts: list[float]) -> Kinds:
    kind = np.concatenate([np.array(sorted(each)) for each in members])
    place = np.repeat(np.arange(len(members)), [len(each) for each in members])
    return Kinds(kind, place, np.array(counts)[kind], len(members))


def reach_of(members: list[set[int]], counts: list[float], share: float = 1.0) -> Reached:
    kinds = kinds_of(members, counts)
    return Reached(kinds, kinds.size * share, np.full(kinds.count, share))


def people_at(touch: Reached, impressions: np.ndarray) -> float:
    """People reached by so many impressions of each placement."""
    shares = touch.each(impressions[:, None])[:, 0] / touch.kinds.size
    return touch.kinds.ranked(touch.kinds.size).brought(1.0 - shares)


def test_a_second_segment_of_the_same_people_adds_less():
    apart = reach_of([{0}, {1}], [1000.0, 1000.0])
    same = reach_of([{0}, {0}], [1000.0])
    seen = np.array([500.0, 500.0])
    assert people_at(apart, seen) == pytest.approx(2000 * (1 - np.exp(-0.5)))
    assert people_at(same, seen) == pytest.approx(1000 * (1 - np.exp(-1.0)))


def test_nobody_beyond_a_channel_is_reached_there():
    touch = reach_of([{0}], [1000.0], share=0.3)
    assert people_at(touch, np.array([1e9])) == pytest.approx(300.0)


def test_money_leaves_the_segment_that_another_covers():
    curves = Curves(np.full((3, 1), 1e9), LINEAR)
    touch = reach_of([{0}, {0}, {1}], [1000.0, 1000.0])
    crowd = touch.kinds.ranked(touch.whole(curves))
    names = [("a", "one"), ("b", "one"), ("a", "two")]
    found = allocate_people(touch.mean(curves), crowd, read_limits(names, 20.0, Wishes()))
    together, other = found.cents[:2].sum(), found.cents[2]
    assert together == pytest.approx(other, rel=1e-3)
    assert found.gap < 1e-3


def solved(total, names, budget, limits) -> float:
    """The most of a total by a general solver, from an equal split."""
    low, high, first, last = (part / 100 for part in limits.box)
    rows = np.vstack([(limits.channel == c) * 1.0 for c in range(first.size)])
    count = len(names)
    peer = minimize(
        lambda s: -total(s),
        np.full(count, budget / count),
        method="SLSQP",
        bounds=list(zip(low, high, strict=True)),
        constraints=[
            LinearConstraint(np.ones((1, count)), budget, budget),
            LinearConstraint(np.vstack([rows, -rows]), -np.inf, [*last, *(-first)]),
        ],
        options={"ftol": 1e-12, "maxiter": 2000},
    )
    return -peer.fun


MEMBERS = [{0, 1}, {1, 2}, {0, 1}, {1, 2}, {3}, {3, 0}]
COUNTS = [300.0, 200.0, 500.0, 400.0]
NAMES = [(f"c{at % 2}", f"s{at // 2}") for at in range(6)]
EITHER = pytest.mark.parametrize(
    "wishes", [Wishes(), Wishes(maxima={"c0": 20.0}, minima={"c1": 40.0})]
)


def touches(kind: str, random: np.random.Generator) -> Moved | Reached:
    if kind == "reached":
        return reach_of(MEMBERS, COUNTS, share=0.6)
    return Moved(kinds_of(MEMBERS, COUNTS), random.lognormal(0, 0.5, 6))


@EITHER
@pytest.mark.parametrize("kind", ["reached", "moved"])
def test_it_is_the_optimum_that_a_general_solver_finds(wishes, kind):
    random = np.random.default_rng(5)
    curves = Curves(random.lognormal(4, 0.5, (6, 2)), np.array([30.0, 200.0]))
    touch = touches(kind, random)
    shares, crowd = touch.mean(curves), touch.kinds.ranked(touch.whole(curves))
    limits = read_limits(NAMES, 120.0, wishes)
    found = allocate_people(shares, crowd, limits)
    best = solved(lambda s: crowd.brought(1.0 - shares.value(s)), NAMES, 120.0, limits)
    assert found.value >= best * (1 - 3e-4)
    assert found.bound >= best * (1 - 1e-9)
    assert found.gap < 1e-3
    assert found.cents.sum() == 12_000


def test_whoever_two_placements_move_counts_for_the_better():
    """Every combination of who moves whom, weighed by its chance."""
    random = np.random.default_rng(2)
    kinds, whole = kinds_of(MEMBERS, COUNTS), random.lognormal(2, 1, 6)
    missed, each, truth = random.random(6), whole / kinds.size, 0.0
    for number, people in enumerate(COUNTS):
        places = [at for at, members in enumerate(MEMBERS) if number in members]
        for moved in itertools.product((False, True), repeat=len(places)):
            chance = np.prod([
                1 - missed[at] if yes else missed[at]
                for at, yes in zip(places, moved, strict=True)
            ])  # fmt: skip
            best = max((each[at] for at, yes in zip(places, moved, strict=True) if yes), default=0)
            truth += people * chance * best
    crowd = kinds.ranked(whole)
    assert crowd.brought(missed) == pytest.approx(truth)
    assert (crowd.kept(missed) * (1 - missed) * whole).sum() == pytest.approx(truth)
    step = 1e-6
    for at in range(6):
        less = missed - step * (np.arange(6) == at)
        added = (crowd.brought(less) - crowd.brought(missed)) / step
        assert crowd.alone(missed)[at] == pytest.approx(added, rel=1e-4)


def test_apart_is_the_sum_and_nobody_is_no_division_by_nothing():
    kinds = kinds_of([{0}, {1}], [10.0, 0.0])
    crowd = kinds.ranked(np.array([5.0, 0.0]))
    assert crowd.brought(np.array([0.5, 0.5])) == pytest.approx(2.5)
    assert np.isfinite(crowd.alone(np.zeros(2))).all()
    none = Kinds(np.zeros(0, int), np.zeros(0, int), np.zeros(0), 2).ranked(np.zeros(2))
    assert none.brought(np.ones(2)) == 0
    assert none.alone(np.ones(2)).tolist() == none.kept(np.ones(2)).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("kind", ["reached", "moved"])
def test_who_starts_at_a_least_amount_is_chosen_as_well_as_by_trying_all(kind):
    """People shared: every choice of on and off, each solved by itself."""
    random = np.random.default_rng(5)
    curves = Curves(random.lognormal(4, 0.5, (6, 2)), np.array([30.0, 200.0]))
    touch = touches(kind, random)
    shares, crowd = touch.mean(curves), touch.kinds.ranked(touch.whole(curves))
    starts = {NAMES[at]: 35.0 for at in range(4)}

    def solve(limits):
        return allocate_people(shares, crowd, limits)

    def around(spend):
        return shares.times(crowd.alone(1.0 - shares.value(spend)))

    limits = read_limits(NAMES, 120.0, Wishes(starts=starts, maxima={"c1": 70.0}))
    found = allocate_switched(solve, around, limits, branches=60)
    best = 0.0
    for on in itertools.product((False, True), repeat=4):
        minima = {place: 35.0 for place, yes in zip(starts, on, strict=True) if yes}
        maxima = {place: 0.0 for place, yes in zip(starts, on, strict=True) if not yes}
        try:
            wishes = Wishes(minima=minima, maxima=maxima | {"c1": 70.0})
            best = max(best, solve(read_limits(NAMES, 120.0, wishes)).value)
        except PlanInfeasible:
            continue
    assert found.value == pytest.approx(best, rel=1e-3)
    assert found.bound >= best * (1 - 1e-6)
    assert found.gap < 1e-3
    assert ((found.cents[:4] == 0) | (found.cents[:4] >= 3500)).all()


@pytest.mark.parametrize("kind", ["reached", "moved"])
def test_no_plan_does_better_in_bad_worlds_by_more_than_the_gap(kind):
    """A careful plan of shared people, beside many others."""
    random = np.random.default_rng(8)
    touch = touches(kind, random)
    draws = Draws(random.lognormal(2, 1, (6, 60)), random.lognormal(2, 0.5, (6, 60)))
    if kind == "reached":
        draws = Draws(100 * draws.ceiling, draws.scale)
    worlds = Together(draws, touch, 2)
    limits = read_limits(NAMES, 60.0, Wishes(maxima={"c1": 40.0}))
    found = allocate_careful(worlds, limits, 0.2)

    def worst(spend) -> float:
        outcomes = worlds.outcomes(spend)
        return float(outcomes @ worst_weights(outcomes, 0.2))

    assert found.cents.sum() == 6000
    assert found.value == pytest.approx(worst(found.spend))
    assert found.gap < 1e-2
    for _ in range(300):
        other = 0.5 * found.spend + 0.5 * 60.0 * random.dirichlet(np.full(6, 0.7))
        if other[1::2].sum() <= 40.0:
            assert worst(other) <= found.bound
            assert worst(other) <= found.value * (1 + 1e-2)
    mean = worlds.around(np.full(60, 1 / 60), found.spend)
    careless = allocate_concave(mean, limits)
    assert worst(careless.spend) < found.value
    single = worlds.one(3, found.spend)
    wanted = worlds.around(np.eye(60)[3], found.spend)
    assert single.slope(found.spend) == pytest.approx(wanted.slope(found.spend))


def test_a_placement_that_misses_next_to_nobody_still_counts():
    """Beside kinds of many people, whose sums would swallow what is left of it."""
    kinds = Kinds(np.arange(3), np.arange(3), np.full(3, 100.0), 3)
    crowd = kinds.ranked(np.array([1e6, 100.0, 1e6]))
    for missed in (1e-3, 1e-9, 1e-15, 1e-40, 0.0):
        alone = crowd.alone(np.array([0.3, missed, 1.0]))
        assert alone == pytest.approx([1e6, 100.0, 1e6], rel=1e-5)
