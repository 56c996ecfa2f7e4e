"""People reached: each once, and certified."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import LinearConstraint, minimize

from engine.planning.constraints import Wishes, read_limits
from engine.planning.curves import Curves
from engine.planning.people import Crowd, allocate_people

LINEAR = np.full(1, 1e7)
"""A scale so large that impressions are as good as linear in money."""


def crowd_of(members: list[set[int]], counts: list[float], share: float = 1.0) -> Crowd:
    kind = np.concatenate([np.array(sorted(each)) for each in members])
    place = np.repeat(np.arange(len(members)), [len(each) for each in members])
    size = np.array([sum(counts[at] for at in each) for each in members])
    return Crowd(np.array(counts), kind, place, size * share, np.full(len(members), share))


def test_a_second_segment_of_the_same_people_adds_less():
    apart = crowd_of([{0}, {1}], [1000.0, 1000.0])
    same = crowd_of([{0}, {0}], [1000.0])
    seen = np.array([500.0, 500.0])
    assert apart.reached(apart.missed(seen)) == pytest.approx(2000 * (1 - np.exp(-0.5)))
    assert same.reached(same.missed(seen)) == pytest.approx(1000 * (1 - np.exp(-1.0)))


def test_nobody_beyond_a_channel_is_reached_there():
    crowd = crowd_of([{0}], [1000.0], share=0.3)
    assert crowd.reached(crowd.missed(np.array([1e9]))) == pytest.approx(300.0)


def test_money_leaves_the_segment_that_another_covers():
    curves = Curves(np.full((3, 1), 1e9), LINEAR)
    crowd = crowd_of([{0}, {0}, {1}], [1000.0, 1000.0])
    names = [("a", "one"), ("b", "one"), ("a", "two")]
    found = allocate_people(curves, crowd, read_limits(names, 20.0, Wishes()))
    together, other = found.cents[:2].sum(), found.cents[2]
    assert together == pytest.approx(other, rel=1e-3)
    assert found.gap < 1e-3


@pytest.mark.parametrize("wishes", [Wishes(), Wishes(maxima={"c0": 20.0}, minima={"c1": 40.0})])
def test_it_is_the_optimum_that_a_general_solver_finds(wishes):
    random = np.random.default_rng(5)
    curves = Curves(random.lognormal(4, 0.5, (6, 2)), np.array([30.0, 200.0]))
    members = [{0, 1}, {1, 2}, {0, 1}, {1, 2}, {3}, {3, 0}]
    crowd = crowd_of(members, [300.0, 200.0, 500.0, 400.0], share=0.6)
    names = [(f"c{at % 2}", f"s{at // 2}") for at in range(6)]
    limits = read_limits(names, 120.0, wishes)
    found = allocate_people(curves, crowd, limits)
    low, high, first, last = (part / 100 for part in limits.box)
    rows = np.vstack([(limits.channel == c) * 1.0 for c in range(2)])
    peer = minimize(
        lambda s: -crowd.reached(crowd.missed(curves.value(s))),
        np.full(6, 20.0),
        method="SLSQP",
        bounds=list(zip(low, high, strict=True)),
        constraints=[
            LinearConstraint(np.ones((1, 6)), 120.0, 120.0),
            LinearConstraint(np.vstack([rows, -rows]), -np.inf, [*last, *(-first)]),
        ],
        options={"ftol": 1e-12, "maxiter": 2000},
    )
    assert found.value >= -peer.fun * (1 - 2e-4)
    assert found.bound >= -peer.fun * (1 - 1e-9)
    assert found.gap < 1e-3
    assert found.cents.sum() == 12_000
