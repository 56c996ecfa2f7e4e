"""From money to the share of people who are touched: reached at all, or moved as far as they go.

In: curves of outcomes, or draws. Out: curves of shares, and these weighed by what they are worth.
Never: a sum over placements; people whom several touch are counted in `people`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.planning.curves import Concave, Curves, Scaled, newton
from engine.planning.draws import Draws
from engine.planning.people import Kinds

Array = NDArray[Any]
TINY = 1e-300


class Touch(Protocol):
    """How a goal's outcomes touch people; n placements, `kinds` of people who may be shared.

    `mean` makes of curves for the whole time curves of shares; `whole` is what a placement brings
    if it touches all of its people; both also for draws, each (n, draws). `each` is what outcomes
    bring of a placement by itself, where `bounded` never above the whole; `mixed` are curves of
    weighed draws.
    """

    @property
    def bounded(self) -> bool: ...
    @property
    def kinds(self) -> Kinds: ...
    def mean(self, curves: Curves) -> Scaled: ...
    def whole(self, curves: Curves) -> Array: ...
    def drawn(self, draws: Draws, spend: Array, days: float) -> Array: ...
    def each(self, counted: Array) -> Array: ...
    def drawn_whole(self, draws: Draws, days: float) -> Array: ...
    def mixed(self, draws: Draws, factors: Array, days: float) -> Concave: ...


@dataclass(frozen=True)
class Moved:
    """Clicks, sales or buyers: a placement is done with its people where its curve is saturated.

    `worth` (n,) is what one counted outcome adds to the goal.
    """

    kinds: Kinds
    worth: Array
    bounded: bool = False

    def mean(self, curves: Curves) -> Curves:
        """The curve as a share of its ceiling; 0 where nothing is brought at all."""
        return curves.times(1.0 / np.maximum(curves.weights.sum(1), TINY))

    def whole(self, curves: Curves) -> Array:
        """The ceilings (n,), in the goal's unit."""
        return np.asarray(curves.weights.sum(1) * self.worth)

    def drawn(self, draws: Draws, spend: Array, days: float) -> Array:
        """The share (n, draws) of each drawn curve's ceiling that is reached."""
        with np.errstate(under="ignore"):
            return np.asarray(-np.expm1(-spend[:, None] / (draws.scale * days)))

    def each(self, counted: Array) -> Array:
        """What outcomes (n, draws) are worth."""
        return np.asarray(counted * self.worth[:, None])

    def drawn_whole(self, draws: Draws, days: float) -> Array:
        """The ceilings (n, draws) of drawn curves over the days, in the goal's unit."""
        return np.asarray(draws.ceiling * days * self.worth[:, None])

    def mixed(self, draws: Draws, factors: Array, days: float) -> Curves:
        """Each placement's sum over draws of shares times factors (n, draws)."""
        return Curves(factors, draws.scale * days)


@dataclass(frozen=True)
class Reached:
    """People who see something at least once: impressions fall on those of a placement at random.

    Those of a person follow Poisson's law. `people` (n,) may be reached on the channel, `share`
    (n,) what part of the segment they are.
    """

    kinds: Kinds
    people: Array
    share: Array
    bounded: bool = True

    def mean(self, curves: Curves) -> ReachCurves:
        """The share of the segment that is reached by the impressions of a curve."""
        return ReachCurves(curves, self.people, self.share)

    def whole(self, curves: Curves) -> Array:
        """The people (n,) of each segment."""
        return self.kinds.size

    def drawn(self, draws: Draws, spend: Array, days: float) -> Array:
        """The share (n, draws) of the segment that each drawn curve's impressions reach."""
        return self._reached(draws.outcome(spend, days))

    def each(self, counted: Array) -> Array:
        """The people whom impressions (n, draws) reach."""
        return self.kinds.size[:, None] * self._reached(counted)

    def _reached(self, counted: Array) -> Array:
        return np.asarray(self.share[:, None] * -np.expm1(-counted / self.people[:, None]))

    def drawn_whole(self, draws: Draws, days: float) -> Array:
        """The people of each segment, the same (n, draws) in every world."""
        return np.repeat(self.kinds.size[:, None], len(draws), axis=1)

    def mixed(self, draws: Draws, factors: Array, days: float) -> DrawnReach:
        """Each placement's sum over draws of shares times factors (n, draws)."""
        paid = Draws(draws.ceiling * days / self.people[:, None], draws.scale * days)
        return DrawnReach(paid, factors * self.share[:, None])


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

    def times(self, factors: Array) -> ReachCurves:
        """Each curve multiplied by a factor (n,)."""
        return replace(self, worth=self.worth * factors)

    def value(self, spend: Array) -> Array:
        """The outcome (n,) at a spend (n,)."""
        return np.asarray(self.worth * -np.expm1(-self.impressions.value(spend) / self.people))

    def slope(self, spend: Array) -> Array:
        """The outcome of the next unit of money (n,)."""
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


@dataclass(frozen=True)
class DrawnReach:
    """`sum_d worth[:, d] (1 - exp(-I_d(s)))` for drawn curves of impressions a person."""

    paid: Draws
    worth: Array

    def __len__(self) -> int:
        return int(self.worth.shape[0])

    def take(self, rows: Array) -> DrawnReach:
        """The curves of some placements."""
        return DrawnReach(Draws(self.paid.ceiling[rows], self.paid.scale[rows]), self.worth[rows])

    def value(self, spend: Array) -> Array:
        """The outcome (n,) at a spend (n,)."""
        seen, _ = self._seen(spend)
        return np.asarray((self.worth * -np.expm1(-seen)).sum(1))

    def slope(self, spend: Array) -> Array:
        """The outcome of the next unit of money (n,)."""
        seen, rate = self._seen(spend)
        return np.asarray((self.worth * np.exp(-seen) * rate).sum(1))

    def bend(self, spend: Array) -> Array:
        """The slope's slope (n,)."""
        seen, rate = self._seen(spend)
        return -np.asarray(
            (self.worth * np.exp(-seen) * rate * (1.0 / self.paid.scale + rate)).sum(1)
        )

    def spend_at(
        self, price: Array, low: Array, high: Array, *, near: Array | None = None
    ) -> Array:
        """As of `Curves`: a sum of slopes whose logarithms are convex has one that is."""
        return newton(self, price, (low, high), low if near is None else near)

    def _seen(self, spend: Array) -> tuple[Array, Array]:
        """Impressions a person (n, draws), and how many more the next unit of money brings."""
        with np.errstate(under="ignore"):
            left = np.exp(-spend[:, None] / self.paid.scale)
        return self.paid.ceiling * (1.0 - left), self.paid.ceiling * left / self.paid.scale
