"""What placements did beside what was planned of them, by day and in all, with intervals.

In: a plan, results of its campaign, the day it is. Out: planned and actual, and between what the
actual was to lie. Never: a promise that the plan did not make, or a result counted twice.
"""

from __future__ import annotations

from datetime import date
from statistics import NormalDist
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.frames import CHANNEL, DATE, EXPECTED, LOWER, NAME, SEGMENT, UPPER
from engine.settings import Section

Array = NDArray[Any]
SPEND, ACTUAL, PLANNED = "spend", "actual", "planned"
PLANNED_SPEND, PLANNED_CLICKS, PLANNED_SHOWN = "planned_spend", "planned_clicks", "planned_shown"
COUNTS = ("impressions", "clicks", "conversions", "sales", "revenue")
PLACE = (CHANNEL, SEGMENT)
LEAST = 1e-12
OUTCOMES = {
    "people": ("impressions",),
    "clicks": ("clicks",),
    "revenue": ("revenue",),
    "sales": ("sales", "conversions"),
    "repeat buyers": ("sales", "conversions"),
    "repeat buyers, taken as sales": ("sales", "conversions"),
}
"""What is counted beside a plan's unit: the first of these that results tell."""
PROMISED = {"clicks", "revenue", "sales", "repeat buyers, taken as sales"}
"""Units that results count as plans do. People and buyers who come back are not in results:
beside the first impressions are counted, beside the second nothing is planned of sales."""


AMOUNTS = "Sales in the results are amounts"
"""How the notes of a plan begin that counts sales by what they brought."""


def against_plan(
    plan: dict[str, Any], results: pl.DataFrame, *, today: date, settings: Section
) -> dict[str, Any]:
    """Planned and actual of every placement and day up to the last day with results.

    A day's part of what a placement should bring is its part of the plan's pacing. Its interval is
    a gamma law's with the plan's uncertainty of that placement, the spread of days, and the counts'
    own (Poisson); quantiles after Wilson and Hilferty (1931). Results of a channel without a
    segment belong to its only placement, where it has one.

    Args:
        plan: the answer of `make_plan`.
        results: rows of `frames.RESULTS` of this campaign that hold; spend in the plan's currency.
        today: what lies after it is left out.
        settings: section `pacing`.

    Returns:
        `through` (None without results), `outcome`, frames `days`, `placements`,
        `placement_days`, and `total`; money is in the plan's currency. `lower` and `upper` hold
        `interval` of cases, and are None where the plan promised nothing that is counted; `lies`
        says whether the actual is `below`, `inside` or `above`.
    """
    outcome = outcome_of(plan, results)
    rows = _placed(plan, results.filter(pl.col(DATE) <= today), outcome)
    through = rows[DATE].max()
    places = _places(plan, outcome)
    told = _Told(plan, settings, counted=not _in_money(plan, outcome))
    cells = _cells(told.doubted(places), _days(plan, rows), rows, through)
    whole = places.select(*PLACE, NAME, whole_spend=SPEND, whole_planned=EXPECTED)
    by_place = told.sums(cells, list(PLACE)).join(
        whole, on=PLACE, how="left", nulls_equal=True, maintain_order="left"
    )
    return {
        "through": through.isoformat() if isinstance(through, date) else None,
        "outcome": outcome,
        "interval": told.level,
        "currency": plan.get("currency"),
        "days": told.sums(cells, [DATE]).sort(DATE),
        "placements": by_place.sort(
            "whole_spend", *PLACE, descending=[True, False, False], nulls_last=True
        ),
        "placement_days": told.ends(cells),
        "total": told.sums(cells, []).to_dicts()[0],
    }


def outcome_of(plan: dict[str, Any], results: pl.DataFrame) -> str:
    """The column of results that is counted beside the plan's goal."""
    names = OUTCOMES.get(plan["unit"], ("clicks",))
    if plan["unit"] == "revenue" and _in_money(plan, "sales"):
        names = ("sales", "revenue")
    told = [name for name in names if results.height and (results[name].fill_null(0) > 0).any()]
    if told == ["sales", "conversions"] and not _in_money(plan, "sales"):
        # Sales of some exports are amounts; what is counted then are conversions.
        amounts = results["sales"].drop_nulls()
        return "conversions" if (amounts != amounts.round()).any() else "sales"
    return (told or list(names))[0]


def _in_money(plan: dict[str, Any], outcome: str) -> bool:
    """Whether an outcome is an amount: revenue, and sales where the plan found them to be so."""
    return outcome == "revenue" or (
        outcome == "sales" and any(AMOUNTS in note for note in plan["notes"])
    )


def _placed(plan: dict[str, Any], results: pl.DataFrame, outcome: str) -> pl.DataFrame:
    """Sums by placement and day; a channel's own rows go to its only placement."""
    segments: dict[str, list[str]] = {}
    for row in plan["allocation"]:
        segments.setdefault(row[CHANNEL], []).append(row[SEGMENT])
    alone = {channel: found[0] for channel, found in segments.items() if len(found) == 1}
    only = pl.col(CHANNEL).replace_strict(alone, default=None, return_dtype=pl.String)
    sums = [pl.col(name).sum().cast(pl.Float64) for name in (*COUNTS, SPEND)]
    return (
        results.with_columns(pl.coalesce(SEGMENT, only).alias(SEGMENT))
        .group_by(*PLACE, DATE)
        .agg(*sums)
        .with_columns(pl.col(outcome).alias(ACTUAL))
    )


def _days(plan: dict[str, Any], rows: pl.DataFrame) -> tuple[list[date], Array]:
    """All days of the plan and of results, and the part of the plan's money of each."""
    paced = {date.fromisoformat(day["date"]): float(day["spend"]) for day in plan["pacing"]}
    days = sorted({*paced, *rows[DATE].to_list()})
    spends = np.array([paced.get(day, 0.0) for day in days])
    even = np.array([1.0 / max(len(paced), 1) if day in paced else 0.0 for day in days])
    return days, spends / spends.sum() if spends.sum() > 0 else even


def _places(plan: dict[str, Any], outcome: str) -> pl.DataFrame:
    """What the plan says of each placement for the whole time; None of what it cannot say."""
    names = (CHANNEL, SEGMENT, NAME, SPEND, EXPECTED, LOWER, UPPER, "impressions", "clicks")
    schema = {name: pl.String for name in names[:3]} | {name: pl.Float64 for name in names[3:]}
    rows = [{name: row.get(name) for name in names} for row in plan["allocation"]]
    places = pl.DataFrame(rows, schema=schema, strict=False)
    if plan["unit"] in PROMISED:
        return places
    nothing = pl.lit(None, pl.Float64)
    told = pl.col("impressions") if outcome == "impressions" else nothing
    return places.with_columns(told.alias(EXPECTED), nothing.alias(LOWER), nothing.alias(UPPER))


def _cells(
    places: pl.DataFrame,
    time: tuple[list[date], Array],
    rows: pl.DataFrame,
    through: Any,
) -> pl.DataFrame:
    """Every placement and day up to `through`, those that nobody planned among them."""
    days = pl.DataFrame(
        {DATE: time[0], "share": time[1]}, schema={DATE: pl.Date, "share": pl.Float64}
    )
    days = days.filter(pl.col(DATE) <= through) if through is not None else days.clear()
    planned = (
        places.filter(pl.col(SPEND) > 0)
        .join(days.filter(pl.col("share") > 0), how="cross")
        .select(
            *PLACE,
            DATE,
            "share",
            (pl.col(SPEND) * pl.col("share")).alias(PLANNED_SPEND),
            (pl.col(EXPECTED) * pl.col("share")).alias(PLANNED),
            (pl.col("clicks") * pl.col("share")).alias(PLANNED_CLICKS),
            (pl.col("impressions") * pl.col("share")).alias(PLANNED_SHOWN),
            "doubt",
        )
    )
    every = [*PLACE, DATE]
    return (
        planned.join(rows, on=every, how="full", coalesce=True, nulls_equal=True)
        .with_columns(pl.col(PLANNED_SPEND, "share").fill_null(0.0))
        .sort(every, nulls_last=True)
    )


class _Told:
    """Sums of placement-days with their intervals, all by one plan and one setting."""

    def __init__(self, plan: dict[str, Any], settings: Section, *, counted: bool) -> None:
        normal = NormalDist()
        self.level = float(settings.interval)
        self._z = normal.inv_cdf(0.5 + self.level / 2)
        self._spread = float(settings.outcome_spread)
        self._counted = counted
        # The plan's own interval spans so many standard deviations.
        self._span = 2 * normal.inv_cdf(0.5 + float(plan.get("interval", 0.8)) / 2)
        whole = pl.DataFrame(
            {name: [plan[name]] for name in (EXPECTED, LOWER, UPPER)}, strict=False
        ).cast(pl.Float64)
        self._together = float(self.doubted(whole)["doubt"].fill_null(0.0).item())

    def doubted(self, promises: pl.DataFrame) -> pl.DataFrame:
        """Promises with the relative variance of their yield, without that of the counts."""
        mean = pl.col(EXPECTED)
        wide = (pl.col(UPPER) - pl.col(LOWER)) / (self._span * mean)
        own = 1.0 / mean if self._counted else 0.0
        doubt = pl.when(mean > 0).then((wide**2 - own).clip(lower_bound=0.0))
        return promises.with_columns(doubt.alias("doubt"))

    def sums(self, cells: pl.DataFrame, by: list[str]) -> pl.DataFrame:
        """Planned and actual by these columns.

        Yields of placements are doubted apart, but all together no less than the plan does.
        """
        parts = cells.group_by([*PLACE, *(name for name in by if name == DATE)]).agg(
            *_sums(cells),
            pl.col("doubt").first(),
            (pl.col(PLANNED) ** 2).sum().alias("squares"),
            pl.col(ACTUAL).is_not_null().sum().alias("told_days"),
        )
        parts = parts.with_columns(self._variance().alias("variance"))
        sums = [*_sums(cells), pl.col("variance").sum(), pl.col("told_days").max()]
        whole = parts.group_by(by).agg(sums) if by else parts.select(sums)
        if CHANNEL not in by:
            least = self._together * pl.col(PLANNED) ** 2
            whole = whole.with_columns(pl.max_horizontal("variance", least).alias("variance"))
        return self._ended(whole)

    def ends(self, cells: pl.DataFrame) -> pl.DataFrame:
        """Placement-days with their intervals."""
        squares, told = pl.col(PLANNED) ** 2, pl.col(ACTUAL).is_not_null().cast(pl.Int64)
        rows = cells.with_columns(squares.alias("squares"), told.alias("told_days"))
        rows = self._ended(rows.with_columns(self._variance().alias("variance")))
        return rows.drop("squares", "doubt", "share")

    def _variance(self) -> pl.Expr:
        """Doubt of the yield, days that differ, and counts; of one placement over some days."""
        mean = pl.col(PLANNED)
        own = mean if self._counted else pl.lit(0.0)
        spread = self._spread**2 * pl.col("squares")
        return (pl.col("doubt").fill_null(0.0) * mean**2 + spread + own).fill_null(0.0)

    def _ended(self, rows: pl.DataFrame) -> pl.DataFrame:
        mean, variance = pl.col(PLANNED), pl.col("variance")
        lower, upper = (gamma_quantile(mean, variance, z) for z in (-self._z, self._z))
        lies = (
            pl.when(mean.is_null() | (pl.col("told_days") == 0))
            .then(None)
            .when(pl.col(ACTUAL) < pl.col(LOWER))
            .then(pl.lit("below"))
            .when(pl.col(ACTUAL) > pl.col(UPPER))
            .then(pl.lit("above"))
            .otherwise(pl.lit("inside"))
        )
        ended = rows.with_columns(lower.alias(LOWER), upper.alias(UPPER))
        return ended.with_columns(lies.alias("lies")).drop("variance")


def _sums(cells: pl.DataFrame) -> list[pl.Expr]:
    names = (SPEND, PLANNED_SPEND, ACTUAL, PLANNED_CLICKS, PLANNED_SHOWN, *COUNTS)
    return [*(pl.col(name).sum() for name in names), _sum_or_none(PLANNED)]


def _sum_or_none(name: str) -> pl.Expr:
    """A sum, None where nothing is known of any part."""
    return pl.when(pl.col(name).is_not_null().any()).then(pl.col(name).sum()).alias(name)


def gamma_quantile(mean: pl.Expr, variance: pl.Expr, z: float) -> pl.Expr:
    """The quantile at `z` standard deviations of a gamma law of this mean and variance.

    Wilson and Hilferty, The distribution of chi-square, PNAS 17 (1931): its cube root is nearly
    normal. The mean itself where nothing varies.
    """
    ninth = variance / (9.0 * mean.clip(lower_bound=LEAST) ** 2)
    root = (1.0 - ninth + z * ninth.sqrt()).clip(lower_bound=0.0)
    return mean * root**3
