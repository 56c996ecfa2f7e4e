"""People reached, each counted once, however many placements show them something.

In: impressions of each placement, who is in which segments. Out: curves of reach, an allocation
and a bound. Never: a person counted twice because two segments hold them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.planning.budget import Allocation, allocate_concave
from engine.planning.constraints import Limits
from engine.planning.curves import Concave, newton
from engine.planning.rounding import CENTS, round_plan

Array = NDArray[Any]
ROUNDS, CLOSE, HALVINGS = 60, 3e-4, 12


@dataclass(frozen=True)
class Crowd:
    """Kinds of people: those of one kind are in the same segments.

    `counts` (k,) people of each kind. `kind` and `place` (e,) name which placements may reach
    which kinds. `people` (n,) who may be reached by a placement, `share` (n,) what part of its
    segment they are: those of the segment who are on its channel.
    """

    counts: Array
    kind: Array
    place: Array
    people: Array
    share: Array

    def missed(self, impressions: Array) -> Array:
        """The chance (n,) that somebody of a segment is not reached by a placement.

        Impressions fall on its people at random, so that those of a person follow Poisson's law.
        """
        return np.asarray(1.0 - self.share * -np.expm1(-impressions / self.people))

    def reached(self, missed: Array) -> float:
        """People reached by any placement; channels and segments miss them independently."""
        return float((self.counts * -np.expm1(self._logs(missed))).sum())

    def alone(self, missed: Array) -> Array:
        """People (n,) that a placement adds for each share of its segment that it reaches."""
        others = np.exp(self._logs(missed))[self.kind] / np.maximum(missed[self.place], 1e-300)
        return np.bincount(self.place, self.counts[self.kind] * others, self.people.size)

    def _logs(self, missed: Array) -> Array:
        logs = np.log(np.maximum(missed, 1e-300))[self.place]
        return np.asarray(np.bincount(self.kind, logs, self.counts.size))


@dataclass(frozen=True)
class ReachCurves:
    """`worth (1 - exp(-I(s) / people))` for curves I of impressions: concave as they are."""

    impressions: Concave
    people: Array
    worth: Array

    def __len__(self) -> int:
        return len(self.impressions)

    def take(self, rows: Array) -> ReachCurves:
        """The curves of some placements."""
        return ReachCurves(self.impressions.take(rows), self.people[rows], self.worth[rows])

    def value(self, spend: Array) -> Array:
        """People (n,) at a spend (n,)."""
        return np.asarray(self.worth * -np.expm1(-self.impressions.value(spend) / self.people))

    def slope(self, spend: Array) -> Array:
        """People of the next unit of money (n,)."""
        return self._fading(spend) * self.impressions.slope(spend)

    def bend(self, spend: Array) -> Array:
        """The slope's slope (n,)."""
        rate = self.impressions.slope(spend) ** 2 / self.people
        return self._fading(spend) * (self.impressions.bend(spend) - rate)

    def spend_at(
        self, price: Array, low: Array, high: Array, *, near: Array | None = None
    ) -> Array:
        """As of `Curves`: the logarithm of this slope is convex too."""
        return newton(self, price, (low, high), low if near is None else near)

    def _fading(self, spend: Array) -> Array:
        seen = self.impressions.value(spend) / self.people
        return np.asarray(self.worth / self.people * np.exp(-seen))


def allocate_people(impressions: Concave, crowd: Crowd, limits: Limits) -> Allocation:
    """Maximises the people reached at least once.

    The number is concave in all spends together: the chance to miss somebody is a product of
    convex logarithms. Each round the others' share in a placement's people is held fast, the
    plan best for that is sought, and a step is made towards it as far as more are reached. The
    bound is that of the tangent: no plan passes it (Frank & Wolfe 1956).
    """
    plan, bound = None, np.inf
    worth = np.bincount(crowd.place, crowd.counts[crowd.kind], crowd.people.size)
    for _ in range(ROUNDS):
        curves = ReachCurves(impressions, crowd.people, worth * crowd.share)
        wanted = allocate_concave(curves, limits)
        step = wanted.cents.astype(np.float64)
        plan = step if plan is None else _towards(plan, step, impressions, crowd)
        missed = crowd.missed(impressions.value(plan / CENTS))
        value, worth = crowd.reached(missed), crowd.alone(missed)
        own = replace(curves, worth=worth * crowd.share)
        bound = min(bound, value + _room(own.slope(plan / CENTS), plan, limits))
        if bound - value <= CLOSE * bound:
            break
    assert plan is not None
    whole = round_plan(plan, int(wanted.cents.sum()), limits.channel, limits.box)
    missed = crowd.missed(impressions.value(whole / CENTS))
    value = crowd.reached(missed)
    own = replace(curves, worth=crowd.alone(missed) * crowd.share)
    return Allocation(whole, value, max(bound, value), wanted.price, own.slope(whole / CENTS))


def _towards(plan: Array, step: Array, impressions: Concave, crowd: Crowd) -> Array:
    """The best of some points between two plans."""

    def reach(at: float) -> float:
        spend = (plan + at * (step - plan)) / CENTS
        return crowd.reached(crowd.missed(impressions.value(spend)))

    tried = [1.0, 0.75, *(0.5**power for power in range(1, HALVINGS))]
    best = max(tried, key=reach)
    return plan if reach(best) < reach(0.0) else plan + best * (step - plan)


def _room(slope: Array, plan: Array, limits: Limits) -> float:
    """How much more any plan could bring along the tangent: the dual of a linear programme.

    Any prices bound it. Those tried are the highest slopes among placements that could take more,
    in all and within channels that are at a limit.
    """
    low, high, first, last = limits.box
    free = (high > low) & (plan < high - 1)
    sums = np.bincount(limits.channel, plan, first.size)
    most = np.zeros(first.size)
    np.maximum.at(most, limits.channel[free], slope[free])
    full, least = sums >= last - 1, sums <= first + 1
    best = np.inf
    for price in (most[~full].max(initial=0.0), most.max(initial=0.0), float(np.median(slope))):
        own = np.where(full, np.maximum(most, price), price)
        own = np.where(least & ~full, np.minimum(most, price), own)
        each = slope - own[limits.channel]
        profit = np.maximum(each * low, each * high).sum()
        limited = np.maximum(own - price, 0.0) * last - np.maximum(price - own, 0.0) * first
        best = min(best, float(price * limits.budget + limited.sum() + profit))
    return max(0.0, (best - float(slope @ plan)) / CENTS)
