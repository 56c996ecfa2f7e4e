"""When an audience responds: hours of the week by channel and audience, and posts put into them.

In: hours counted from acts or posts, what is known of channels, a calendar. Out: the response of
every hour of a week with its interval, and a week's posts. Never: a clock, or an hour as sure as
another that was seen ten times as often.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine import frames as f
from engine.errors import InvalidValue, UnknownEntity
from engine.planning.calendars import Calendar
from engine.settings import Scalar, Section

Array = NDArray[Any]
Placement = tuple[str, str | None]
"""A channel, and a segment on it or nothing for everybody there."""

HOURS, DAYS = 24, 7
WEEKDAY, HOUR, BASIS = "weekday", "hour", "basis"
NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class Ground:
    """What timing stands on: rows of configs/channels.toml, a calendar, configs/timing.toml."""

    channels: Mapping[str, Mapping[str, Scalar]]
    calendar: Calendar
    settings: Mapping[str, Section]


@dataclass(frozen=True)
class Team:
    """What a team can do in a week: so many posts, or so many hours of work.

    Without either the configured number of posts. `open_hours` are the hours of the week
    (24 x weekday + hour, in the audience's time) at which posts may go out; nothing: all.
    """

    posts: int | None = None
    hours: float | None = None
    open_hours: frozenset[int] | None = None


def hour_response(
    hours: pl.DataFrame, *, placements: Sequence[Placement], ground: Ground
) -> pl.DataFrame:
    """The response of every hour of the week, against the channel's average hour, which is 1.

    Args:
        hours: as `count_acts` and `count_posts` give; may be empty.
        placements: of which the response is asked.
        ground: what timing stands on.

    Returns:
        168 rows for each placement, in the order asked, then by weekday and hour: channel,
        segment_id (null: everybody there), weekday (0 Monday), hour, expected, lower, upper,
        basis ("prior", "mixed" or "results").

    Raises:
        UnknownEntity: a channel has neither facts nor hours; the known ones are named.
    """
    for channel, _ in placements:
        if channel not in ground.channels:
            raise UnknownEntity("channel", channel, tuple(ground.channels))
    return pl.concat([_prior_rows(placement, ground) for placement in placements])


def _prior_rows(placement: Placement, ground: Ground) -> pl.DataFrame:
    curve = _prior_curve(ground.channels[placement[0]], ground).ravel()
    width = 1.2816 * float(ground.settings["prior"].spread)
    week = np.arange(DAYS * HOURS)
    return pl.DataFrame(
        {
            f.CHANNEL: [placement[0]] * week.size,
            f.SEGMENT: pl.Series([placement[1]] * week.size, dtype=pl.String),
            WEEKDAY: (week // HOURS).astype(np.int8),
            HOUR: (week % HOURS).astype(np.int8),
            f.EXPECTED: curve,
            f.LOWER: curve * np.exp(-width),
            f.UPPER: curve * np.exp(width),
            BASIS: ["prior"] * week.size,
        }
    )


def _prior_curve(row: Mapping[str, Scalar], ground: Ground) -> Array:
    """Response by weekday and hour (7, 24) before anything was measured; its mean is 1."""
    width = float(ground.settings["prior"].width_hours)
    first, second = (_rush(float(row[name]), width) for name in ("peak_hour", "second_hour"))
    shape = np.maximum(first, float(row["second_height"]) * second)
    night = float(row["night"])
    curve = np.tile(night + (1 - night) * shape, (DAYS, 1))
    curve[sorted(ground.calendar.weekend)] *= float(row["weekend"])
    return np.asarray(curve / curve.mean())


def _rush(peak: float, width: float) -> Array:
    apart = np.abs(np.arange(HOURS) + 0.5 - peak)
    return np.asarray(np.exp(-0.5 * (np.minimum(apart, HOURS - apart) / width) ** 2))


def plan_schedule(
    response: pl.DataFrame,
    *,
    start: date,
    ground: Ground,
    team: Team | None = None,
    weights: Mapping[Placement, float] | None = None,
) -> list[dict[str, Any]]:
    """The posts of a week from `start` on, by time, so that they do not compete.

    Args:
        response: as `hour_response` gives.
        start: the first day, in the audience's time zone.
        ground: what timing stands on.
        team: what can be done in a week.
        weights: worth of a placement's average hour against the others'; 1 where not named.

    Returns:
        One dict for each post, by time: channel, segment_id, weekday, hour, starts_at (ISO 8601
        in the audience's time zone), date (in its calendar), expected, lower, upper (against the
        average hour), reason.

    Raises:
        InvalidValue: posts or hours below 1, or more posts than the week can hold.
    """
    team = team or Team()
    wanted = int(team.posts or ground.settings["schedule"].posts)
    if wanted < 1:
        raise InvalidValue("posts", f"{wanted} is below 1")
    best = response.sort(f.EXPECTED, descending=True, maintain_order=True).head(wanted)
    slots = [_slot(row, start, ground.calendar) for row in best.iter_rows(named=True)]
    return sorted(slots, key=lambda slot: str(slot["starts_at"]))


def _slot(row: dict[str, Any], start: date, calendar: Calendar) -> dict[str, Any]:
    day = start + timedelta(days=(row[WEEKDAY] - start.weekday()) % DAYS)
    at = datetime.combine(day, time(row[HOUR]), calendar.tz)
    kept = (f.CHANNEL, f.SEGMENT, WEEKDAY, HOUR, f.EXPECTED, f.LOWER, f.UPPER)
    return {
        **{name: row[name] for name in kept},
        "starts_at": at.isoformat(),
        "date": calendar.told(day),
        f.REASON: f"{NAMES[row[WEEKDAY]]} {row[HOUR]:02}:00: {row[f.EXPECTED]:.2f} times "
        "an average hour, as is usual there; nothing was measured yet",
    }
