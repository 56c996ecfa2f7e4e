"""Drawn worlds in which people are counted once, and what each of them brings.

In: draws of curves, how they touch people. Out: outcomes of each world, curves around a plan.
Never: an order of placements that holds for all worlds, but where it is said to be rough.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.planning.curves import Concave
from engine.planning.draws import Draws
from engine.planning.people import TINY, Crowd
from engine.planning.touch import Touch

Array = NDArray[Any]
BLOCK = 1 << 19  # kinds of people by placements by worlds that are looked at at once
FEW = 400_000  # as many of them that a look costs little, and the proof is the nearer


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
    def whole(self) -> Array:
        """What each placement brings (n, draws) if it touches all of its people."""
        return self.touch.drawn_whole(self.draws, self.days)

    @cached_property
    def rough(self) -> Rough | Together:
        """The same worlds, looked at in a small part of the time; themselves, if they are few."""
        few = self.touch.kinds.place.size * len(self.draws) <= FEW
        return self if few else Rough(self)

    def outcomes(self, spend: Array) -> Array:
        """What each world brings (draws,) at a spend (n,)."""
        found = np.zeros(len(self.draws))
        for worlds, crowd, missed in self._looks(spend, np.ones(found.size)):
            found[worlds] = crowd.brought(missed)
        return found

    def around(self, weights: Array, spend: Array) -> Concave:
        """Curves of placements in the mean of worlds under weights, the others held fast."""
        used, factors = np.flatnonzero(weights > 0), []
        for worlds, crowd, missed in self._looks(spend, weights):
            factors.append(crowd.alone(missed).T * weights[worlds])
        return self.touch.mixed(self._at(used), np.concatenate(factors, axis=1), self.days)

    def mean(self, weights: Array, spend: Array) -> float:
        """The mean outcome of worlds under weights (draws,); those of no weight cost nothing."""
        looks = self._looks(spend, weights)
        return float(sum(crowd.brought(missed) @ weights[at] for at, crowd, missed in looks))

    def one(self, world: int, spend: Array) -> Concave:
        """Curves of placements in a single world, the others held fast."""
        # By itself: what all worlds have in common would first be made for each of them.
        single = Together(self._at(np.array([world])), self.touch, self.days)
        return single.around(np.ones(1), spend)

    @cached_property
    def _crowds(self) -> list[tuple[Array, Crowd]]:
        """Numbers of worlds that are looked at at once, and their crowds."""
        step = max(1, BLOCK // max(self.touch.kinds.place.size, 1))
        blocks = np.split(np.arange(len(self.draws)), range(step, len(self.draws), step))
        return [(at, self.touch.kinds.ranked(self.whole[:, at].T)) for at in blocks]

    def _looks(self, spend: Array, weights: Array) -> Iterator[tuple[Array, Crowd, Array]]:
        """Worlds of some weight, their crowd, and the share (worlds, n) that each place misses."""
        for block, crowd in self._crowds:
            used = np.flatnonzero(weights[block] > 0)
            if used.size:
                missed = 1.0 - self.touch.drawn(self._at(block[used]), spend, self.days).T
                yield block[used], crowd.worlds(used), missed

    def _at(self, worlds: Array) -> Draws:
        return Draws(self.draws.ceiling[:, worlds], self.draws.scale[:, worlds])


@dataclass(frozen=True)
class Rough:
    """The worlds, as if others left in each of them to a placement what they do on average.

    No world then needs an order of placements of its own, and a look costs as much as where people
    are apart; it is exact where worlds do not differ.
    """

    worlds: Together
    apart: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """Placements and worlds."""
        return self.worlds.shape

    @cached_property
    def _usual(self) -> Array:
        return np.asarray(np.maximum(self.worlds.whole.mean(1), TINY))

    @cached_property
    def _crowd(self) -> Crowd:
        return self.worlds.touch.kinds.ranked(self._usual)

    def outcomes(self, spend: Array) -> Array:
        """What each world brings (draws,) at a spend (n,)."""
        each = self._each(spend)
        return np.asarray(self._crowd.kept(self._missed(each)) @ each)

    def around(self, weights: Array, spend: Array) -> Concave:
        """Curves of placements in the mean of worlds under weights, the others held fast."""
        worlds = self.worlds
        left = self._crowd.alone(self._missed(self._each(spend))) / self._usual
        return worlds.touch.mixed(worlds.draws, left[:, None] * worlds.whole * weights, worlds.days)

    def _each(self, spend: Array) -> Array:
        worlds = self.worlds
        return worlds.touch.drawn(worlds.draws, spend, worlds.days) * worlds.whole

    def _missed(self, each: Array) -> Array:
        return np.asarray(np.clip(1.0 - each.mean(1) / self._usual, 0.0, 1.0))
