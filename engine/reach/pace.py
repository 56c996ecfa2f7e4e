"""How often a person's word will be passed on in the days to come, by how it was lately.

In: whose word was passed on, and how long ago. Out: a rate a day for each person. Never: one long
burst taken for a habit, or a rate that nothing was checked against.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

STEPS = 25
STEEPEST = 2.0


@dataclass(frozen=True)
class Fading:
    """How much of what was passed on is to be expected again.

    Acts of one person within `burst_days` are about one thing that they said, and count as their
    number to the `power`: how far one thing went tells little of the next. They fade by a law of
    powers, `(age + delay_days) ** -exponent`, as attention does (Crane & Sornette 2008, "Robust
    dynamic classes revealed by measuring the response function of a social system").
    """

    burst_days: float
    power: float
    delay_days: float
    exponent: float


@dataclass(frozen=True)
class Heard:
    """Acts that passed on somebody's word.

    `sources` are rows of people, `ages` days since then, not below 0, and `weights` how much of
    the act is put down to that source.
    """

    sources: Array
    ages: Array
    weights: Array

    def of(self, some: Array, since: float) -> Heard:
        """Some of the acts, with their ages as they were so many days ago."""
        return Heard(self.sources[some], self.ages[some] - since, self.weights[some])


def lately(heard: Heard, people: int, fading: Fading) -> Array:
    """(people,) how much each person's word was passed on lately, in a unit of its own."""
    burst = np.floor(heard.ages / fading.burst_days).astype(np.int64)
    width = int(burst.max(initial=0)) + 1
    keys, at = np.unique(heard.sources.astype(np.int64) * width + burst, return_inverse=True)
    number = np.bincount(at, heard.weights, keys.size)
    age = (keys % width + 0.5) * fading.burst_days
    worth = number**fading.power * (age + fading.delay_days) ** -fading.exponent
    return np.bincount(keys // width, worth, people)


def expected_pace(heard: Heard, people: int, *, days: float, fading: Fading) -> Array:
    """(people,) float32: how often a day each person's word will be passed on.

    What was passed on lately is put to a rate by the last `days` themselves: as far as what was
    known before them told what came in them, by a Poisson regression of the one's logarithm. Where
    nothing was known before, or it told nothing, the rate is that of these days.
    """
    now = lately(heard, people, fading)
    after = heard.ages < days
    known = lately(heard.of(~after, days), people, fading)
    came = np.bincount(heard.sources[after], heard.weights[after], people)
    rows = np.flatnonzero(known > 0)
    level, slope = _regressed(np.log(known[rows]), came[rows])
    found = np.zeros(people)
    some = now > 0
    if slope <= 0:
        found[some] = now[some] * came.sum() / now.sum()
    else:
        found[some] = np.exp(level + slope * np.log(now[some]))
    return np.asarray(found / days, np.float32)


def _regressed(told: Array, came: Array) -> tuple[float, float]:
    """Level and slope of `log E[came]` on what was told; slope 0 where it tells nothing."""
    if told.size < 2 or not came.any() or float(np.ptp(told)) == 0:
        return 0.0, 0.0
    middle = float(told.mean())
    x = told - middle
    level, slope = float(np.log(came.mean())), 0.0
    for _ in range(STEPS):  # of Newton, the slope held where exp stays finite
        hoped = np.exp(level + slope * x)
        gap = came - hoped
        a, b, c = float(hoped.sum()), float((hoped * x).sum()), float((hoped * x * x).sum())
        turn = np.linalg.solve([[a + 1e-9, b], [b, c + 1e-9]], [gap.sum(), (gap * x).sum()])
        slope = float(np.clip(slope + np.clip(turn[1], -0.5, 0.5), -STEEPEST, STEEPEST))
        level = float(np.log(came.sum() / np.exp(slope * x).sum()))
    return level - slope * middle, slope
