"""Acts and posts counted by hour of the week, on the clock of the audience.

In: acts or posts with their moments in UTC, a calendar. Out: for each channel and segment, hours of
the week with how often they came and what happened in them. Never: an hour that did not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from engine import frames as f
from engine.planning.calendars import Calendar, holidays_between, jalali_parts

WEEKDAY, HOUR, HOLIDAY, MONTH = "weekday", "hour", "holiday", "month"
UNITS, TOTAL, SQUARES = "units", "total", "squares"
COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    f.CHANNEL: pl.String,
    f.SEGMENT: pl.String,  # null: everybody there
    f.KIND: pl.String,  # of a post; null: acts, or not known
    MONTH: pl.Int8,  # 0 to 11 in the calendar of the audience; null: not told apart
    WEEKDAY: pl.Int8,  # 0 Monday
    HOUR: pl.Int8,
    HOLIDAY: pl.Boolean,
    UNITS: pl.Float64,  # hours that passed, or posts that went out
    TOTAL: pl.Float64,  # acts, or response
    SQUARES: pl.Float64,  # sum over units of their squared total
}
"""Columns of what is counted here; older units weigh less."""
_QUARTER = timedelta(minutes=15)  # every time zone of today is whole quarters away from UTC
_PLACE = [f.CHANNEL, f.SEGMENT]
_CELL = [MONTH, WEEKDAY, HOUR, HOLIDAY]


@dataclass(frozen=True)
class Window:
    """From when until when was looked, and after how many days a unit counts half."""

    since: datetime
    until: datetime
    half_life_days: float


def no_hours() -> pl.DataFrame:
    """Nothing counted yet."""
    return pl.DataFrame(schema=COLUMNS)


def count_acts(acts: pl.DataFrame, calendar: Calendar, window: Window) -> pl.DataFrame:
    """Acts by channel, segment and hour of the week, beside how many such hours there were.

    A day on which clocks are turned has 23 or 25 hours, and counts so. Holidays are counted apart.
    Acts outside of the window, or without a channel, are passed over.

    Args:
        acts: channel, occurred_at (UTC), and where there are any segment_id (null: everybody) and
            `acts`, how many a row stands for.
        calendar: of the audience.
        window: what was looked at.
    """
    within = pl.col(f.AT).is_between(window.since, window.until, closed="left")
    rows = acts.filter(within & pl.col(f.CHANNEL).is_not_null()).with_columns(
        **_lacking(acts, {f.SEGMENT: pl.lit(None, pl.String), f.ACTS: pl.lit(1.0)})
    )
    hours = ["date", HOUR, "offset"]
    in_hours = (
        rows.with_columns(_clock(calendar))
        .group_by(*_PLACE, *hours)
        .agg(pl.col(f.ACTS).sum().cast(pl.Float64).alias("count"), pl.col(f.AT).min())
        .with_columns(*_days(calendar, window), _weight(window))
        .group_by(*_PLACE, *_CELL)
        .agg(
            (pl.col("weight") * pl.col("count")).sum().alias(TOTAL),
            (pl.col("weight") * pl.col("count") ** 2).sum().alias(SQUARES),
        )
    )
    passed = _passed(calendar, window)
    places = in_hours.select(_PLACE).unique().join(passed, how="cross")
    joined = places.join(in_hours, on=[*_PLACE, *_CELL], how="left", nulls_equal=True)
    return _ordered(joined.with_columns(pl.col(TOTAL, SQUARES).fill_null(0.0)))


def count_posts(
    posts: pl.DataFrame, calendar: Calendar, window: Window, *, cap: float
) -> pl.DataFrame:
    """Posts by channel, segment, kind, month and hour of the week, with the response they had.

    Args:
        posts: channel, occurred_at (UTC), response (at least 0), and where there are any
            segment_id and kind.
        calendar: of the audience.
        window: what was looked at.
        cap: a post counts for at most so many times the median post of its channel, so that one
            that went round the world does not decide what hour is best.
    """
    within = pl.col(f.AT).is_between(window.since, window.until, closed="left")
    known = pl.col(f.CHANNEL).is_not_null() & pl.col("response").is_not_null()
    empty = pl.lit(None, pl.String)
    rows = posts.filter(within & known).with_columns(
        **_lacking(posts, {f.SEGMENT: empty, f.KIND: empty})
    )
    response = capped(pl.col("response"), cap)
    counted = (
        rows.with_columns(*_clock(calendar), response.alias("count"))
        .with_columns(*_days(calendar, window, months=True), _weight(window))
        .group_by(*_PLACE, f.KIND, *_CELL)
        .agg(
            pl.col("weight").sum().alias(UNITS),
            (pl.col("weight") * pl.col("count")).sum().alias(TOTAL),
            (pl.col("weight") * pl.col("count") ** 2).sum().alias(SQUARES),
        )
    )
    return _ordered(counted)


def capped(response: pl.Expr, cap: float) -> pl.Expr:
    """Response, cut at so many times the median of its channel; not where that is 0."""
    median = response.cast(pl.Float64).median().over(f.CHANNEL)
    highest = pl.when(median > 0).then(cap * median)
    return pl.min_horizontal(response.cast(pl.Float64), highest)


def _lacking(frame: pl.DataFrame, columns: dict[str, pl.Expr]) -> dict[str, pl.Expr]:
    return {name: value for name, value in columns.items() if name not in frame.columns}


def _clock(calendar: Calendar) -> list[pl.Expr]:
    """Date, hour and distance from UTC on the audience's clock: an hour that comes twice is two."""
    local = pl.col(f.AT).dt.convert_time_zone(calendar.zone)
    offset = local.dt.base_utc_offset() + local.dt.dst_offset()
    return [local.dt.date().alias("date"), local.dt.hour().alias(HOUR), offset.alias("offset")]


def _days(calendar: Calendar, window: Window, *, months: bool = False) -> list[pl.Expr]:
    first, last = (moment.astimezone(calendar.tz).date() for moment in (window.since, window.until))
    free = pl.Series(list(holidays_between(calendar.country, first, last)), dtype=pl.Date)
    date = pl.col("date")
    month: pl.Expr = pl.lit(None, pl.Int8)
    if months and calendar.jalali:
        month = date.map_batches(_jalali_month, return_dtype=pl.Int8)
    elif months:
        month = date.dt.month() - 1
    return [
        (date.dt.weekday() - 1).alias(WEEKDAY),
        date.is_in(pl.lit(free).implode()).alias(HOLIDAY),
        month.cast(pl.Int8).alias(MONTH),
    ]


def _jalali_month(dates: pl.Series) -> pl.Series:
    _, month, _ = jalali_parts(dates.to_physical().to_numpy())
    return pl.Series(month - 1, dtype=pl.Int8)


def _weight(window: Window) -> pl.Expr:
    age = (pl.lit(window.until) - pl.col(f.AT)).dt.total_seconds() / 86_400
    return (0.5 ** (age / window.half_life_days)).alias("weight")


def _passed(calendar: Calendar, window: Window) -> pl.DataFrame:
    """How many of each hour of the week passed in the window, older ones counting less."""
    quarters = pl.datetime_range(
        window.since, window.until, _QUARTER, closed="left", eager=True, time_unit="us"
    ).alias(f.AT)
    return (
        quarters.to_frame()
        .with_columns(_clock(calendar))
        .with_columns(*_days(calendar, window), _weight(window))
        .group_by(_CELL)
        .agg((pl.col("weight").sum() / 4).alias(UNITS))
    )


def _ordered(counted: pl.DataFrame) -> pl.DataFrame:
    full = counted.with_columns(**_lacking(counted, {f.KIND: pl.lit(None, pl.String)}))
    keys = [*_PLACE, f.KIND, *_CELL]
    return full.select(list(COLUMNS)).cast(dict(COLUMNS)).sort(keys)  # type: ignore[arg-type]
