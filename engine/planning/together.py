"""Drawn worlds in which people are counted once, and what each of them brings.

In: draws of curves, how they touch people. Out: outcomes of each world, curves around a plan.
Never: an order of placements that holds for all worlds: in each the best for it comes first.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.planning.curves import Concave
from engine.planning.draws import Draws
from engine.planning.people import Crowd
from engine.planning.touch import Touch

Array = NDArray[Any]


@dataclass(frozen=True)
class Together:
    """Worlds (draws,) whose placements (n,) share people; `days` long."""

    draws: Draws
    touch: Touch
    days: float
    apart: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """Placements and worlds."""
        return self.draws.ceiling.shape[0], len(self.draws)

    @cached_property
    def crowd(self) -> Crowd:
        """The crowd of all worlds."""
        return self.touch.kinds.ranked(self.touch.drawn_whole(self.draws, self.days).T)

    def outcomes(self, spend: Array) -> Array:
        """What each world brings (draws,) at a spend (n,)."""
        return self.crowd.brought(self._missed(spend))

    def around(self, weights: Array, spend: Array) -> Concave:
        """Curves of placements in the mean of worlds under weights, the others held fast."""
        factors = self.crowd.alone(self._missed(spend)).T * weights
        return self.touch.mixed(self.draws, factors, self.days)

    def one(self, world: int, spend: Array) -> Concave:
        """Curves of placements in a single world, the others held fast."""
        draws = Draws(self.draws.ceiling[:, [world]], self.draws.scale[:, [world]])
        return Together(draws, self.touch, self.days).around(np.ones(1), spend)

    def _missed(self, spend: Array) -> Array:
        """The share (draws, n) of its people that each placement misses."""
        return np.asarray(1.0 - self.touch.drawn(self.draws, spend, self.days).T)
