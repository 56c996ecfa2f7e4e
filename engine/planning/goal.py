"""What a plan is to reach: its best split, what it brings, and what it may bring.

In: curves and draws of placements, how they touch people. Out: allocations, outcomes, intervals'
draws. Never: a look at results or models; `engine/operations/plan_goals.py` reads those.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.planning.budget import Allocation, allocate_concave
from engine.planning.constraints import Limits
from engine.planning.curves import Concave, Curves, Scaled
from engine.planning.draws import FEWEST, Draws, draw_outcomes
from engine.planning.funnel import Rates
from engine.planning.people import CLOSE, Crowd, allocate_people
from engine.planning.risk import Apart, Worlds, allocate_careful
from engine.planning.switches import allocate, allocate_switched
from engine.planning.together import Together
from engine.planning.touch import Touch

Array = NDArray[Any]
MOST_ENTRIES = 12_000_000  # kinds of people by placements x draws, of which each is looked at
MOST_LOOKED = 16_000_000  # as many of them in all cases of on and off of a careful plan
MOST_TERMS = 400_000  # placements x draws in each look of a careful plan
UNITS = {"awareness": "people", "traffic": "clicks", "sales": "sales", "loyalty": "repeat buyers"}


@dataclass(frozen=True)
class Goal:
    """An objective over placements (n,): curves for the whole time, and draws of a day's.

    `worth` (n,) is what one counted outcome adds to the goal; `touch` is there where placements
    share people, who are counted once.
    """

    curves: Curves
    draws: Draws
    worth: Array
    days: int
    dispersion: float
    rates: tuple[Rates, Rates]
    branches: int
    unit: str
    touch: Touch | None = None
    notes: tuple[str, ...] = ()

    @cached_property
    def crowd(self) -> Crowd:
        """People by the placements that touch them; only where they are shared."""
        assert self.touch is not None
        return self.touch.kinds.ranked(self.touch.whole(self.curves))

    @cached_property
    def shares(self) -> Scaled:
        """The share of its people that a placement touches; only where they are shared."""
        assert self.touch is not None
        return self.touch.mean(self.curves)

    def best(self, limits: Limits, *, risk: float) -> Allocation:
        """The best split; for a risk the best mean of the worst share of drawn worlds."""
        if self.touch is None and risk <= 0:
            return allocate(self.curves.times(self.worth), limits, branches=self.branches)
        solve: Callable[[Limits], Allocation] = self.plain
        branches = self.branches
        if risk > 0:

            def solve(case: Limits) -> Allocation:
                return allocate_careful(self.worlds, case, risk)

            if self.touch is not None:
                looked = self.touch.kinds.place.size * self.worlds.shape[1]
                branches = int(np.clip(MOST_LOOKED // max(looked, 1), 1, branches))
        return allocate_switched(solve, self._around, limits, branches=branches)

    def _around(self, spend: Array) -> Concave:
        """Curves of placements by themselves, the others' money held fast."""
        if self.touch is None:
            return self.curves.times(self.worth)
        return self.shares.times(self.crowd.alone(1.0 - self.shares.value(spend)))

    @cached_property
    def worlds(self) -> Worlds:
        """As many drawn worlds as careful and curious plans can look at."""
        if self.touch is not None:
            some = _some(self.draws, int(self.touch.kinds.place.size), MOST_ENTRIES)
            return Together(some, self.touch, self.days)
        return Apart(_some(self.draws.times(self.worth), len(self.worth), MOST_TERMS), self.days)

    def plain(
        self, limits: Limits, *, near: Array | None = None, close: float = CLOSE
    ) -> Allocation:
        """The best split for the mean; `start`s are not looked at.

        Where people are shared, the way begins at a split `near` (n,), and ends with a gap of
        `close` at most, if it can.
        """
        if self.touch is not None:
            return allocate_people(self.shares, self.crowd, limits, near=near, close=close)
        return allocate_concave(self.curves.times(self.worth), limits)

    def value(self, spend: Array) -> float:
        """The mean outcome in all."""
        return self.expected(spend)[1]

    def expected(self, spend: Array) -> tuple[Array, float]:
        """The mean outcome of each placement by itself (n,), and in all."""
        if self.touch is None:
            each = self.curves.value(spend) * self.worth
            return each, float(each.sum())
        touched = self.shares.value(spend)
        return touched * self.touch.whole(self.curves), float(self.crowd.brought(1.0 - touched))

    def counted(self, spend: Array) -> float:
        """How many of what is counted, in all: people, or outcomes whatever each is worth."""
        if self.unit == UNITS["awareness"]:
            return self.value(spend)
        counted = self.curves.value(spend)
        if self.touch is not None:
            counted = counted * self.crowd.kept(1.0 - self.shares.value(spend))
        return float(counted.sum())

    def marginal(self, spend: Array) -> Array:
        """What one more unit of money brings in each placement (n,)."""
        if self.touch is None:
            return self.curves.slope(spend) * self.worth
        alone = self.crowd.alone(1.0 - self.shares.value(spend))
        return np.asarray(alone * self.shares.slope(spend))

    def outcomes(self, spend: Array, *, seed: int) -> tuple[Array, Array]:
        """What may come: of each placement by itself (n, draws), and in all (draws,)."""
        if self.touch is None:
            each = self._counted(self.draws, spend, seed) * self.worth[:, None]
            return each, each.sum(0)
        if not self.touch.bounded:
            # What others leave to a placement is taken as it is in the mean of worlds.
            each = self._counted(self.draws, spend, seed) * self.worth[:, None]
            return each, self.crowd.kept(1.0 - self.shares.value(spend)) @ each
        draws = _some(self.draws, int(self.touch.kinds.place.size), MOST_ENTRIES)
        each = self.touch.each(self._counted(draws, spend, seed))
        whole = self.touch.drawn_whole(draws, self.days)
        return each, self.crowd.brought(1.0 - (each / whole).T)

    def _counted(self, draws: Draws, spend: Array, seed: int) -> Array:
        mean = draws.outcome(spend, self.days)
        return draw_outcomes(mean, self.dispersion, days=self.days, seed=seed)

    def funnel(self, spend: Array) -> tuple[Array, Array]:
        """Impressions and clicks (n,) of the money, by the goal's own curves where it counts them.

        Else at middle rates; never more clicks than impressions.
        """
        impressions = spend * self.rates[0].rate
        if self.unit == UNITS["awareness"]:
            impressions = self.curves.value(spend)
        clicks = impressions * self.rates[1].rate
        if self.unit == UNITS["traffic"]:
            clicks = self.curves.value(spend)
        return np.maximum(impressions, clicks), clicks


def _some(draws: Draws, entries: int, terms: int) -> Draws:
    """As many draws as can be handled in seconds, where each needs `entries` numbers at a look."""
    count = np.clip(terms // max(entries, 1), FEWEST, len(draws))
    return draws.some(int(count))
