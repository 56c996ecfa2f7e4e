"""The best split of a budget over placements, with a proof of how near it is to the best.

In: concave curves and limits. Out: whole cents that sum to the budget, a bound that no plan
passes, and what the next unit of money brings. Never: a plan beyond a limit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.planning.constraints import Limits
from engine.planning.curves import Concave
from engine.planning.rounding import CENTS, round_parts, round_plan

Array = NDArray[Any]
LEAST_PRICE, ROUNDS, EXACT = 1e-250, 200, 1e-11


@dataclass(frozen=True)
class Allocation:
    """Where the money goes.

    `cents` (n,) int64; `value` the outcome of these cents; `bound` what no plan within the
    limits passes; `price` what one more unit of budget brings; `marginal` (n,) what one more unit
    of money brings in each placement.
    """

    cents: Array
    value: float
    bound: float
    price: float
    marginal: Array

    @property
    def spend(self) -> Array:
        """Money by placement (n,)."""
        return self.cents / CENTS

    @property
    def gap(self) -> float:
        """How far the plan may be from the best, as a share of the bound; never below 0."""
        if not np.isfinite(self.bound):
            return 1.0
        return max(0.0, (self.bound - self.value) / self.bound) if self.bound > 0 else 0.0


@dataclass(frozen=True)
class Prices:
    """What the limits of channels make of a price: it stays between `least` and `most` (c,).

    Below `least` a channel would pass its maximum, above `most` fall short of its minimum.
    """

    least: Array
    most: Array

    def of(self, price: float) -> Array:
        """The price within each channel (c,)."""
        return np.asarray(np.clip(price, self.least, np.maximum(self.most, self.least)))


FREE = Prices(np.zeros(1), np.full(1, np.inf))


@dataclass(frozen=True)
class Market:
    """Placements that take money while it brings more than a price."""

    curves: Concave
    box: tuple[Array, Array]
    channel: Array
    prices: Prices

    def spend(self, price: float, near: Array) -> Array:
        """What each placement takes at a price (n,)."""
        return self.curves.spend_at(self.prices.of(price)[self.channel], *self.box, near=near)

    def clear(self, wanted: float) -> tuple[float, Array]:
        """The price at which `wanted` money is taken, and who takes it; 0 where less ever is.

        Newton's steps on the logarithm of the price, each kept between what is known to be too
        cheap and too dear: what is taken is nearly linear in it.
        """
        low = self.box[0]
        top = float(self.curves.slope(low).max(initial=0.0))
        if top <= LEAST_PRICE:
            return 0.0, low
        least, most = np.log(LEAST_PRICE), np.log(top)
        at, spend, reach = most - 1.0, low, 2.0
        for _ in range(ROUNDS):
            price = float(np.exp(at))
            spend = self.spend(price, spend)
            over = float(spend.sum()) - wanted
            if abs(over) <= EXACT * wanted or most - least < EXACT:
                return price, spend
            least, most = (at, most) if over > 0 else (least, at)
            step = over / max(self._ease(price, spend), 1e-300)
            # Where next to nothing is left to take, prices fall by ever more.
            reach = 2.0 * reach if abs(step) > reach else 4.0
            at = at + np.clip(step, -reach, reach)
            if not least < at < most:
                at = (least + most) / 2
        return (0.0 if least < LEAST_PRICE * 2 else price), spend

    def _ease(self, price: float, spend: Array) -> float:
        """How much less is taken when the logarithm of the price rises by one."""
        low, high = self.box
        own = self.prices.of(price)
        free = (spend > low) & (spend < high) & (own == price)[self.channel]
        rows = np.flatnonzero(free)
        bend = self.curves.take(rows).bend(spend[rows])
        return float((price / np.maximum(-bend, 1e-300)).sum())


def allocate_concave(curves: Concave, limits: Limits) -> Allocation:
    """Maximises the sum of the curves under the limits; `start`s are not looked at.

    A price of money is sought at which the placements together spend the budget (the Karush-
    Kuhn-Tucker conditions). Money that brings nothing anywhere, or that no placement may take,
    stays unspent.
    """
    limits = _filled(curves, limits)
    low, high, _, last = (part / CENTS for part in limits.box)
    prices = channel_prices(curves, limits)
    sums = np.bincount(limits.channel, high, last.size)
    # A channel that may have the whole budget does not bound it.
    sums = np.where(last * CENTS >= limits.budget, sums, np.minimum(sums, last))
    market = Market(curves, (low, high), limits.channel, prices)
    if sums.sum() * CENTS <= limits.budget:
        price, spend = 0.0, market.spend(LEAST_PRICE, low)
    else:
        price, spend = market.clear(limits.budget / CENTS)
    cents = _in_cents(spend, limits, price)
    value, marginal = float(curves.value(cents / CENTS).sum()), curves.slope(cents / CENTS)
    bound = dual_bound(curves, limits, prices, price=price, near=spend)
    return Allocation(cents, value, max(bound, value), _next(limits, cents, marginal), marginal)


def _next(limits: Limits, cents: Array, marginal: Array) -> float:
    """What one more unit of budget brings: the best of those who could take it."""
    sums = np.bincount(limits.channel, cents, limits.channel_high.size)
    full = (sums >= limits.channel_high) & (limits.channel_high < limits.budget)
    closed = (cents >= limits.high) & (limits.high < limits.budget)
    return float(marginal[~closed & ~full[limits.channel]].max(initial=0.0))


def _in_cents(spend: Array, limits: Limits, price: float) -> Array:
    low, high, first, last = limits.box
    most = np.minimum(np.bincount(limits.channel, high, first.size), last).sum()
    least = np.maximum(np.bincount(limits.channel, low, first.size), first).sum()
    # Without a price nothing competes for the money: what was not taken brings nothing.
    total = limits.budget if price > 0 else min(limits.budget, round(spend.sum() * CENTS))
    total = int(np.clip(total, least, most))
    return round_plan(spend * CENTS, total, limits.channel, limits.box)


def _filled(curves: Concave, limits: Limits) -> Limits:
    """Limits where a channel's minimum that no price fills is split among its placements.

    More than they take brings nothing, whoever has it; without a split others would first get
    that money, and be priced by it.
    """
    low, high, first, _ = limits.box
    filled = low.copy()
    for channel in np.flatnonzero(first > np.bincount(limits.channel, low, first.size)):
        rows = np.flatnonzero(limits.channel == channel)
        box = (low[rows] / CENTS, high[rows] / CENTS)
        alone = Market(curves.take(rows), box, np.zeros_like(rows), FREE)
        taken = alone.spend(LEAST_PRICE, box[0]) * CENTS
        if taken.sum() < first[channel] - 1:
            filled[rows] = round_parts(taken, int(first[channel]), low[rows], high[rows])
    return replace(limits, low=filled)


def channel_prices(curves: Concave, limits: Limits) -> Prices:
    """The prices at which channels reach their maximum and their minimum, each by itself."""
    low, high, first, last = (part / CENTS for part in limits.box)
    least, most = np.zeros(first.size), np.full(first.size, np.inf)
    sums = [np.bincount(limits.channel, part, first.size) for part in (low, high)]
    for kind, wanted, asked in (
        (least, last, (last < sums[1]) & (last < limits.budget / CENTS)),
        (most, first, first > sums[0]),
    ):
        for channel in np.flatnonzero(asked):
            rows = np.flatnonzero(limits.channel == channel)
            alone = Market(curves.take(rows), (low[rows], high[rows]), np.zeros_like(rows), FREE)
            kind[channel] = max(alone.clear(float(wanted[channel]))[0], LEAST_PRICE)
    return Prices(least, most)


def dual_bound(
    curves: Concave, limits: Limits, prices: Prices, *, price: float, near: Array
) -> float:
    """What no plan within the limits passes, by Lagrange's dual at a price.

    Any price gives a bound; so do `near` amounts that do not quite maximise, because a concave
    curve lies below its tangent there.
    """
    low, high, first, last = (part / CENTS for part in limits.box)
    own = prices.of(price)
    each = own[limits.channel]
    slope = curves.slope(near) - each
    beyond = np.maximum(slope * (low - near), slope * (high - near))
    profit = curves.value(near) - each * near + beyond
    limited = np.maximum(own - price, 0) * last - np.maximum(price - own, 0) * first
    return float(price * limits.budget / CENTS + limited.sum() + profit.sum())
