"""Moments in every notation that people and programs write."""

from datetime import UTC, date, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_series_equal

from engine.errors import FrameError
from engine.signals.moments import parse_moments

MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1))
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


def parsed(*values, dtype=None):
    return parse_moments(pl.Series(values, dtype=dtype)).to_list()


@given(MOMENTS, st.one_of(st.none(), OFFSETS), st.sampled_from("T t"), st.booleans())
@settings(max_examples=50, deadline=None)
def test_iso_8601_is_read_as_python_reads_it(moment, zone, between, comma):
    text = moment.replace(tzinfo=zone).isoformat(sep=between)
    wanted = moment.replace(tzinfo=zone or UTC).astimezone(UTC)
    assert parsed(text.replace(".", ",") if comma else text) == [wanted]


@given(MOMENTS, st.booleans())
@settings(max_examples=50, deadline=None)
def test_epochs_are_told_apart_by_their_size(moment, as_text):
    moment = moment.replace(tzinfo=UTC, microsecond=moment.microsecond // 1000 * 1000)
    micros = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    seconds, milliseconds = micros // 1_000_000, micros // 1000
    whole = moment.replace(microsecond=0)
    form = str if as_text else int
    assert parsed(form(seconds)) == [whole]
    assert parsed(form(milliseconds)) == [moment]


@given(st.text(max_size=40))
@settings(max_examples=50, deadline=None)
def test_no_text_breaks_the_reading(text):
    assert len(parsed(text, dtype=pl.String)) == 1


FIRST = st.builds(
    "2024-05-06{}07:08:09{}{}".format,
    st.sampled_from("T t"),
    st.sampled_from(["", ".5", ".123456789", ".1234567890", ",25"]),
    st.sampled_from(["", "Z", "z", "+03:30", "-05:00", "+0330", " UTC", "+24:00"]),
)
CHANGES = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 2), st.sampled_from([*"01369-+:. TZ۵\n", ""])),
    min_size=5,
    max_size=20,
)


@given(FIRST, CHANGES)
@settings(max_examples=50, deadline=None)
def test_a_moment_is_what_it_is_whatever_notation_its_column_begins_with(first, changes):
    rest = [first[:at] + new + first[at + gone :] for at, gone, new in changes]
    column = pl.Series("x", [first, *rest, None, first])
    behind_an_epoch = pl.concat([pl.Series("x", ["1.7e9"]), column])
    assert_series_equal(parse_moments(column), parse_moments(behind_an_epoch)[1:])


@pytest.mark.parametrize("text", ["2024-01-01T1۰:00", "2024-01-01T10:00:00.۵", "۱۷۰۰۰۰۰۰۰۰"])
def test_digits_of_other_scripts_make_no_moment_and_break_no_column(text):
    assert parsed(text, "2024-01-01") == [None, datetime(2024, 1, 1, tzinfo=UTC)]


NO_MOMENTS = """
soon|nan|inf|1e300|-|1.2.3|999999999999999999999999999999|12:00
2024-02-30|2024-13-01|2024/01/01|2024-01-01T25:00|2024-01-01T10|2024-01-01T10:00+25:00|
"""


@pytest.mark.parametrize("text", [part.strip() for part in NO_MOMENTS.split("|")])
def test_what_is_no_moment_is_null(text):
    assert parsed(text) == [None]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-02-29", datetime(2024, 2, 29, tzinfo=UTC)),
        ("2024-01-01T10:30Z", datetime(2024, 1, 1, 10, 30, tzinfo=UTC)),
        ("2024-01-01 10:30:05.123456789+0330", datetime(2024, 1, 1, 7, 0, 5, 123456, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        (" 881250949 ", datetime(1997, 12, 4, 15, 55, 49, tzinfo=UTC)),
        ("1.7e9", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
    ],
)
def test_other_notations(text, moment):
    assert parsed(text) == [moment]


def test_typed_columns_become_utc():
    tehran = pl.Series([datetime(2024, 1, 1, 3, 30)]).dt.replace_time_zone("Asia/Tehran")
    midnight = datetime(2024, 1, 1, tzinfo=UTC)
    assert parse_moments(tehran).to_list() == [midnight]
    assert parsed(date(2024, 1, 1)) == [midnight]
    assert parsed(datetime(2024, 1, 1), dtype=pl.Datetime("ns")) == [midnight]
    assert parsed(1704067200.5) == [midnight + timedelta(seconds=0.5)]
    assert parsed(float("nan"), float("inf"), None) == [None] * 3


def test_a_column_of_lists_is_refused():
    with pytest.raises(FrameError, match="occurred_at"):
        parsed([1])
