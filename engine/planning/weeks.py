"""The week of a channel, and of an audience on it: what is usual there, moved by what was counted.

In: counted hours, facts of channels, a calendar, settings. Out: 168 hours against their mean, with
their intervals. Never: a channel that is believed beyond what was counted on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import ndtri

from engine import frames as f
from engine.planning.calendars import Calendar
from engine.planning.hours import HOLIDAY, HOUR, MONTH, SQUARES, TOTAL, UNITS, WEEKDAY
from engine.planning.rhythm import HOURS, WEEK, Cells, Rhythm, Spreads, learn_rhythm
from engine.settings import Scalar, Section

Array = NDArray[Any]
Placement = tuple[str, str | None]
"""A channel, and a segment on it or nothing for everybody there."""
BASIS, SEEN, ON_HOLIDAY = "basis", "seen", "on_holiday"
COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    f.CHANNEL: pl.String,
    f.SEGMENT: pl.String,
    WEEKDAY: pl.Int8,
    HOUR: pl.Int8,
    f.EXPECTED: pl.Float64,
    f.LOWER: pl.Float64,
    f.UPPER: pl.Float64,
    ON_HOLIDAY: pl.Float64,
    SEEN: pl.Float64,
    BASIS: pl.String,
}
_HALF_TOLD = 0.5
_SHAPE = ("peak_hour", "second_hour", "second_height", "night", "weekend")


@dataclass(frozen=True)
class Ground:
    """What timing stands on: rows of configs/channels.toml, a calendar, configs/timing.toml."""

    channels: Mapping[str, Mapping[str, Scalar]]
    calendar: Calendar
    settings: Mapping[str, Section]

    def facts(self, channel: str) -> Mapping[str, Scalar]:
        """What is known of a channel; of one without facts, the median of the others' numbers."""
        row = self.channels.get(channel)
        if row is not None:
            return row
        numbers = [*_SHAPE, "post_hours"]
        rows = self.channels.values()
        return {name: float(np.median([float(row[name]) for row in rows])) for name in numbers}


@dataclass(frozen=True)
class Learned:
    """A channel: what is usual there, what was learned, from how much."""

    usual: Array  # (168,) logarithm
    rhythm: Rhythm
    kinds: list[str]
    seen: float


def learn_channel(hours: pl.DataFrame, channel: str, ground: Ground) -> Learned:
    """What everybody's hours on a channel tell; its segments together where nobody else is told."""
    rows = hours.filter(pl.col(f.CHANNEL) == channel)
    everybody = rows.filter(pl.col(f.SEGMENT).is_null())
    rows = everybody if everybody.height else rows
    kinds = rows[f.KIND].drop_nulls().unique().sort().to_list()
    usual = np.log(usual_week(ground.facts(channel), ground)).ravel()
    cells = cells_of(rows, kinds, ground.calendar)
    rhythm = learn_rhythm(
        cells, _expected(cells, usual, ground), spreads_of(ground.settings), kinds=len(kinds)
    )
    return Learned(usual, rhythm, kinds, float(rows[TOTAL].sum()))


def _expected(cells: Cells, usual: Array, ground: Ground) -> Array:
    holiday = np.log(float(ground.settings["prior"].holiday))
    return np.asarray(usual[cells.week] + np.where(cells.holiday, holiday, 0.0))


def spreads_of(settings: Mapping[str, Section], *, audience: bool = False) -> Spreads:
    """How far parts may stray: a channel from what is usual, or an audience from its channel."""
    learning, own = settings["learning"], float(settings["learning"].audience)
    parts = {
        "hour": float(settings["prior"].spread),
        "weekday": float(learning.weekday),
        "interaction": float(learning.interaction),
        "holiday": float(settings["prior"].holiday_spread),
        "month": float(learning.month),
        "kind": float(learning.kind),
    }
    if audience:
        parts = {name: min(spread, own) for name, spread in parts.items()}
    return Spreads(
        **parts,
        dispersion=float(learning.dispersion),
        smooth_hours=float(learning.smooth_hours),
        steadiness=float(learning.steadiness),
    )


def cells_of(hours: pl.DataFrame, kinds: Sequence[str], calendar: Calendar) -> Cells:
    """Counted hours as arrays; a holiday stands at the last day of the weekend."""
    rest = max(calendar.weekend, default=6)
    weekday = pl.when(pl.col(HOLIDAY)).then(rest).otherwise(pl.col(WEEKDAY)).cast(pl.Int64)
    places = pl.DataFrame({f.KIND: list(kinds), "place": range(len(kinds))}).cast(
        {f.KIND: pl.String, "place": pl.Int64}
    )
    rows = hours.join(places, on=f.KIND, how="left", maintain_order="left").select(
        week=weekday * HOURS + pl.col(HOUR),
        holiday=HOLIDAY,
        month=pl.col(MONTH).fill_null(-1).cast(pl.Int64),
        kind=pl.col("place").fill_null(-1),
        units=UNITS,
        total=TOTAL,
        squares=SQUARES,
    )
    return Cells(*(rows[name].to_numpy() for name in rows.columns))


def week_rows(
    hours: pl.DataFrame, placement: Placement, learned: Learned, ground: Ground
) -> pl.DataFrame:
    """The 168 rows of a placement in `COLUMNS`; a segment is moved off its channel."""
    channel, segment = placement
    own, week_of, seen = [learned.rhythm], learned.usual, learned.seen
    if segment is not None:
        rows = hours.filter((pl.col(f.CHANNEL) == channel) & (pl.col(f.SEGMENT) == segment))
        cells = cells_of(rows, learned.kinds, ground.calendar)
        expected = _expected(cells, learned.usual, ground) + learned.rhythm.at(cells)
        spreads = spreads_of(ground.settings, audience=True)
        own.append(learn_rhythm(cells, expected, spreads, kinds=len(learned.kinds)))
        seen = float(rows[TOTAL].sum()) or seen
    effects, covariances, before = zip(*(one.week() for one in own), strict=True)
    level, spread, told = _against_mean(
        week_of + np.sum(effects, axis=0), np.sum(covariances, axis=0), np.sum(before, axis=0)
    )
    width = float(ndtri(0.5 + float(ground.settings["schedule"].confidence) / 2)) * spread
    basis = "prior" if seen == 0 else "results" if told > _HALF_TOLD else "mixed"
    rest = max(ground.calendar.weekend, default=6) * HOURS
    free = np.log(float(ground.settings["prior"].holiday)) + sum(one.holiday()[0] for one in own)
    at = np.arange(WEEK)
    return pl.DataFrame(
        {
            f.CHANNEL: [channel] * WEEK,
            f.SEGMENT: [segment] * WEEK,
            WEEKDAY: at // HOURS,
            HOUR: at % HOURS,
            f.EXPECTED: np.exp(level),
            f.LOWER: np.exp(level - width),
            f.UPPER: np.exp(level + width),
            ON_HOLIDAY: np.exp(level[rest + at % HOURS] + free),
            SEEN: np.full(WEEK, seen),
            BASIS: [basis] * WEEK,
        },
        schema=COLUMNS,
    )


def _against_mean(eta: Array, covariance: Array, before: Array) -> tuple[Array, Array, float]:
    """Logarithms against the mean hour, their spread, and how much of the variance data took.

    The spread is that of a ratio (delta method): an hour is compared with the mean of all.
    """
    share = np.exp(eta - eta.max())
    share = share / share.sum()
    level = eta - eta.max() - np.log(np.exp(eta - eta.max()).mean())
    now, was = (
        np.maximum(np.diag(each) - 2 * each @ share + share @ each @ share, 0.0)
        for each in (covariance, before)
    )
    return level, np.sqrt(now), float(1 - now.sum() / was.sum())


def usual_week(row: Mapping[str, Scalar], ground: Ground) -> Array:
    """Response by weekday and hour (7, 24) before anything was measured; its mean is 1."""
    width = float(ground.settings["prior"].width_hours)
    first, second = (_rush(float(row[name]), width) for name in ("peak_hour", "second_hour"))
    shape = np.maximum(first, float(row["second_height"]) * second)
    night = float(row["night"])
    curve = np.tile(night + (1 - night) * shape, (WEEK // HOURS, 1))
    curve[sorted(ground.calendar.weekend)] *= float(row["weekend"])
    return np.asarray(curve / curve.mean())


def _rush(peak: float, width: float) -> Array:
    apart = np.abs(np.arange(HOURS) + 0.5 - peak)
    return np.asarray(np.exp(-0.5 * (np.minimum(apart, HOURS - apart) / width) ** 2))
