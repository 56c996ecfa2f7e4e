"""The week's work: who posts what when, from posts that are planned and hours people work.

In: a plan's schedule, who promotes and when they work. Out: each post with a name, or with the
reason why it has none and the nearest hour that would do. Never: work outside somebody's hours.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from engine.errors import InvalidValue, UnreadableFile
from engine.operations.permissions import Actor, require
from engine.operations.responsibilities import promoters
from engine.operations.teams import team_of
from engine.operations.working_hours import DAY_MINUTES, DAYS
from engine.store.home import Home
from engine.store.members import Hours

POST_FIELDS = ("channel", "segment_id", "starts_at")
_FARTHEST = 7 * 24
_HOUR = timedelta(hours=1)
MOST_POSTS = 2000


@dataclass(frozen=True)
class Staff:
    """Who promotes, in the order that ties go by, and when: windows on the clock of one zone.

    Whoever has windows of their own works in these, and all others in those of nobody.
    """

    zone: str
    names: tuple[str, ...]
    hours: tuple[Hours, ...]

    @cached_property
    def weeks(self) -> list[bytearray]:
        """For each the minutes of a week from Monday, 1 where they work."""
        weeks = [bytearray(7 * DAY_MINUTES) for _ in self.names]
        for name, week in zip(self.names, weeks, strict=True):
            own = [one for one in self.hours if one.member == name]
            for one in own or [one for one in self.hours if one.member is None]:
                first = one.weekday * DAY_MINUTES
                week[first + one.start : first + one.stop] = b"\1" * (one.stop - one.start)
        return weeks

    def at_work(self, moment: datetime) -> list[int]:
        """Places of those who work at a moment; windows hold their beginning, not their end."""
        local = moment.astimezone(ZoneInfo(self.zone))
        minute = DAY_MINUTES * local.weekday() + 60 * local.hour + local.minute
        return [place for place, week in enumerate(self.weeks) if week[minute]]


def plan_work(
    schedule: Sequence[Mapping[str, Any]],
    staff: Staff,
    *,
    days: tuple[date, date] | None = None,
) -> dict[str, Any]:
    """Gives every post to somebody who works when it goes out, as evenly as hours allow.

    As many posts are given out as can be, and of all ways to do so none is fairer: the sum of
    squared numbers of posts is least, and so is the largest number, by an optimal semi-matching
    (Harvey, Ladner, Lovász & Tamir 2006, Semi-matchings for bipartite graphs and load balancing,
    algorithm ASM1). Ties go to who is named first; equal questions get equal answers.

    Args:
        schedule: posts as `plan_schedule` gives them: channel, segment_id (or null) and starts_at
            (ISO 8601 with an offset) are read and told again.
        staff: who promotes, and when.
        days: first and last day on which a post could go out instead, in its own offset; any
            within a week of it where missing.

    Returns:
        `assigned`: channel, segment_id, starts_at, at (the same moment on the team's clock) and
        member. `unassigned`: the same without a member, with a `reason` and `nearest`: starts_at
        and member of the nearest whole number of hours away that somebody works, the earlier of
        two; null where there is none. `posts`: how many each has. All by time.

    Raises:
        InvalidValue: a post lacks what is read, its moment has no offset, or there are more than
            2,000.
    """
    posts = sorted(_read(schedule), key=lambda post: (post[0], post[1], post[2] or ""))
    able = [staff.at_work(moment) for moment, _, _ in posts]
    taken = share_evenly(able, len(staff.names))
    zone = ZoneInfo(staff.zone)
    assigned, unassigned = [], []
    for (moment, channel, segment), member in zip(posts, taken, strict=True):
        told: dict[str, Any] = {"channel": channel, "segment_id": segment}
        told |= {"starts_at": moment.isoformat(), "at": moment.astimezone(zone).isoformat()}
        if member is None:
            why, nearest = _why(staff, moment, days)
            unassigned.append(told | {"reason": why, "nearest": nearest})
        else:
            assigned.append(told | {"member": staff.names[member]})
    counts = {name: taken.count(place) for place, name in enumerate(staff.names)}
    return {
        "zone": staff.zone,
        "assigned": assigned,
        "unassigned": unassigned,
        "posts": counts,
    }


def _read(schedule: Sequence[Mapping[str, Any]]) -> Iterator[tuple[datetime, str, str | None]]:
    if len(schedule) > MOST_POSTS:
        raise InvalidValue("schedule", f"holds more than {MOST_POSTS:,} posts")
    for place, post in enumerate(schedule):
        lacking = [name for name in POST_FIELDS if name not in post]
        if lacking:
            raise InvalidValue("schedule", f"post {place + 1} lacks {lacking[0]}")
        channel, segment, starts = (post[name] for name in POST_FIELDS)
        if not isinstance(channel, str) or not isinstance(segment, str | None):
            raise InvalidValue("schedule", f"post {place + 1} names no channel, or no segment")
        try:
            moment = datetime.fromisoformat(starts)
        except (TypeError, ValueError):
            moment = datetime.min
        if moment.tzinfo is None or not 1900 <= moment.year <= 2200:
            detail = f"post {place + 1}: starts_at is no moment in ISO 8601 with an offset"
            raise InvalidValue("schedule", detail)
        yield moment, channel, segment


def share_evenly(able: Sequence[Sequence[int]], people: int) -> list[int | None]:
    """Gives each task to one of those who can do it, nobody burdened more than need be.

    Args:
        able: for each task the places of those who can do it.
        people: how many there are.

    Returns:
        The place of who does each task; none only where nobody can.
    """
    done: list[set[int]] = [set() for _ in range(people)]
    doer: list[int | None] = [None] * len(able)
    for task, who in enumerate(able):
        if not who:
            continue
        came_by = _reachable(able, done, task)
        least = min(came_by, key=lambda place: (len(done[place]), place))
        _hand_on(came_by, done, doer, task, least)
    return doer


def _reachable(
    able: Sequence[Sequence[int]], done: Sequence[set[int]], task: int
) -> dict[int, tuple[int, int | None]]:
    """Who could be burdened with a task, directly or because others hand tasks on.

    For each of them the task that would come to them, and from whom; None: it is the new one.
    """
    found: dict[int, tuple[int, int | None]] = {}
    waiting: deque[tuple[int, int | None]] = deque([(task, None)])
    while waiting:
        moved, giver = waiting.popleft()
        if len(found) == len(done):
            break
        for place in able[moved]:
            if place not in found:
                found[place] = (moved, giver)
                waiting.extend((other, place) for other in sorted(done[place]))
    return found


def _hand_on(
    came_by: Mapping[int, tuple[int, int | None]],
    done: list[set[int]],
    doer: list[int | None],
    task: int,
    last: int,
) -> None:
    """Moves one task along the way to `last`, who has one more afterwards."""
    place: int | None = last
    while place is not None:
        moved, giver = came_by[place]
        if giver is not None:
            done[giver].discard(moved)
        done[place].add(moved)
        doer[moved] = place
        place = giver


def _why(
    staff: Staff, moment: datetime, days: tuple[date, date] | None
) -> tuple[str, dict[str, str] | None]:
    if not staff.names:
        return "nobody in the team is responsible for promotion", None
    if not any(any(week) for week in staff.weeks):
        return "nobody who promotes has hours: `mokhatab teams hours` sets them", None
    local = moment.astimezone(ZoneInfo(staff.zone))
    when = f"{DAYS[local.weekday()].capitalize()} at {local:%H:%M} in {staff.zone}"
    return f"nobody who promotes works on {when}", _nearest(staff, moment, days)


def _nearest(
    staff: Staff, moment: datetime, days: tuple[date, date] | None
) -> dict[str, str] | None:
    for hours in range(1, _FARTHEST + 1):
        for other in (moment - hours * _HOUR, moment + hours * _HOUR):
            if days is not None and not days[0] <= other.date() <= days[1]:
                continue
            who = staff.at_work(other)
            if who:
                return {"starts_at": other.isoformat(), "member": staff.names[who[0]]}
    return None


def work_of_week(
    home: Home,
    actor: Actor,
    team: str,
    plan: Mapping[str, Any],
    *,
    responsible: Mapping[str, str | Sequence[str]] | None = None,
) -> dict[str, Any]:
    """Who of a team posts what when, in the week that a plan's schedule describes.

    Args:
        home: whose members and roles count.
        actor: who asks; sees the team.
        team: by name.
        plan: the answer of `make_plan`, or of a product's schedule; `start` and `days`, where it
            has them, bound the hours that are proposed instead.
        responsible: as a campaign keeps it; who is named for promotion posts, else all who may.

    Returns:
        As `plan_work`, with the `team` and its `promoters`.

    Raises:
        Forbidden: the actor may not read campaigns.
        UnknownEntity: there is no such team for the actor's eyes.
        InvalidValue: the plan holds no schedule that can be read.
    """
    require(actor, "campaign.read", home)
    row = team_of(home, actor, team)
    schedule = plan.get("schedule")
    if not isinstance(schedule, list) or not all(isinstance(one, dict) for one in schedule):
        raise InvalidValue("schedule", "the plan holds none")
    staff = Staff(row.zone, promoters(home, row, responsible), row.hours)
    found = plan_work(schedule, staff, days=_days(plan))
    return {"team": row.name, "promoters": list(staff.names), **found}


def _days(plan: Mapping[str, Any]) -> tuple[date, date] | None:
    start, days = plan.get("start"), plan.get("days")
    if not isinstance(start, str) or not isinstance(days, int) or days < 1:
        return None
    try:
        first = date.fromisoformat(start)
        return first, first + timedelta(days=days - 1)
    except (ValueError, OverflowError):
        raise InvalidValue("start", "is no date; write it as 2027-03-21") from None


def read_plan(content: bytes, name: str) -> dict[str, Any]:
    """A plan as `mokhatab plan --json` printed it.

    Raises:
        UnreadableFile: it is no JSON object; `name` says which file.
    """
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise UnreadableFile(name, "is no JSON") from None
    if not isinstance(found, dict):
        raise UnreadableFile(name, "is no plan: that is one JSON object")
    return found
