"""Clocks and calendars: Jalali dates, holidays, zones, weeks in which clocks are turned."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import settings
from engine.errors import InvalidValue, UnknownEntity
from engine.planning.calendars import (
    Week,
    choose_calendar,
    from_jalali,
    holidays_between,
    jalali_parts,
    to_jalali,
)

COUNTRIES = settings.load_rows("calendars")


@pytest.mark.parametrize(
    ("day", "jalali"),
    [
        (date(1979, 2, 11), (1357, 11, 22)),
        (date(2000, 3, 20), (1379, 1, 1)),
        (date(2025, 3, 20), (1403, 12, 30)),  # a leap year's last day
        (date(2025, 3, 21), (1404, 1, 1)),
        (date(2026, 3, 21), (1405, 1, 1)),
        (date(2029, 3, 20), (1408, 1, 1)),
        (date(2026, 9, 22), (1405, 6, 31)),
        (date(2026, 9, 23), (1405, 7, 1)),
    ],
)
def test_known_days_have_their_jalali_dates(day, jalali):
    assert to_jalali(day) == jalali
    assert from_jalali(*jalali) == day


@given(st.dates(date(1800, 1, 1), date(2255, 12, 31)))
def test_every_day_comes_back_and_the_next_day_is_the_next_date(day):
    year, month, of_month = to_jalali(day)
    assert from_jalali(year, month, of_month) == day
    following = to_jalali(day + timedelta(days=1))
    assert following > (year, month, of_month)
    assert following in {(year, month, of_month + 1), (year, month + 1, 1), (year + 1, 1, 1)}


@pytest.mark.parametrize(
    "wrong", [(1404, 12, 30), (1404, 0, 1), (1404, 13, 1), (1404, 7, 31), (1404, 1, 0), (900, 1, 1)]
)
def test_dates_that_no_calendar_holds_are_refused(wrong):
    with pytest.raises(InvalidValue):
        from_jalali(*wrong)


def test_days_beyond_the_rule_of_33_years_are_refused():
    with pytest.raises(InvalidValue, match="1799 to 2256"):
        jalali_parts([-(10**6)])


def test_iran_keeps_thursday_and_friday_and_tells_dates_in_its_calendar():
    iran = choose_calendar(COUNTRIES, country="ir")
    assert (iran.zone, iran.country, iran.weekend) == ("Asia/Tehran", "IR", frozenset({3, 4}))
    assert iran.told(date(2026, 11, 23)) == "1405-09-02"
    assert choose_calendar(COUNTRIES, country="DE").told(date(2026, 11, 23)) == "2026-11-23"


def test_holidays_by_the_sun_and_by_the_moon_are_known():
    found = holidays_between("IR", date(2026, 3, 20), date(2026, 6, 30))
    assert "Nowruz" in found[date(2026, 3, 21)]
    assert found[date(2026, 6, 25)] == "Ashura"
    assert min(found) >= date(2026, 3, 20)
    assert holidays_between(None, date(2026, 1, 1), date(2026, 12, 31)) == {}


def test_without_a_country_the_clock_is_utc_and_a_zone_alone_is_enough():
    assert choose_calendar(COUNTRIES).zone == "UTC"
    assert choose_calendar(COUNTRIES, country="").country is None
    assert choose_calendar(COUNTRIES, zone="Asia/Kathmandu").zone == "Asia/Kathmandu"
    assert choose_calendar(COUNTRIES, country="IR", zone="Europe/London").jalali
    assert choose_calendar(COUNTRIES, country="NZ", zone="Pacific/Auckland").country == "NZ"


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "Asia", "", " "])
def test_a_zone_that_does_not_exist_is_refused(zone):
    if not zone:
        assert choose_calendar(COUNTRIES, zone=zone).zone == "UTC"
        return
    with pytest.raises(InvalidValue, match="is no time zone"):
        choose_calendar(COUNTRIES, zone=zone)


@pytest.mark.parametrize(("country", "zone"), [("QQ", None), ("NZ", None), ("QQ", "UTC")])
def test_a_country_nobody_knows_is_refused(country, zone):
    with pytest.raises(UnknownEntity, match="known and near: IR, AF"):
        choose_calendar(COUNTRIES, country=country, zone=zone)


def test_every_country_listed_has_a_zone_and_a_weekend():
    for country in COUNTRIES:
        calendar = choose_calendar(COUNTRIES, country=country)
        assert calendar.weekend <= frozenset(range(7))
        assert calendar.tz.key == calendar.zone


def test_a_week_may_begin_with_any_day_and_leaves_out_the_hour_that_clocks_skip():
    berlin = choose_calendar(COUNTRIES, country="DE")
    week = Week(date(2026, 3, 26), berlin)  # a Thursday; clocks go forward on Sunday
    assert [week.day(weekday).isoformat() for weekday in (3, 6, 0, 2)] == [
        "2026-03-26",
        "2026-03-29",
        "2026-03-30",
        "2026-04-01",
    ]
    assert [hour for hour, is_there in enumerate(week.exists()) if not is_there] == [24 * 6 + 2]
    assert week.moment(24 * 6 + 3).utcoffset() == timedelta(hours=2)
    assert not week.free().any()
    autumn = Week(date(2026, 10, 25), berlin)
    assert autumn.exists().all()
    assert autumn.moment(24 * 6 + 2).utcoffset() == timedelta(hours=2)  # the first of two
