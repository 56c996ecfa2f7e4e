"""What came of expectations: likes that were held out, beside those expected of the same people.

In: held-out pairs, segments, the survey. Out: observed and expected likes by segment and share.
Never: a person whose act was already spent on learning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from engine import frames as f
from engine.audiences.expectation import Tally
from engine.audiences.membership import Membership
from engine.audiences.scores import rates
from engine.audiences.survey import Surveyed

Array = NDArray[Any]


@dataclass(frozen=True)
class Outcome:
    """Held-out likes, and the likes expected of everybody who could have given one.

    Those are the people who have not acted on the product, at the rate of the model, and those
    whose act was held out, whatever it was, at the rate that was predicted without it: the model
    has learned from all acts since, and would expect of them what it knows. `squares` sums the
    squares of those rates.
    """

    observed: Tally
    expected: Tally
    squares: Tally

    @property
    def scale(self) -> float:
        """Held-out likes of all products over those expected; zero where none are."""
        expected = float(self.expected.everybody.sum())
        return float(self.observed.everybody.sum()) / expected if expected > 0 else 0.0

    @classmethod
    def of(
        cls, holdout: pl.DataFrame, segments: Membership, surveyed: Surveyed, *, knots: Array
    ) -> Outcome:
        """Sets the pairs of a holdout beside a survey of all users."""
        if holdout.height == 0:
            return cls.none(surveyed)
        likes = holdout.filter(pl.col("liked") == 1)
        chance = rates(holdout[f.INTEREST].to_numpy(), knots)
        observed = _tally(likes, np.ones(likes.height), segments, surveyed)
        return cls(
            observed,
            surveyed.open_likes + _tally(holdout, chance, segments, surveyed),
            surveyed.open_squares + _tally(holdout, chance**2, segments, surveyed),
        )

    @classmethod
    def none(cls, surveyed: Surveyed) -> Outcome:
        """Nothing was held out: expectations stand alone."""
        expected = surveyed.open_likes
        shapes = (expected.everybody.shape, expected.segments.shape, expected.shares.shape)
        return cls(Tally(*(np.zeros(shape) for shape in shapes)), expected, surveyed.open_squares)


def _tally(held: pl.DataFrame, weights: Array, segments: Membership, surveyed: Surveyed) -> Tally:
    user, product = held["user"].to_numpy().astype(np.int64), held["product"].to_numpy()
    logit, products = held[f.INTEREST].to_numpy(), surveyed.everybody.size
    pairs = sparse.csr_array((weights, (user, product)), shape=(surveyed.users, products))
    static = (segments.indicator(surveyed.users) @ pairs).toarray().T
    tops = inside_shares(product, logit, weights, surveyed.top_thresholds)
    return Tally(
        np.bincount(product, weights, minlength=products),
        np.hstack([static, tops]),
        inside_shares(product, logit, weights, surveyed.thresholds),
    )


def inside_shares(product: Array, interest: Array, weights: Array, thresholds: Array) -> Array:
    """Sums the weights of pairs inside each best share: (products, shares).

    Args:
        product: (pairs,) row of the product; interest: (pairs,) logit.
        thresholds: (products, shares).
    """
    sums = np.zeros(thresholds.shape)
    for at, limits in enumerate(thresholds.T):
        inside = interest >= limits[product]
        sums[:, at] = np.bincount(product[inside], weights[inside], thresholds.shape[0])
    return sums
