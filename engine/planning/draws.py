"""Worlds that may be: curves drawn from what is believed, and the outcomes they would bring.

In: a response, a number of draws, a seed. Out: arrays of placements by draws, and intervals.
Never: a draw that a placement's order among the others changes, given that order is sorted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.planning.curves import Curves
from engine.planning.response import Response

Array = NDArray[Any]
MOST_NUMBERS = 6e6  # placements x draws: what fits in memory beside everything else
MOST_SHARED = 0.95
FEWEST = 20


@dataclass(frozen=True)
class Draws:
    """Curves of one day, `ceiling (1 - exp(-spend / scale))`, each (placements, draws)."""

    ceiling: Array
    scale: Array

    def __len__(self) -> int:
        return int(self.ceiling.shape[1])

    def outcome(self, spend: Array, days: float = 1.0) -> Array:
        """The mean outcome (n, draws) of money (n,) spread evenly over days."""
        found = np.zeros(self.ceiling.shape)
        paid = np.flatnonzero(spend > 0)
        with np.errstate(under="ignore"):
            share = -np.expm1(-spend[paid, None] / (self.scale[paid] * days))
        found[paid] = self.ceiling[paid] * days * share
        return found

    def one(self, draw: int) -> Curves:
        """The curves of a single draw."""
        return Curves(self.ceiling[:, draw, None], self.scale[:, draw, None])

    def mixed(self, weights: Array) -> Curves:
        """The mean of the draws' curves under weights (draws,) that sum to one."""
        return Curves(self.ceiling * weights, self.scale)

    def some(self, count: int) -> Draws:
        """The first so many draws; they are independent, so any will do."""
        return Draws(self.ceiling[:, :count], self.scale[:, :count])

    def times(self, factors: Array) -> Draws:
        """Outcomes of each placement multiplied by a factor (n,)."""
        return Draws(self.ceiling * factors[:, None], self.scale)


def draw_curves(response: Response, count: int, *, seed: int) -> Draws:
    """Draws curves of all placements from their posterior.

    What placements of a channel owe to what is unsure of their groups is drawn once for the
    channel, so that errors that are shared do not cancel out in a sum.
    """
    posterior, places = response.learned.posterior, response.places
    count = int(np.clip(MOST_NUMBERS / max(len(places), 1), FEWEST, count))
    random = np.random.default_rng(seed)
    steps = np.cumsum(posterior.chance, axis=1)
    at, alive = _points(steps, random.random((len(places), count)))
    rows = np.arange(len(places))[:, None]
    spread = posterior.spread[rows, at]
    own = response.learned.effects[0].own ** 2
    doubt = response.learned.doubt[:, None]
    shared = np.minimum(doubt * spread / (own + doubt) ** 2, MOST_SHARED)
    _, channel = np.unique([name for name, _ in places], return_inverse=True)
    common = random.standard_normal((int(channel.max(initial=-1)) + 1, count))[channel]
    noise = np.sqrt(shared) * common
    noise += np.sqrt(1.0 - shared) * random.standard_normal((len(places), count))
    # A normal law of the logarithm with the posterior's variance, and exactly its mean ceiling.
    ceiling = posterior.ceiling[rows, at] * np.exp(np.sqrt(spread) * noise - 0.5 * spread)
    return Draws(np.where(alive, ceiling, 0.0), np.exp(response.grid)[at])


def _points(steps: Array, random: Array) -> tuple[Array, Array]:
    """The point of the grid (n, draws) at which rising sums (n, k) pass a number from 0 to 1."""
    count, points = steps.shape
    flat = (np.minimum(steps, 1.0) + 2.0 * np.arange(count)[:, None]).ravel()
    wanted = random + 2.0 * np.arange(count)[:, None]
    found = np.searchsorted(flat, wanted.ravel(), side="left").reshape(random.shape)
    at = found - points * np.arange(count)[:, None]
    return np.clip(at, 0, points - 1), at < points


def draw_outcomes(mean: Array, dispersion: float, *, days: float = 1.0, seed: int) -> Array:
    """What may come where so much is expected: a negative binomial number for each mean.

    A sum over days of independent days, each with variance `m + dispersion m²`.
    """
    random = np.random.default_rng([seed, 1])
    found = np.zeros(mean.shape)
    some = mean > 0
    rate = mean[some]
    if dispersion > 0:
        rate = rate * random.gamma(days / dispersion, dispersion / days, rate.size)
    # Beyond this a Poisson law adds nothing that could be seen.
    large = rate > 1e9
    found[some] = np.where(large, rate, random.poisson(np.where(large, 1.0, rate)))
    return found


def interval(outcomes: Array, share: float) -> tuple[Array, Array]:
    """Lower and upper ends (...,) between which a share of the draws, the last axis, lies."""
    tail = (1.0 - share) / 2.0
    lower, upper = np.quantile(outcomes, [tail, 1.0 - tail], axis=-1)
    return lower, upper
