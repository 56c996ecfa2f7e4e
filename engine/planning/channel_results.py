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


@dataclass(frozen=True)
class Efficiency:
    """Outcomes for each unit of money by channel, in the order asked.

    `mean` and `spread` are of its logarithm, against a level that all channels share; `weight`
    how far results have moved it from what was expected: 0 not at all, 1 all the way. `outcomes`
    and `spend` are sums of what came in, undiscounted.
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
    the level (flat) takes up currency and skill, own the channel's spread, noise counts, days and
    campaigns. All is Gaussian, so that the answer is exact (Gelman et al., Bayesian Data
    Analysis, 2013, section 5.4). One channel alone tells the level and nothing of itself.

    Args:
        results: rows of `frames.RESULTS`; rows without money are passed over.
        channels: in whose order the answer comes.
        expected: mean and spread (channels,) of the logarithm before any result.
        outcome: the column that counts.
        past: section of the settings.
    """
    mean, spread = (np.array(part, float) for part in expected)
    sums = _sums(results, channels, outcome, past)
    paid = sums["spend"] > 0
    weight, spread_after = np.zeros(len(channels)), spread.copy()
    if paid.any():
        rate = np.log((sums["weighed"] + 0.5) / np.where(paid, sums["weighed_spend"], 1.0))
        noise = (
            1 / (sums["effective"] + 0.5)
            + float(past.daily_spread) ** 2 / np.maximum(sums["days"], 1)
            + float(past.campaign_spread) ** 2 / np.maximum(sums["campaigns"], 1)
        )
        trust = np.where(paid, 1 / (spread**2 + noise), 0.0)
        level = float(trust @ (rate - mean) / trust.sum())
        weight = np.where(paid, spread**2 * trust, 0.0)
        moved = mean + weight * (rate - mean - level)
        variance = spread**2 * (1 - weight) + weight**2 / trust.sum()
        spread_after = np.sqrt(np.where(paid, variance, spread**2))
        mean = np.where(paid, moved, mean)
    return Efficiency(outcome, mean, spread_after, weight, sums["outcomes"], sums["spend"])


def _sums(
    results: pl.DataFrame | None, channels: Sequence[str], outcome: str, past: Section
) -> dict[str, Array]:
    names = ("outcomes", "spend", "weighed", "weighed_spend", "effective", "days", "campaigns")
    if results is None or results.is_empty() or outcome not in results.columns:
        return {name: np.zeros(len(channels)) for name in names}
    age = (pl.col("date").max() - pl.col("date")).dt.total_days()
    paid = results.filter(pl.col("spend") > 0).with_columns(
        weight=0.5 ** (age / float(past.half_life_days)),
        count=pl.col(outcome).fill_null(0).cast(pl.Float64),
        campaign=pl.col("campaign_id").fill_null("")
        if "campaign_id" in results.columns
        else pl.lit(""),
    )
    weighed = pl.col("weight") * pl.col("count")
    squared = (pl.col("weight") ** 2 * pl.col("count")).sum()
    by_channel = paid.group_by(f.CHANNEL).agg(
        outcomes=pl.col("count").sum(),
        spend=pl.col("spend").sum(),
        weighed=weighed.sum(),
        weighed_spend=(pl.col("weight") * pl.col("spend")).sum(),
        effective=pl.when(squared > 0).then(weighed.sum() ** 2 / squared).otherwise(0.0),
        days=pl.col("weight").sum() ** 2 / (pl.col("weight") ** 2).sum(),
        campaigns=pl.col("campaign").n_unique().cast(pl.Float64),
    )
    asked = pl.DataFrame({f.CHANNEL: list(channels)}, schema={f.CHANNEL: pl.String})
    rows = asked.join(by_channel, on=f.CHANNEL, how="left", maintain_order="left").fill_null(0.0)
    return {name: rows[name].to_numpy().astype(float) for name in names}
