"""What past results say of channels beside each other: outcomes for each unit of money, shrunk.

In: results, and what was expected of each channel before. Out: a mean and a spread for each, as
logarithms. Never: a currency; only ratios between channels are learned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine import frames as f
from engine.settings import Section

Array = NDArray[Any]
OUTCOMES = {
    "awareness": ("impressions",),
    "traffic": ("clicks",),
    "sales": ("conversions", "sales", "clicks"),
    "loyalty": ("conversions", "sales", "clicks"),
}
"""What is counted for a goal: the first of these columns that holds a number above zero."""
CURRENCY = "currency"


@dataclass(frozen=True)
class Efficiency:
    """Outcomes for each unit of money by channel, in the order asked.

    `mean` and `spread` are of its logarithm, against a level that all channels share; `weight` is
    the part of the variance that results took away. `outcomes` and `spend` are sums of what came
    in, undiscounted.
    """

    outcome: str
    mean: Array
    spread: Array
    weight: Array
    outcomes: Array
    spend: Array


def outcome_counted(results: pl.DataFrame | None, goal: str) -> str:
    """The column that tells a goal's outcomes; the goal's first where there are no results."""
    names = OUTCOMES[goal]
    if results is not None:
        for name in names:
            if name in results.columns and (results[name].fill_null(0) > 0).any():
                return name
    return names[0]


def learn_efficiency(
    results: pl.DataFrame | None,
    channels: Sequence[str],
    *,
    expected: tuple[Array, Array],
    outcome: str,
    past: Section,
) -> Efficiency:
    """Shrinks what channels brought towards what was expected of them, as far as it is noise.

    With y the logarithm of outcomes for each unit of money, `y = level + expected + own + noise`:
    the level of each currency (flat) takes up prices and skill, own the channel's spread, noise
    counts, days and campaigns. All is Gaussian, so that the answer is exact (Gelman et al.,
    Bayesian Data Analysis, 2013, section 5.4). One channel alone tells nothing of itself.

    Args:
        results: rows of `frames.RESULTS`; rows without money are passed over.
        channels: in whose order the answer comes.
        expected: mean and spread (channels,) of the logarithm before any result.
        outcome: the column that counts.
        past: section of the settings.
    """
    mean, spread = (np.array(part, float) for part in expected)
    told = _told(results, outcome, past)
    sums = {name: np.zeros(len(channels)) for name in ("outcomes", "spend")}
    places = {name: at for at, name in enumerate(channels)}
    rows = [row for row in told.iter_rows(named=True) if row[f.CHANNEL] in places]
    for row in rows:
        for name, total in sums.items():
            total[places[row[f.CHANNEL]]] += row[name]
    own, variance = _separate(rows, places, (mean, spread), past)
    weight = np.where(sums["spend"] > 0, np.clip(1 - variance / spread**2, 0.0, 1.0), 0.0)
    return Efficiency(outcome, mean + own, np.sqrt(variance), weight, **sums)


def _separate(
    rows: list[dict[str, Any]],
    places: dict[str, int],
    expected: tuple[Array, Array],
    past: Section,
) -> tuple[Array, Array]:
    """What is each channel's own, and its variance, beside the level of each currency."""
    mean, spread = expected
    currencies = sorted({row[CURRENCY] for row in rows})
    design = np.zeros((len(rows), mean.size + len(currencies)))
    seen, noise = np.zeros(len(rows)), np.ones(len(rows))
    for at, row in enumerate(rows):
        place = places[row[f.CHANNEL]]
        design[at, [place, mean.size + currencies.index(row[CURRENCY])]] = 1.0
        seen[at] = np.log((row["weighed"] + 0.5) / row["weighed_spend"]) - mean[place]
        noise[at] = (
            1 / (row["effective"] + 0.5)
            + float(past.daily_spread) ** 2 / row["days"]
            + float(past.campaign_spread) ** 2 / row["campaigns"]
        )
    before = np.concatenate([spread**-2.0, np.zeros(len(currencies))])
    covariance = np.linalg.inv(design.T @ (design / noise[:, None]) + np.diag(before))
    found = covariance @ (design.T @ (seen / noise))
    return found[: mean.size], np.diag(covariance)[: mean.size].copy()


def _told(results: pl.DataFrame | None, outcome: str, past: Section) -> pl.DataFrame:
    """Sums of the paid rows of each channel and currency; older ones count less."""
    if results is None or outcome not in results.columns:
        return pl.DataFrame()
    age = (pl.col("date").max() - pl.col("date")).dt.total_days()
    optional = {name: pl.lit("") for name in ("campaign_id", CURRENCY) if name not in results}
    paid = (
        results.with_columns(**optional)
        .filter(pl.col("spend") > 0)
        .with_columns(
            pl.col("campaign_id", CURRENCY).fill_null(""),
            weight=0.5 ** (age / float(past.half_life_days)),
            count=pl.col(outcome).fill_null(0).cast(pl.Float64),
        )
    )
    weight, weighed = pl.col("weight"), pl.col("weight") * pl.col("count")
    squared = (pl.col("weight") ** 2 * pl.col("count")).sum()
    return (
        paid.group_by(f.CHANNEL, CURRENCY)
        .agg(
            outcomes=pl.col("count").sum(),
            spend=pl.col("spend").sum(),
            weighed=weighed.sum(),
            weighed_spend=(weight * pl.col("spend")).sum(),
            effective=pl.when(squared > 0).then(weighed.sum() ** 2 / squared).otherwise(0.0),
            days=weight.sum() ** 2 / (weight**2).sum(),
            campaigns=pl.col("campaign_id").n_unique().cast(pl.Float64),
        )
        .sort(f.CHANNEL, CURRENCY)
    )
