"""The clock and the calendar of an audience: its time zone, weekend, holidays and months.

In: a country or a time zone, and what is known of countries. Out: a `Calendar`, and dates in it.
Never: the clock of this machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, cached_property
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import InvalidValue, UnknownEntity
from engine.settings import Scalar

Array = NDArray[Any]
UTC_ZONE = "UTC"
MONTHS = (
    ("فروردین", "Farvardin"),
    ("اردیبهشت", "Ordibehesht"),
    ("خرداد", "Khordad"),
    ("تیر", "Tir"),
    ("مرداد", "Mordad"),
    ("شهریور", "Shahrivar"),
    ("مهر", "Mehr"),
    ("آبان", "Aban"),
    ("آذر", "Azar"),
    ("دی", "Dey"),
    ("بهمن", "Bahman"),
    ("اسفند", "Esfand"),
)
_FIRST_YEAR, _LAST_YEAR = 1178, 1634  # the years in which the rule of 33 years is exact
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Calendar:
    """How an audience counts time. Weekdays are 0 Monday to 6 Sunday."""

    zone: str = UTC_ZONE
    country: str | None = None
    weekend: frozenset[int] = frozenset({5, 6})
    jalali: bool = False

    @property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    def told(self, day: date) -> str:
        """The date as people there write it: YYYY-MM-DD in their calendar."""
        if not self.jalali:
            return day.isoformat()
        year, month, of_month = to_jalali(day)
        return f"{year:04}-{month:02}-{of_month:02}"


@dataclass(frozen=True)
class Week:
    """Seven days from `start` on, on the clock of a calendar.

    Hours are 24 x weekday + hour, whatever weekday it starts with.
    """

    start: date
    calendar: Calendar

    @cached_property
    def holidays(self) -> dict[date, str]:
        """Those of its days that are, with their names."""
        last = self.start + timedelta(days=6)
        return holidays_between(self.calendar.country, self.start, last)

    def day(self, weekday: int) -> date:
        """The day of this week that is such a weekday."""
        return self.start + timedelta(days=(weekday - self.start.weekday()) % 7)

    def moment(self, hour: int) -> datetime:
        """When an hour begins; the first of two where clocks are put back."""
        weekday, of_day = divmod(hour, 24)
        return datetime.combine(self.day(weekday), time(of_day), self.calendar.tz)

    def exists(self) -> Array:
        """(168,) whether clocks show the hour: where they are put forward, one is left out."""
        moments = [self.moment(hour) for hour in range(168)]
        shown = [at.astimezone(UTC).astimezone(self.calendar.tz) for at in moments]
        return np.array([at.hour == was.hour for at, was in zip(shown, moments, strict=True)])

    def free(self) -> Array:
        """(168,) whether the hour lies on a holiday."""
        return np.repeat([self.day(weekday) in self.holidays for weekday in range(7)], 24)


def choose_calendar(
    countries: Mapping[str, Mapping[str, Scalar]],
    *,
    country: str | None = None,
    zone: str | None = None,
) -> Calendar:
    """The calendar of a country, in its own time zone or in the one given; UTC without both.

    Args:
        countries: rows of configs/calendars.toml.
        country: two letters of ISO 3166, in any case; empty counts as none.
        zone: a name of the IANA database, which wins over the country's.

    Raises:
        UnknownEntity: the country is not listed, and no zone is given with it, or nobody knows it.
        InvalidValue: the zone does not exist.
    """
    code = known_country(countries, country) or ""
    row = countries.get(code)
    if code and row is None and zone is None:
        raise UnknownEntity("country", code, tuple(countries))
    name = _existing(zone or (str(row["zone"]) if row else UTC_ZONE))
    if row is None:
        return Calendar(name, code or None)
    weekend = frozenset(int(day) for day in str(row["weekend"]).split())
    return Calendar(name, code, weekend, bool(row["jalali"]))


def known_country(countries: Iterable[str], country: str | None) -> str | None:
    """A country's two letters in capitals; None where none is named.

    Raises:
        UnknownEntity: it is not listed, and nobody knows its holidays.
    """
    code = country.strip().upper() if country else ""
    if code and code not in countries and code not in _countries_with_holidays():
        raise UnknownEntity("country", code, tuple(countries))
    return code or None


def _existing(zone: str) -> str:
    """The zone, if both libraries that reckon with it know it."""
    try:
        ZoneInfo(zone)
        pl.Series([datetime(2000, 1, 1)]).dt.replace_time_zone(UTC_ZONE).dt.convert_time_zone(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError, pl.exceptions.PolarsError):
        raise InvalidValue("zone", f"{zone!r} is no time zone; one is Asia/Tehran") from None
    return zone


@cache
def _countries_with_holidays() -> frozenset[str]:
    from holidays import list_supported_countries

    return frozenset(list_supported_countries())


def holidays_between(country: str | None, first: date, last: date) -> dict[date, str]:
    """Public holidays of a country from the first day to the last, with their names in English.

    Days that follow the moon are those that were announced or reckoned, and may shift by a day.
    Without a country, and for one whose holidays nobody has listed, there are none.
    """
    if country is None or country not in _countries_with_holidays():
        return {}
    known: dict[date, str] = {}
    for year in range(first.year, last.year + 1):
        known |= _holidays_of(country, year)
    return {day: name for day, name in sorted(known.items()) if first <= day <= last}


@cache
def _holidays_of(country: str, year: int) -> dict[date, str]:
    # Takes a third of a second to import: those who need no country do not wait for it.
    from holidays import country_holidays

    return dict(country_holidays(country, years=year, language="en_US"))


@cache
def _year_starts() -> Array:
    """Days from 1970-01-01 to the first day of each Jalali year from `_FIRST_YEAR`."""
    years = np.arange(_FIRST_YEAR, _LAST_YEAR + 1)
    starts = np.concatenate(([0], np.cumsum(365 + ((25 * years + 11) % 33 < 8))))
    known = (date(2025, 3, 21) - _EPOCH).days  # 1 Farvardin 1404
    return np.asarray(starts - starts[1404 - _FIRST_YEAR] + known, np.int64)


def jalali_parts(days: Iterable[int]) -> tuple[Array, Array, Array]:
    """Year, month and day of the month of days counted from 1970-01-01.

    A year has six months of 31 days, five of 30, and one of 29 or, in 8 years of 33, of 30.

    Raises:
        InvalidValue: a day lies outside of 1799 to 2256, where the rule is exact.
    """
    counted, starts = np.asarray(days, np.int64), _year_starts()
    if counted.size and (counted.min() < starts[0] or counted.max() >= starts[-1]):
        raise InvalidValue("date", "is outside of the years 1799 to 2256")
    place = np.searchsorted(starts, counted, side="right") - 1
    passed = counted - starts[place]
    early = passed < 186
    month = np.where(early, passed // 31, (passed - 6) // 30) + 1
    of_month = np.where(early, passed % 31, (passed - 6) % 30) + 1
    return place + _FIRST_YEAR, month, of_month


def to_jalali(day: date) -> tuple[int, int, int]:
    """A day in the Jalali calendar: year, month, day of the month."""
    year, month, of_month = jalali_parts([(day - _EPOCH).days])
    return int(year[0]), int(month[0]), int(of_month[0])


def from_jalali(year: int, month: int, day: int) -> date:
    """The day that a Jalali date names.

    Raises:
        InvalidValue: there is no such date, or it lies outside of the years 1178 to 1634.
    """
    if not (_FIRST_YEAR <= year <= _LAST_YEAR and 1 <= month <= 12 and day >= 1):
        raise InvalidValue("date", f"{year}-{month}-{day} is no Jalali date")
    start = int(_year_starts()[year - _FIRST_YEAR])
    before = 31 * (month - 1) if month <= 7 else 186 + 30 * (month - 7)
    found = _EPOCH + timedelta(days=start + before + day - 1)
    if to_jalali(found) != (year, month, day):
        raise InvalidValue("date", f"{year}-{month}-{day} is no Jalali date")
    return found
