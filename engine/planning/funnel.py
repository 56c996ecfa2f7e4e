"""The way from money to sales: impressions and clicks that a unit of money buys in each placement.

In: sums of results by placement, their groups. Out: rates with their doubt, shrunk to those of
channel, segment and parts of its id. Never: a rate of nothing; where nothing was tried others
tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine import frames as f
from engine.planning.history import EVERYBODY, SPEND
from engine.planning.response_prior import (
    Groups,
    Hope,
    learn_effects,
    learn_own,
    start_effects,
)

Array = NDArray[Any]
ROUNDS, DAILY = 12, 0.1
"""Variance of the logarithm of a day's rate about the placement's own: prices move that much."""
OWN, GROUP, WEIGHT = 0.5, 0.3, 2.0


@dataclass(frozen=True)
class Rates:
    """What a unit of the upper step brings of the lower: means and variances (n,) of logarithms."""

    log_rate: Array
    variance: Array

    @property
    def rate(self) -> Array:
        """The middle rate (n,)."""
        return np.asarray(np.exp(self.log_rate))

    @property
    def told(self) -> Array:
        """The logarithm (n,) centred on 0, as a number that tells of a placement beforehand."""
        centre = self.log_rate.mean() if self.log_rate.size else 0.0
        return np.asarray(self.log_rate - centre)


def sum_funnel(
    results: pl.DataFrame, places: list[tuple[str, str]], today: date
) -> dict[str, Array]:
    """Sums (n,) of spend, of what it brought, and of rows of each placement, by column.

    A column that the results lack is zeros; so are placements without rows. Rows without spend
    are left out, since what they show was not bought.
    """
    keys = [f.CHANNEL, f.SEGMENT]
    columns = (SPEND, "impressions", "clicks", "conversions", "sales", "revenue")
    have = [name for name in columns if name in results.columns]
    known = pl.DataFrame(places, schema=dict.fromkeys(keys, pl.String), orient="row")
    segment = pl.col(f.SEGMENT) if f.SEGMENT in results.columns else pl.lit(None, pl.String)
    sums = (
        results.with_columns(segment.fill_null(EVERYBODY).alias(f.SEGMENT))
        .filter((pl.col(SPEND) > 0) & (pl.col("date") <= today))
        .group_by(keys)
        .agg(pl.col(have).cast(pl.Float64).fill_null(0.0).sum(), pl.len().alias("rows"))
    )
    table = known.join(sums, on=keys, how="left", maintain_order="left")
    found = {
        name: table[name].cast(pl.Float64).fill_null(0.0).to_numpy() for name in [*have, "rows"]
    }
    return {name: found.get(name, np.zeros(len(places))) for name in (*columns, "rows")}


def learn_rates(amount: Array, per: Array, rows: Array, groups: Groups, *, usual: float) -> Rates:
    """Rates `amount / per` of placements that borrow from each other.

    Args:
        amount: (n,) impressions, clicks or sales.
        per: (n,) what they came from.
        rows: (n,) rows of results: days of prices.
        usual: the rate where nothing is known at all.
    """
    tried = (per > 0) & (rows > 0)
    overall = amount.sum() / per.sum() if amount.sum() > 0 and per.sum() > 0 else usual
    # Half an event at the overall rate, so that none yet is no rate of zero.
    value = np.log((amount + 0.5) / np.where(tried, per + 0.5 / overall, 1.0 / overall))
    value = np.where(tried, value, np.log(overall))
    precision = 1.0 / (1.0 / (amount + 0.5) + DAILY / np.maximum(rows, 1.0))
    precision = np.where(tried, precision, 1e-9)
    hope = Hope(float(np.log(overall)), 2.0, 0.0, 1.0, OWN, WEIGHT, GROUP, WEIGHT)
    effects = start_effects(groups, hope)
    said, doubt = np.full(value.size, hope.mean), np.full(value.size, hope.mean_spread**2)
    for _ in range(ROUNDS if tried.any() else 0):
        effects, said, doubt = learn_effects(
            effects, groups, (value, precision, tried.astype(np.float64)), hope
        )
        mean, variance = _joined(value, precision, said, effects.own**2 + doubt)
        effects = learn_own(effects, (mean - said, variance, tried * 1.0), doubt, hope)
    return Rates(*_joined(value, precision, said, effects.own**2 + doubt))


def _joined(value: Array, precision: Array, said: Array, spread: Array) -> tuple[Array, Array]:
    variance = 1.0 / (precision + 1.0 / spread)
    return variance * (precision * value + said / spread), variance
