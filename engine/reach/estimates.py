"""An expected number with the interval that holds it.

In: values that were drawn apart from each other. Out: their mean and its interval.
Never: an interval of what a single draw may be.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Estimate:
    """What is expected, and between what it lies at a level of confidence."""

    mean: float
    lower: float
    upper: float

    @property
    def half_width(self) -> float:
        return (self.upper - self.lower) / 2

    def moved(self, by: float) -> Estimate:
        """The same with a number added that is known."""
        return Estimate(self.mean + by, self.lower + by, self.upper + by)


def estimate(values: Array, level: float) -> Estimate:
    """The mean of values that are never below 0, and its interval by the normal law."""
    mean = float(values.mean())
    deviation = float(values.std(ddof=1)) if values.size > 1 else 0.0
    half = NormalDist().inv_cdf((1 + level) / 2) * deviation / sqrt(values.size)
    return Estimate(mean, max(mean - half, 0.0), mean + half)
