"""Working hours as people write them, and as they are reckoned with.

In: words like `sat-wed 09:00-17:00`, or weekday and times. Out: minutes of the day by weekday.
Never: two windows that overlap, or one over midnight: that is two.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from engine.errors import InvalidValue
from engine.store.members import Hours, folded

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAY_MINUTES = 24 * 60
_CLOCK = re.compile(r"(\d\d?):(\d\d)", re.ASCII)
_WORDS = re.compile(r"([a-z]+)(?:-([a-z]+))?\s+(\S+?)-(\S+)", re.ASCII)


def minutes_of(text: str) -> int:
    """Minutes since midnight: 0 for 00:00, 1440 for 24:00.

    Raises:
        InvalidValue: it is no time of day.
    """
    match = _CLOCK.fullmatch(text.strip())
    found = int(match[1]) * 60 + int(match[2]) if match else DAY_MINUTES + 1
    if match is None or found > DAY_MINUTES or int(match[2]) > 59:
        raise InvalidValue("hours", f"{text!r} is no time of day; one is 09:00, the last is 24:00")
    return found


def clock_of(minutes: int) -> str:
    """The time of day, the end of the day as 24:00."""
    return f"{minutes // 60:02}:{minutes % 60:02}"


def window(weekday: int, start: str, stop: str, *, member: str | None = None) -> Hours:
    """Working time on a weekday, 0 Monday.

    Raises:
        InvalidValue: there is no such weekday or time, or it ends before it begins.
    """
    if not 0 <= weekday <= 6:
        raise InvalidValue("hours", f"{weekday} is no weekday; they are 0 (Monday) to 6")
    begins, ends = minutes_of(start), minutes_of(stop)
    if begins >= ends:
        detail = f"{start}-{stop} ends before it begins; over midnight write two: "
        raise InvalidValue("hours", f"{detail}{start}-24:00, and 00:00-{stop} on the next day")
    return Hours(weekday, begins, ends, member)


def read_hours(texts: Iterable[str], *, member: str | None = None) -> tuple[Hours, ...]:
    """Hours from words: days, one or from-to (`sat-wed` goes over Sunday), and times from-to.

    Raises:
        InvalidValue: a text is none of that.
    """
    found: list[Hours] = []
    for text in texts:
        match = _WORDS.fullmatch(text.strip().lower())
        if match is None:
            raise InvalidValue("hours", f"{text!r} is not understood; one is mon-fri 09:00-17:00")
        first, last = (_day(name) for name in (match[1], match[2] or match[1]))
        days = [(first + step) % 7 for step in range((last - first) % 7 + 1)]
        found += [window(day, match[3], match[4], member=member) for day in days]
    return joined(found)


def _day(name: str) -> int:
    found = [at for at, day in enumerate(DAYS) if len(name) > 2 and day.startswith(name)]
    if not found:
        known = ", ".join(day[:3] for day in DAYS)
        raise InvalidValue("hours", f"{name!r} is no weekday; they are {known}")
    return found[0]


def joined(hours: Iterable[Hours]) -> tuple[Hours, ...]:
    """The same time without overlaps, by member (everybody first), weekday and start."""
    done: list[Hours] = []
    for one in sorted(hours, key=lambda h: (folded(h.member or ""), h.weekday, h.start, h.stop)):
        last = done[-1] if done else None
        if last and _meet(last, one):
            done[-1] = Hours(last.weekday, last.start, max(last.stop, one.stop), last.member)
        else:
            done.append(one)
    return tuple(done)


def _meet(first: Hours, second: Hours) -> bool:
    same = (first.member, first.weekday) == (second.member, second.weekday)
    return same and second.start <= first.stop


def told_hours(hours: Iterable[Hours]) -> list[dict[str, Any]]:
    """Hours as answers tell of them."""
    return [
        {
            "member": one.member,
            "weekday": one.weekday,
            "from": clock_of(one.start),
            "to": clock_of(one.stop),
        }
        for one in hours
    ]
