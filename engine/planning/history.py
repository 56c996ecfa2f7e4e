"""What placements did: results as arrays, refused where they cannot be true.

In: results frames, a moment. Out: placements, spends, outcomes and ages in days.
Never: a result of the future, or a row mended in silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine import frames as f
from engine.errors import FrameError, InvalidValue

Array = NDArray[Any]
EVERYBODY = "everybody"
"""The segment of a result that names none."""
DATE, SPEND = "date", "spend"
COUNTS = ("impressions", "clicks", "conversions", "sales", "revenue")


@dataclass(frozen=True)
class History:
    """Rows of results by placement; rows are sorted by placement, then by date.

    `places` may hold placements without rows. `row` (t,) int64 the placement, `spend` and
    `outcome` (t,) float64, `age` (t,) days before the moment, at least 0.
    """

    places: list[tuple[str, str]]
    row: Array
    spend: Array
    outcome: Array
    age: Array

    def __len__(self) -> int:
        return len(self.places)


def check_results(results: pl.DataFrame, today: date, *, currency: str | None = None) -> None:
    """Refuses results that cannot be true, and says how many rows and which comes first.

    Raises:
        FrameError: a column that plans need is missing or is no number.
        InvalidValue: negative or no numbers, more clicks than impressions, dates after `today`,
            or more than one currency.
    """
    for rule, field, what in _rules(results, today):
        bad = results.filter(rule)
        if bad.height:
            first = bad.row(0, named=True)
            place = f"{first[f.CHANNEL]}/{first.get(f.SEGMENT) or EVERYBODY}"
            rows = "1 row of the results is" if bad.height == 1 else f"{bad.height} rows are"
            raise InvalidValue(field, f"{rows} {what}; the first: {place} on {first[DATE]}")
    _refuse_currencies(results, currency)


def sound_results(
    results: pl.DataFrame, today: date, *, currency: str | None = None
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Results without rows that cannot be true, or are in another currency than the one given.

    Returns:
        The rows that stay, in their order, and a sentence for each reason why others went.

    Raises:
        FrameError: a column that plans need is missing or is no number.
        InvalidValue: they are in more than one currency, and none was given.
    """
    notes = []
    for rule, field, what in _rules(results, today):
        left = results.filter(~rule.fill_null(False))
        if left.height < results.height:
            gone = results.height - left.height
            notes.append(f"Past results left out: {gone:,} ({field} is {what}).")
        results = left
    if currency is not None and "currency" in results.columns:
        left = results.filter(pl.col("currency").fill_null(currency) == currency)
        if left.height < results.height:
            gone = results.height - left.height
            notes.append(f"Past results left out: {gone:,} (not in {currency}).")
        results = left
    _refuse_currencies(results, currency)
    return results, tuple(notes)


def _rules(results: pl.DataFrame, today: date) -> list[tuple[pl.Expr, str, str]]:
    """What cannot be true of a row: where it holds, of which column, in words."""
    for column in (DATE, f.CHANNEL, SPEND):
        if column not in results.columns:
            raise FrameError("results", column, f"missing; found {', '.join(results.columns)}")
    if results.schema[DATE] != pl.Date:
        raise FrameError("results", DATE, f"is {results.schema[DATE]}, must be a date")
    numbers = [name for name in (SPEND, *COUNTS) if name in results.columns]
    rules = []
    for name in numbers:
        if not results.schema[name].is_numeric() and results.schema[name] != pl.Null:
            raise FrameError("results", name, f"is {results.schema[name]}, must be a number")
        value = pl.col(name).cast(pl.Float64)
        rules.append((value < 0, name, "negative"))
        rules.append((~value.is_finite(), name, "no finite number"))
    rules += [(pl.col(name).is_null(), name, "missing") for name in (DATE, f.CHANNEL, SPEND)]
    if {"clicks", "impressions"} <= set(results.columns):
        more = pl.col("clicks") > pl.col("impressions")
        rules.append((more, "clicks", "above the impressions"))
    rules.append((pl.col(DATE) > today, DATE, f"after {today.isoformat()}"))
    return rules


def _refuse_currencies(results: pl.DataFrame, currency: str | None) -> None:
    if "currency" not in results.columns:
        return
    found = sorted(set(results["currency"].drop_nulls().to_list()))
    if len(found) > 1:
        raise InvalidValue("currency", f"results are in {', '.join(found)}; give them in one")
    if currency and found and found[0] != currency:
        raise InvalidValue("currency", f"results are in {found[0]}, the budget in {currency}")


def read_history(
    results: pl.DataFrame,
    outcome: str,
    today: date,
    *,
    places: list[tuple[str, str]] | None = None,
    daily: bool = True,
) -> History:
    """Results as arrays; those of one placement and day are summed where `daily`.

    What a placement brings in a day depends on all that is spent on it, by whichever campaign. A
    row without the outcome is left out. Placements are sorted by channel, then segment, those of
    `places` among them.
    """
    segment = pl.col(f.SEGMENT) if f.SEGMENT in results.columns else pl.lit(None, pl.String)
    rows = results.select(
        pl.col(f.CHANNEL),
        segment.fill_null(EVERYBODY).alias(f.SEGMENT),
        pl.col(DATE),
        pl.col(SPEND).cast(pl.Float64),
        pl.col(outcome).cast(pl.Float64).alias("outcome"),
    ).drop_nulls("outcome")
    keys = [f.CHANNEL, f.SEGMENT]
    if daily:
        rows = rows.group_by([*keys, DATE]).agg(pl.col(SPEND, "outcome").sum())
    known = pl.DataFrame(places or [], schema=dict.fromkeys(keys, pl.String), orient="row")
    table = pl.concat([rows.select(keys), known]).unique().sort(keys).with_row_index("row")
    rows = rows.join(table, on=keys).sort(["row", DATE], maintain_order=True)
    return History(
        list(zip(table[f.CHANNEL].to_list(), table[f.SEGMENT].to_list(), strict=True)),
        rows["row"].to_numpy().astype(np.int64),
        rows[SPEND].to_numpy(),
        rows["outcome"].to_numpy(),
        _ages(rows[DATE], today),
    )


def _ages(dates: pl.Series, today: date) -> Array:
    days = pl.Series([today], dtype=pl.Date).to_physical()[0] - dates.to_physical()
    return np.asarray(days.to_numpy(), np.float64)
