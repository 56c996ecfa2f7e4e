"""Plans for bad cases: the mean of the worst share of worlds that may be, instead of all.

In: drawn worlds, limits, a share. Out: an allocation, and a bound on what any plan reaches.
Never: a gap that is not told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.planning.budget import Allocation, allocate_concave
from engine.planning.constraints import Limits
from engine.planning.curves import Concave
from engine.planning.draws import Draws
from engine.planning.people import room
from engine.planning.rounding import CENTS, round_plan

Array = NDArray[Any]
ROUNDS, CLOSE, TERMS = (50, 400), 1e-3, 400_000
LOOK, LOOKS = 20, 12
SHARED = 160  # rounds at most where people are shared, which cost more


class Worlds(Protocol):
    """Drawn worlds: what each brings at a spend, and curves of all of them around a spend.

    `around` are curves (n,) of placements, the others' money held fast at `spend`, in the mean of
    the worlds under `weights`; `one` those of a single world. Where `apart`, nothing a placement
    brings depends on the others.
    """

    @property
    def apart(self) -> bool: ...
    @property
    def shape(self) -> tuple[int, int]: ...
    def outcomes(self, spend: Array) -> Array: ...
    def around(self, weights: Array, spend: Array) -> Concave: ...
    def one(self, world: int, spend: Array) -> Concave: ...


@dataclass(frozen=True)
class Apart:
    """Worlds in which all placements together bring the sum of what each does; `days` long."""

    draws: Draws
    days: float
    apart: bool = True

    @property
    def shape(self) -> tuple[int, int]:
        """Placements and worlds."""
        return self.draws.ceiling.shape[0], len(self.draws)

    def outcomes(self, spend: Array) -> Array:
        """What each world brings (draws,) at a spend (n,)."""
        return np.asarray(self.draws.outcome(spend, self.days).sum(0))

    def around(self, weights: Array, spend: Array) -> Concave:
        """The curves' mean under weights, wherever the money is."""
        return self.draws.mixed(weights).over(self.days)

    def one(self, world: int, spend: Array) -> Concave:
        """The curves of a single world, wherever the money is."""
        return self.draws.one(world).over(self.days)


def allocate_careful(worlds: Worlds, limits: Limits, share: float) -> Allocation:
    """Maximises the mean outcome of the worst `share` of worlds (conditional value at risk).

    That mean is concave in the spends, and the least of all means whose weights none pass
    `1 / (share x worlds)` (Rockafellar & Uryasev 2000). Two sides take turns (fictitious play,
    Brown 1951): weights go to the worlds worst for the plans so far, and each plan is the best
    for the weights so far, which also bounds every plan; where placements share people that is
    the best around the last plan, and the bound is that of the tangent. `value` and `bound` are
    of the mean of the worst. `start`s are not looked at.
    """
    places, count = worlds.shape
    weights, plan, bound = np.full(count, 1.0 / count), np.zeros(places), np.inf
    best, price = (-np.inf, plan), 0.0
    most = ROUNDS[1] if worlds.apart else SHARED
    rounds = int(np.clip(TERMS // max(places * count, 1) * ROUNDS[0], ROUNDS[0], most))
    for turn in range(1, rounds + 1):
        found = allocate_concave(worlds.around(weights, plan / CENTS), limits)
        if worlds.apart:
            bound = min(bound, found.bound)
        plan = plan + (found.cents - plan) / turn
        outcomes = worlds.outcomes(plan / CENTS)
        worst = worst_weights(outcomes, share)
        value = float(outcomes @ worst)
        if value > best[0]:
            best, price = (value, plan), found.price
        if not worlds.apart and (turn % LOOK == 0 or turn == rounds):
            bound = min(bound, _most(worlds, weights, plan, limits))
        if bound * (1 - CLOSE) <= best[0]:
            break
        weights = weights + (worst - weights) * 2.0 / (turn + 2.0)
    total = int(min(limits.budget, np.round(best[1].sum())))
    cents = round_plan(best[1], total, limits.channel, limits.box)
    outcomes = worlds.outcomes(cents / CENTS)
    worst = worst_weights(outcomes, share)
    value = float(outcomes @ worst)
    marginal = worlds.around(worst, cents / CENTS).slope(cents / CENTS)
    return Allocation(cents, value, max(bound, value), price, marginal)


def _most(worlds: Worlds, weights: Array, plan: Array, limits: Limits) -> float:
    """What no plan passes in the mean under weights: the lowest tangent on the way to the best."""
    bound = np.inf
    for _ in range(LOOKS):
        curves, value = worlds.around(weights, plan / CENTS), _mean(worlds, weights, plan)
        bound = min(bound, value + room(curves.slope(plan / CENTS), plan, limits))
        if bound - value <= CLOSE / 4 * bound:
            break
        step = allocate_concave(curves, limits).cents - plan
        plans = [plan + part * step for part in (1.0, 0.5, 0.25, 0.1)]
        values = [_mean(worlds, weights, each) for each in plans]
        if max(values) <= value:
            break
        plan = plans[int(np.argmax(values))]
    return float(bound)


def _mean(worlds: Worlds, weights: Array, plan: Array) -> float:
    return float(worlds.outcomes(plan / CENTS) @ weights)


def worst_weights(outcomes: Array, share: float) -> Array:
    """Weights (draws,) of the mean of the worst share: the last draw among them in part."""
    most = 1.0 / max(share * outcomes.size, 1.0)
    order = np.argsort(outcomes, kind="stable")
    weights = np.zeros(outcomes.size)
    left = np.maximum(1.0 - most * np.arange(outcomes.size), 0.0)
    weights[order] = np.minimum(most, left)
    return weights
