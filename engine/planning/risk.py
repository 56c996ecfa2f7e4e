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
ROUNDS, CLOSE, LOOSE, TERMS = (50, 400), 3e-4, 1e-3, 400_000
LOOK, LOOKS = 10, 5
SHARED = 160  # rounds at most where people are shared: more do not bring a rough look nearer


class Rough(Protocol):
    """Drawn worlds: what each brings at a spend, and curves of all of them around a spend.

    `around` are curves (n,) of placements, the others' money held fast at `spend`, in the mean of
    the worlds under `weights`. Where `apart`, nothing a placement brings depends on the others.
    """

    @property
    def apart(self) -> bool: ...
    @property
    def shape(self) -> tuple[int, int]: ...
    def outcomes(self, spend: Array) -> Array: ...
    def around(self, weights: Array, spend: Array) -> Concave: ...


class Worlds(Rough, Protocol):
    """Worlds as they are, with a `rough` look at them that costs less where people are shared.

    `mean` is the mean outcome under weights; `one` are the curves of a single world.
    """

    @property
    def rough(self) -> Rough: ...
    def mean(self, weights: Array, spend: Array) -> float: ...
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

    @property
    def rough(self) -> Apart:
        """The worlds as they are: a look at them costs little."""
        return self

    def mean(self, weights: Array, spend: Array) -> float:
        """The mean outcome of worlds under weights (draws,)."""
        return float(self.outcomes(spend) @ weights)

    def one(self, world: int, spend: Array) -> Concave:
        """The curves of a single world, wherever the money is."""
        return self.draws.one(world).over(self.days)


def allocate_careful(worlds: Worlds, limits: Limits, share: float) -> Allocation:
    """Maximises the mean outcome of the worst `share` of worlds (conditional value at risk).

    That mean is concave in the spends, and the least of all means whose weights none pass
    `1 / (share x worlds)` (Rockafellar & Uryasev 2000). Two sides take turns (fictitious play,
    Brown 1951): weights go to the worlds worst for the plans so far, and each plan is the best
    for the weights so far, which also bounds every plan. Where placements share people both play
    on a rough look at many worlds, for a plan that knows few of them fits their chance; its value
    and the bound, that of a tangent, are of the worlds as they are. `value` and `bound` are of the
    mean of the worst. `start`s are not looked at.
    """
    places, count = worlds.shape
    rough = worlds.rough
    weights, plan, bound = np.full(count, 1.0 / count), np.zeros(places), np.inf
    best, price = (-np.inf, plan), 0.0
    most = ROUNDS[1] if worlds.apart else SHARED
    rounds = int(np.clip(TERMS // max(places * count, 1) * ROUNDS[0], ROUNDS[0], most))
    for turn in range(1, rounds + 1):
        found = allocate_concave(rough.around(weights, plan / CENTS), limits)
        plan = plan + (found.cents - plan) / turn
        outcomes = rough.outcomes(plan / CENTS)
        worst = worst_weights(outcomes, share)
        value = float(outcomes @ worst)
        if value > best[0]:
            best, price = (value, plan), found.price
        if worlds.apart:
            bound = min(bound, found.bound)
        elif turn % LOOK == 0:
            slope = rough.around(weights, plan / CENTS).slope(plan / CENTS)
            bound = min(bound, float(outcomes @ weights) + room(slope, plan, limits))
        if bound * (1 - (CLOSE if worlds.apart else LOOSE)) <= best[0]:
            break
        weights = weights + (worst - weights) * 2.0 / (turn + 1.0)
    total = int(min(limits.budget, np.round(best[1].sum())))
    cents = round_plan(best[1], total, limits.channel, limits.box)
    if not worlds.apart:
        bound = _most(worlds, weights, best[1], limits)
    outcomes = worlds.outcomes(cents / CENTS)
    worst = worst_weights(outcomes, share)
    value = float(outcomes @ worst)
    marginal = rough.around(worst, cents / CENTS).slope(cents / CENTS)
    return Allocation(cents, value, max(bound, value), price, marginal)


def _most(worlds: Worlds, weights: Array, plan: Array, limits: Limits) -> float:
    """What no plan passes in the mean under weights: the lowest tangent on the way to the best."""
    bound = np.inf
    for _ in range(LOOKS):
        curves, value = worlds.around(weights, plan / CENTS), worlds.mean(weights, plan / CENTS)
        slope = curves.slope(plan / CENTS)
        bound = min(bound, value + room(slope, plan, limits))
        if bound - value <= CLOSE * bound:
            break
        step = allocate_concave(curves, limits).cents - plan
        # As far as a parabola through this value, its slope and the value halfway has its peak.
        rise = float(slope @ step) / CENTS
        bend = 4.0 * (worlds.mean(weights, (plan + 0.5 * step) / CENTS) - value - 0.5 * rise)
        plan = plan + step * (np.clip(-0.5 * rise / bend, 0.0, 1.0) if bend < 0 else 1.0)
    return float(bound)


def worst_weights(outcomes: Array, share: float) -> Array:
    """Weights (draws,) of the mean of the worst share: the last draw among them in part."""
    most = 1.0 / max(share * outcomes.size, 1.0)
    order = np.argsort(outcomes, kind="stable")
    weights = np.zeros(outcomes.size)
    left = np.maximum(1.0 - most * np.arange(outcomes.size), 0.0)
    weights[order] = np.minimum(most, left)
    return weights
