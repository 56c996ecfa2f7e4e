"""Planted markets: placements whose curves are known, and campaigns that are played on them.

In: a seed and sizes. Out: true curves, results of a plan day by day, and what an oracle reaches.
Never: numbers of a plan under test; only its spends are looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.planning.budget import allocate_concave
from engine.planning.constraints import Wishes, read_limits
from engine.planning.curves import Curves

Array = NDArray[Any]
START = date(2026, 1, 5)


@dataclass(frozen=True)
class Market:
    """Placements with the curves `ceiling (1 - exp(-spend / scale))` of a day, and prices."""

    places: list[tuple[str, str]]
    ceiling: Array
    scale: Array
    mille: Array
    click_rate: Array
    noise: float

    @property
    def curves(self) -> Curves:
        return Curves(self.ceiling[:, None], self.scale[:, None])

    def sales(self, spend: Array, days: int, pacing: Array | None = None) -> float:
        """What money by placement truly brings, spread evenly, or by shares of days."""
        if pacing is None:
            return float(self.curves.over(days).value(spend).sum())
        return float(sum(self.curves.value(spend * share).sum() for share in pacing))

    def pacing(self, plan: dict[str, Any]) -> Array:
        """The share of each day in a plan's money (days,)."""
        spends = np.array([row["spend"] for row in plan["pacing"]])
        return np.asarray(spends / spends.sum())

    def oracle(self, budget: float, days: int) -> float:
        limits = read_limits(self.places, budget, Wishes())
        return allocate_concave(self.curves.over(days), limits).value

    def spends(self, plan: dict[str, Any]) -> Array:
        at = {place: row for row, place in enumerate(self.places)}
        spend = np.zeros(len(self.places))
        for row in plan["allocation"]:
            spend[at[row["channel"], row["segment_id"]]] += row["spend"]
        return spend

    def play(
        self, spend: Array, days: int, *, first: date, seed: int, pacing: Array | None = None
    ) -> pl.DataFrame:
        """Daily results of money (n,) spread evenly, or by shares of days, as platforms report."""
        random = np.random.default_rng(seed)
        shares = np.full(days, 1.0 / days) if pacing is None else pacing
        each = shares[:, None] * spend[None, :]
        mean = self.ceiling * -np.expm1(-each / self.scale)
        if self.noise > 0:
            mean = mean * random.gamma(1 / self.noise, self.noise, mean.shape)
        sales = random.poisson(mean)
        impressions = random.poisson(each / self.mille * 1000)
        clicks = random.binomial(impressions, self.click_rate)
        day = np.repeat(np.arange(days), len(self.places))
        channel, segment = zip(*self.places, strict=True)
        return pl.DataFrame(
            {
                "date": [first + timedelta(days=int(one)) for one in day],
                "channel": list(channel) * days,
                "segment_id": list(segment) * days,
                "impressions": impressions.ravel().astype(np.int64),
                "clicks": clicks.ravel().astype(np.int64),
                "spend": each.ravel(),
                "sales": sales.ravel().astype(np.float64),
            }
        )

    def named(self) -> pl.DataFrame:
        """Results that only name the placements: nothing was ever spent."""
        return self.play(np.zeros(len(self.places)), 1, first=START - timedelta(days=1), seed=0)


def plant_market(seed: int, *, channels: int = 4, segments: int = 6, noise: float = 0.05) -> Market:
    """Channels and segments differ, placements differ beyond both, and some bring nothing."""
    random = np.random.default_rng(seed)
    places = [(f"channel-{c}", f"segment-{s}") for c in range(channels) for s in range(segments)]
    of_channel = np.repeat(random.normal(0, 0.4, channels), segments)
    of_segment = np.tile(random.normal(0, 0.4, segments), channels)
    count = len(places)
    ceiling = np.exp(1.8 + of_channel + of_segment + random.normal(0, 0.5, count))
    ceiling *= random.random(count) > 0.1
    scale = np.exp(3.3 + random.normal(0, 0.6, count))
    mille = np.repeat(random.uniform(3, 12, channels), segments)
    click_rate = np.repeat(random.uniform(0.004, 0.02, channels), segments)
    return Market(places, ceiling, scale, mille, click_rate, noise)
