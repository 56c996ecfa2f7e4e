"""Drawn worlds whose placements share people: exact however they are looked at, rough but near."""

from __future__ import annotations

import numpy as np
import pytest

from engine.planning import together
from engine.planning.budget import Allocation
from engine.planning.constraints import Wishes, read_limits
from engine.planning.draws import Draws
from engine.planning.people import Kinds
from engine.planning.risk import allocate_careful, worst_weights
from engine.planning.together import Rough, Together
from engine.planning.touch import Moved, Reached, Touch

PLACES, DAYS, PEOPLE = 24, 7, 300
NAMES = [(f"c{at % 3}", f"s{at // 3}") for at in range(PLACES)]
RANDOM = np.random.default_rng(11)
MEMBERS = np.argwhere(RANDOM.random((PEOPLE, PLACES)) < 0.3)
KINDS = Kinds(MEMBERS[:, 0], MEMBERS[:, 1], np.full(len(MEMBERS), 10.0), PLACES)
CEILING, SCALE = RANDOM.lognormal(1, 1, PLACES), RANDOM.lognormal(3, 0.5, PLACES)
UNSURE = np.where(np.arange(PLACES) % 2 == 0, 0.1, 1.0)
LIMITS = read_limits(NAMES, PLACES * 60.0, Wishes(maxima={"c1": PLACES * 30.0}))
SPEND = np.full(PLACES, 60.0)
KIND = pytest.mark.parametrize("kind", ["moved", "reached"])


def worlds_of(kind: str, count: int, *, seed: int = 0, unsure: float = 1.0) -> Together:
    """Every second placement may bring far more or less, those of a channel alike."""
    random, spread = np.random.default_rng(seed), unsure * UNSURE
    alike = random.standard_normal((3, count))[np.arange(PLACES) % 3]
    chance = 0.8 * alike + 0.6 * random.standard_normal((PLACES, count))
    factor = np.exp(spread[:, None] * chance)
    ceiling = CEILING[:, None] * factor * np.exp(-0.5 * spread**2)[:, None]
    touch: Touch = Moved(KINDS, np.linspace(1.0, 2.0, PLACES))
    if kind == "reached":
        ceiling = 10.0 * ceiling
        touch = Reached(KINDS, KINDS.size * 0.6, np.full(PLACES, 0.6))
    return Together(Draws(ceiling, np.repeat(SCALE[:, None], count, axis=1)), touch, DAYS)


def bad(worlds: Together, found: Allocation, share: float) -> float:
    outcomes = worlds.outcomes(found.spend)
    return float(outcomes @ worst_weights(outcomes, share))


@KIND
def test_worlds_looked_at_by_blocks_are_those_looked_at_one_by_one(kind, monkeypatch):
    monkeypatch.setattr(together, "BLOCK", 3 * MEMBERS.shape[0])
    worlds = worlds_of(kind, 8)
    missed = 1.0 - worlds.touch.drawn(worlds.draws, SPEND, DAYS)
    crowds = [KINDS.ranked(worlds.whole[:, at]) for at in range(8)]
    each = [float(crowd.brought(missed[:, at])) for at, crowd in enumerate(crowds)]
    weights = np.array([0.0, 0.5, 0.0, 0.0, 0.0, 0.2, 0.3, 0.0])
    assert worlds.outcomes(SPEND) == pytest.approx(each)
    assert worlds.mean(weights, SPEND) == pytest.approx(float(each @ weights))
    slopes = [worlds.one(at, SPEND).slope(SPEND) for at in range(8)]
    slope = worlds.around(weights, SPEND).slope(SPEND)
    assert slope == pytest.approx(np.array(slopes).T @ weights)
    step = 1e-3
    for at, more in enumerate(np.eye(PLACES)[:3] * step):
        gained = worlds.mean(weights, SPEND + more) - worlds.mean(weights, SPEND - more)
        assert slope[at] == pytest.approx(gained / (2 * step), rel=1e-4)


@KIND
def test_a_rough_look_is_exact_where_worlds_do_not_differ(kind):
    worlds = worlds_of(kind, 5, unsure=0.0)
    rough, weights = Rough(worlds), np.full(5, 0.2)
    assert rough.outcomes(SPEND) == pytest.approx(worlds.outcomes(SPEND))
    slopes = (each.around(weights, SPEND).slope(SPEND) for each in (rough, worlds))
    assert next(slopes) == pytest.approx(next(slopes))


@KIND
def test_few_worlds_are_looked_at_as_they_are(kind, monkeypatch):
    worlds = worlds_of(kind, 5)
    assert worlds.rough is worlds
    monkeypatch.setattr(together, "FEW", 10)
    assert isinstance(worlds_of(kind, 5).rough, Rough)


@KIND
def test_careful_plans_of_shared_people_do_better_in_bad_worlds_never_seen(kind):
    """Beside the plan for the mean: a plan for few drawn worlds would fit their chance."""
    worlds, fresh = worlds_of(kind, 400), worlds_of(kind, 600, seed=1)
    assert not isinstance(worlds.rough, Together)
    mean = allocate_careful(worlds, LIMITS, 1.0)
    careful = allocate_careful(worlds, LIMITS, 0.2)
    assert careful.cents.sum() == LIMITS.budget
    assert careful.gap < 1e-2
    assert bad(fresh, careful, 0.2) > bad(fresh, mean, 0.2) * 1.01
    random = np.random.default_rng(2)
    for _ in range(100):
        other = random.dirichlet(np.full(PLACES, 2.0)) * LIMITS.budget / 100
        other = 0.7 * careful.spend + 0.3 * other
        if other[1::3].sum() <= PLACES * 30.0:
            outcomes = worlds.outcomes(other)
            assert outcomes @ worst_weights(outcomes, 0.2) <= careful.bound
