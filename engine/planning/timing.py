"""When an audience responds: hours of the week by channel and audience, and posts put into them.

In: hours counted from acts or posts, what is known of channels, a calendar. Out: the response of
every hour of a week with its interval, and a week's posts. Never: a clock, or an hour as sure as
another that was seen ten times as often.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine import frames as f
from engine.errors import InvalidValue, UnknownEntity
from engine.planning.calendars import Week
from engine.planning.hours import HOUR, WEEKDAY
from engine.planning.rhythm import WEEK
from engine.planning.spacing import chain, chain_totals, share_out
from engine.planning.weeks import (
    BASIS,
    COLUMNS,
    ON_HOLIDAY,
    SEEN,
    Ground,
    Placement,
    learn_channel,
    week_rows,
)
from engine.settings import Section

Array = NDArray[Any]
NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_WORK_UNIT = 0.05  # hours of work are counted in steps of three minutes
_NOTHING_LOST, _MOST = 0.01, 1000


@dataclass(frozen=True)
class Team:
    """What a team can do in a week: so many posts, or so many hours of work; not both.

    Without either the configured number of posts. `open_hours` are the hours of the week
    (24 x weekday + hour, in the audience's time) at which posts may go out; nothing: all.
    """

    posts: int | None = None
    hours: float | None = None
    open_hours: frozenset[int] | None = None


def hour_response(
    hours: pl.DataFrame, *, placements: Sequence[Placement], ground: Ground
) -> pl.DataFrame:
    """The response of every hour of the week, against the placement's average hour, which is 1.

    A channel is shrunk towards what is usual there, a segment towards everybody on its channel.
    Intervals are those of the mean response, not of a single post.

    Args:
        hours: as `count_acts` and `count_posts` give; may be empty. Rows without a segment stand
            for everybody; where a channel has none, its segments together do.
        placements: of which the response is asked.
        ground: what timing stands on.

    Returns:
        168 rows for each placement, in the order asked, then by weekday and hour: channel,
        segment_id (null: everybody there), weekday (0 Monday), hour, expected, lower, upper,
        on_holiday (expected where that day is a holiday), seen (acts or response that were
        counted, older ones less), basis ("prior": nothing was; "results": they have taken more
        than half of the variance away; else "mixed").

    Raises:
        UnknownEntity: a channel has neither facts nor hours; the known ones are named.
    """
    known = dict.fromkeys([*ground.channels, *hours[f.CHANNEL].unique().sort()])
    for channel, _ in placements:
        if channel not in known:
            raise UnknownEntity("channel", channel, tuple(known))
    learned = {channel: learn_channel(hours, channel, ground) for channel, _ in placements}
    if not placements:
        return pl.DataFrame(schema=COLUMNS)
    return pl.concat([week_rows(hours, one, learned[one[0]], ground) for one in placements])


def plan_schedule(
    response: pl.DataFrame,
    *,
    start: date,
    ground: Ground,
    team: Team | None = None,
    weights: Mapping[Placement, float] | None = None,
) -> list[dict[str, Any]]:
    """The posts of a week from `start` on whose response together is greatest.

    Posts of one placement keep their distance, and lose to the one before as it fades; each
    further one in a week loses a little more. Of all weeks that hold to this the best is found,
    by dynamic programming. Days that are holidays are planned as such, and hours that do not
    exist, where clocks are put forward, are left out.

    Args:
        response: as `hour_response` gives.
        start: the first day, in the audience's time zone.
        ground: what timing stands on.
        team: what can be done in a week.
        weights: worth of a placement's average hour against the others'; 1 where not named, and
            nothing goes to those of 0.

    Returns:
        One dict for each post, by time: channel, segment_id, weekday, hour, starts_at (ISO 8601
        in the audience's time zone), date (in its calendar), expected, lower, upper (against the
        average hour, less what is lost to the post before), reason.

    Raises:
        InvalidValue: posts or hours are negative or both given, hours of the week are outside 0
            to 167, or more posts are asked for than the week can hold.
    """
    team = team or Team()
    week = Week(start, ground.calendar)
    tables = _tables(response, weights or {})
    if not tables:
        return []
    allowed, loss = week.exists() & _open(team), loss_by_distance(ground.settings)
    worth = [np.where(allowed, weight * _of(table, week), -np.inf) for table, weight in tables]
    posts = _share_out(worth, [table[f.CHANNEL][0] for table, _ in tables], team, ground)
    slots = [
        slot
        for (table, _), values, count in zip(tables, worth, posts, strict=True)
        for slot in _slots(table, chain(values, loss, int(count)), loss, week)
    ]
    slots.sort(key=lambda slot: (slot[0], slot[1][f.CHANNEL], slot[1][f.SEGMENT] or ""))
    return [slot for _, slot in slots]


def loss_by_distance(settings: Mapping[str, Section]) -> Array:
    """(169,) part of its response that a post loses to one so many hours before; inf: too close."""
    chosen, apart = settings["schedule"], np.arange(WEEK + 1)
    loss = float(chosen.overlap) * np.exp(-apart / float(chosen.fade_hours))
    loss[loss < _NOTHING_LOST] = 0.0
    loss[: int(chosen.distance_hours)] = np.inf
    return np.asarray(loss)


def _tables(
    response: pl.DataFrame, weights: Mapping[Placement, float]
) -> list[tuple[pl.DataFrame, float]]:
    """The hours of each placement that is worth anything, in their order."""
    parts = response.partition_by(f.CHANNEL, f.SEGMENT, maintain_order=True)
    named = [(part, weights.get((part[f.CHANNEL][0], part[f.SEGMENT][0]), 1.0)) for part in parts]
    return [(part, weight) for part, weight in named if weight > 0]


def _open(team: Team) -> Array:
    hours = range(WEEK) if team.open_hours is None else sorted(team.open_hours)
    if any(not 0 <= hour < WEEK for hour in hours):
        raise InvalidValue("open_hours", f"hours of the week are 0 to {WEEK - 1}")
    return np.isin(np.arange(WEEK), list(hours))


def _of(table: pl.DataFrame, week: Week) -> Array:
    """(168,) response of the hours of this week, holidays as holidays."""
    usual, instead = table[f.EXPECTED].to_numpy(), table[ON_HOLIDAY].to_numpy()
    return np.asarray(np.where(week.free(), instead, usual))


def _share_out(
    worth: Sequence[Array], channels: Sequence[str], team: Team, ground: Ground
) -> Array:
    """How many posts each placement gets."""
    chosen = ground.settings["schedule"]
    if team.posts is not None and team.hours is not None:
        raise InvalidValue("hours", "give either posts or hours of work")
    for name, value in (("posts", team.posts), ("hours", team.hours)):
        if value is not None and not 0 <= value <= _MOST:
            raise InvalidValue(name, f"{value} is outside 0 to {_MOST} a week")
    if team.hours is None:
        costs, budget = [1] * len(worth), int(chosen.posts if team.posts is None else team.posts)
    else:
        work = [float(ground.facts(channel)["post_hours"]) for channel in channels]
        costs = [max(1, round(each / _WORK_UNIT)) for each in work]
        budget = int(team.hours / _WORK_UNIT + 1e-9)
    loss, room = loss_by_distance(ground.settings), WEEK // int(chosen.distance_hours)
    totals = []
    for values, cost in zip(worth, costs, strict=True):
        most = min(budget // cost, room)
        numbers = np.arange(most + 1)
        total = chain_totals(values, loss, most) if most else np.zeros(1)
        average = float(values[np.isfinite(values)].mean()) if np.isfinite(values).any() else 0.0
        totals.append(total - float(chosen.tiring) * average * numbers * (numbers - 1) / 2)
    found = share_out(totals, costs, budget, all_of_it=team.hours is None)
    if team.posts is not None and int(found.sum()) < team.posts:
        detail = f"a week holds {int(found.sum())} at a distance of {chosen.distance_hours} hours"
        raise InvalidValue("posts", f"{team.posts} are too many: {detail}")
    return found


def _slots(
    table: pl.DataFrame, hours: Array, loss: Array, week: Week
) -> list[tuple[datetime, dict[str, Any]]]:
    """The posts of one placement, each with the moment by which it is sorted."""
    found, expected = [], _of(table, week)
    for place, hour in enumerate(hours):
        apart = int(hour - hours[place - 1]) if place else int(hour + WEEK - hours[-1])
        row, at = table.row(int(hour), named=True), week.moment(int(hour))
        left = 1 - float(loss[apart])
        ratio = float(expected[hour]) / row[f.EXPECTED] * left
        slot = {name: row[name] for name in (f.CHANNEL, f.SEGMENT, WEEKDAY, HOUR)}
        slot |= {"starts_at": at.isoformat(), "date": week.calendar.told(at.date())}
        slot |= {name: row[name] * ratio for name in (f.EXPECTED, f.LOWER, f.UPPER)}
        slot[f.REASON] = _reason(row, week, apart, left, float(expected[hour]))
        found.append((at.astimezone(UTC), slot))
    return found


def _reason(row: dict[str, Any], week: Week, apart: int, left: float, level: float) -> str:
    told = {
        "prior": "as is usual there; nothing was measured yet",
        "mixed": f"from {row[SEEN]:,.0f} acts and what is usual there",
        "results": f"from {row[SEEN]:,.0f} acts",
    }
    parts = [f"{NAMES[row[WEEKDAY]]} {row[HOUR]:02}:00 is {level:.2f} times an average hour"]
    parts[0] += f", {told[row[BASIS]]}"
    holiday = week.holidays.get(week.day(row[WEEKDAY]))
    if holiday:
        parts.append(f"a holiday: {holiday}")
    if left <= 1 - _NOTHING_LOST:
        parts.append(f"loses {1 - left:.0%} to the post {apart} hours before")
    return "; ".join(parts)
