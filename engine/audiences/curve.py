"""The curve of size and precision: what rate to expect from the best share of a product.

In: rates of the open people of a panel; held-out likes. Out: for each share the expected rate
with an interval, and the logit that a member needs. Never: a wider audience with a higher rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.audiences.dispersion import relative_error
from engine.audiences.standing import share_people

Array = NDArray[Any]
_NOBODY = float(np.finfo(np.float32).max)  # the logit needed where nobody is open
_LEAST = 0.5  # expected likes below which a count tells nothing about the error


@dataclass(frozen=True)
class Points:
    """Points of the curves: (products, shares); `everybody` who is open is (products,)."""

    expected: Array
    thresholds: Array
    everybody: Array


def read_points(interest: Array, ranked: Array, people: Array, shares: list[float]) -> Points:
    """Mean interest rate and lowest logit of each best share, on the panel.

    A share is one of the whole panel, or all open people where they are fewer. Where nobody is
    open, rates are zero and no logit reaches the threshold.

    Args:
        interest: (products, panel) rates, zero for those who are not open.
        ranked: (products, panel) logits, highest first, those who are not open last.
        people: (products,), how many are open.
    """
    # Rates rise with logits, so the sorted rates are the rates of the sorted logits.
    best = -np.sort(-interest, axis=1)
    running = best.cumsum(axis=1, dtype=np.float64)
    last = np.maximum(share_people(shares, interest.shape[1], people), 1) - 1
    # Rounding of a running sum must not let a mean rise again.
    expected = np.minimum.accumulate(np.take_along_axis(running, last, 1) / (last + 1), axis=1)
    lowest = np.take_along_axis(ranked, last, 1)
    thresholds = np.where(people[:, None] > 0, lowest, np.float32(_NOBODY))
    return Points(expected, thresholds, running[:, -1] / np.maximum(people, 1))


def rate_errors(
    observed: Array, expected: Array, squares: Array, *, scale: float, default: float
) -> Array:
    """Relative error of the expected rate at each share, over products: (shares,).

    Held-out likes are a part of all likes, the same for every product in expectation; so with E
    the expected likes in units of held-out ones, their scatter tells the relative error between
    products, see `dispersion.relative_error`. Chance scatters likes by rates less their squares.

    Args:
        observed: (products, shares) held-out likes inside each share.
        expected: (products, shares) expected likes inside each share: sums of rates.
        squares: (products, shares) sums of their squares.
        scale: held-out likes of everybody over those expected.
    """
    mean = expected * scale
    told = mean >= _LEAST
    least_mean = np.where(told, mean, 1)
    usual = np.clip(1 - squares * scale**2 / least_mean, 0, 1)
    excess = np.where(told, (observed - mean) ** 2 / least_mean - usual, 0).sum(axis=0)
    known = np.where(told, mean, 0).sum(axis=0)
    return relative_error(excess, told.sum(axis=0), known, default=default)


def rate_intervals(
    expected: Array, sizes: Array, errors: Array, *, confidence: float
) -> tuple[Array, Array]:
    """Bounds of the rate that an audience will show: the model's error and chance together.

    The number of likes is negative binomial, its rate close to a Gamma with squared relative
    error `error^2 + 1 / (size x rate)`; as likes come whole, bounds are widened to whole likes.
    They lie around the expected rate and inside 0 to 1; of nobody both are zero.

    Args:
        expected, sizes: (products, shares), rates and people; errors: (shares,).
    """
    from scipy.special import gammaincinv

    people = np.maximum(sizes, 1)
    likes = np.maximum(expected * sizes, 1e-6)
    shape = 1 / (errors**2 + 1 / likes)
    tail = (1 - confidence) / 2
    lower = np.floor(likes * gammaincinv(shape, tail) / shape) / people
    upper = np.ceil(likes * gammaincinv(shape, 1 - tail) / shape) / people
    upper = np.where(sizes > 0, upper, 0)
    return np.clip(np.minimum(lower, expected), 0, 1), np.clip(np.maximum(upper, expected), 0, 1)
