"""Results as the log keeps them: what replaces what, what is known already, and what was known."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.frames import RESULTS
from engine.store.eventlog import scan_table, table_path
from engine.store.home import Home
from engine.store.results import Recorded, history, judge, newest, record_results

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = date(2026, 2, 1)


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


def rows(*clicks, reported=None, **other):
    count = len(clicks)
    given = {"date": DAY, "channel": "x", "segment_id": "s", "impressions": 100, "spend": 1.5}
    columns = {name: [value] * count for name, value in (given | other).items()}
    columns |= {"clicks": list(clicks), "reported_at": [reported] * count}
    return pl.DataFrame(columns, schema_overrides={"reported_at": pl.Datetime("us", "UTC")})


def clicks(home, as_of=None):
    return sorted(newest(home, as_of)["clicks"])


def test_a_delivery_that_was_taken_changes_nothing_and_says_so(home):
    given = rows(1, 1, 2)  # three advertisements, two of them alike
    assert record_results(home, [given], now=NOW) == Recorded(new=3)
    before = table_path(home, "results").stat().st_mtime_ns
    assert record_results(home, [given.reverse()], now=NOW + HOUR) == Recorded(known=3)
    assert table_path(home, "results").stat().st_mtime_ns == before
    assert clicks(home) == [1, 1, 2]


def test_a_correction_replaces_and_what_was_known_stays_visible(home):
    record_results(home, [rows(1, 1)], now=NOW)
    assert record_results(home, [rows(3)], now=NOW + HOUR) == Recorded(correction=1)
    assert clicks(home) == [3]
    assert clicks(home, NOW) == [1, 1]
    assert clicks(home, NOW - HOUR) == []
    assert sorted(history(home)["clicks"]) == [1, 1, 3]


def test_an_old_file_given_again_does_not_undo_a_correction(home):
    record_results(home, [rows(1)], now=NOW)
    record_results(home, [rows(2)], now=NOW + HOUR)
    assert record_results(home, [rows(1)], now=NOW + 2 * HOUR) == Recorded(known=1)
    assert clicks(home) == [2]
    back = rows(1, reported=NOW + HOUR)
    assert record_results(home, [back], now=NOW + 3 * HOUR) == Recorded(correction=1)
    assert clicks(home) == [1]


def test_figures_drawn_up_before_those_that_are_known_are_left_out(home):
    record_results(home, [rows(5, reported=NOW)], now=NOW)
    assert record_results(home, [rows(4, reported=NOW - HOUR)], now=NOW) == Recorded(stale=1)
    assert clicks(home) == [5]
    # one without a moment came later, and what it replaced still tells what is older
    record_results(home, [rows(6)], now=NOW)
    assert record_results(home, [rows(4, reported=NOW - HOUR)], now=NOW) == Recorded(stale=1)
    assert record_results(home, [rows(5, reported=NOW)], now=NOW) == Recorded(known=1)
    assert record_results(home, [rows(7, reported=NOW)], now=NOW) == Recorded(correction=1)
    assert clicks(home) == [7]


def test_of_one_delivery_the_figures_drawn_up_last_count(home):
    both = pl.concat([rows(2, reported=NOW), rows(1, reported=NOW - HOUR), rows(9)])
    assert record_results(home, [both], now=NOW) == Recorded(new=1, superseded=2)
    assert clicks(home) == [2]


@pytest.mark.parametrize(
    "other",
    [{"segment_id": "t"}, {"segment_id": None}, {"channel": "y"}, {"date": DAY + timedelta(1)},
     {"campaign_id": "c"}, {"product_id": "p"}],
)  # fmt: skip
def test_another_placement_or_day_is_no_correction(home, other):
    typed = {
        name: pl.lit(value).cast(RESULTS.columns[name], strict=False)
        for name, value in other.items()
    }
    record_results(home, [rows(1)], now=NOW)
    changed = rows(2).with_columns(**typed)
    assert record_results(home, [changed], now=NOW) == Recorded(new=1)
    assert clicks(home) == [1, 2]


def test_a_clock_that_was_set_back_does_not_reorder_what_was_known(home):
    record_results(home, [rows(1)], now=NOW)
    record_results(home, [rows(2)], now=NOW - 5 * HOUR)
    assert clicks(home) == [2]
    assert history(home)["recorded_at"].n_unique() == 2


def test_rows_from_before_moments_were_noted_are_read_and_can_be_corrected(home):
    old = rows(1, 1, 4).drop("reported_at")
    old.write_delta(table_path(home, "results").as_posix(), mode="append")
    assert clicks(home) == [1, 1, 4]
    assert record_results(home, [old], now=NOW) == Recorded(known=3)
    assert record_results(home, [rows(2)], now=NOW) == Recorded(correction=1)
    assert clicks(home) == [2]


def test_steps_that_were_taken_do_nothing_and_later_ones_do(home):
    steps = ("here", [4, 7])
    given = [rows(1), rows(2)]
    assert record_results(home, given, now=NOW, steps=steps) == Recorded(new=1, correction=1)
    later = record_results(home, [rows(1), rows(3)], now=NOW, steps=("here", [7, 8]))
    assert later == Recorded(correction=1)
    assert clicks(home) == [3]
    assert record_results(home, [rows(4)], now=NOW, steps=("there", [1])).correction == 1


def test_an_empty_delivery_is_nothing(home):
    assert record_results(home, [rows(1).clear()], now=NOW) == Recorded()
    assert newest(home).is_empty()
    assert scan_table(home, "results").collect().columns[-1] == "recorded_at"


FIGURES = st.integers(0, 3)
DELIVERY = st.lists(
    st.tuples(st.sampled_from(["s", "t"]), FIGURES, st.none() | st.integers(0, 4)),
    min_size=1,
    max_size=4,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(DELIVERY, min_size=1, max_size=5))
def test_whatever_comes_what_holds_was_drawn_up_last_and_nothing_is_taken_twice(deliveries):
    """By the rules in words, one row after the other, without a join."""
    known = history_of([])
    for number, delivery in enumerate(deliveries):
        frame = pl.concat(
            rows(figure, segment_id=segment, reported=None if at is None else NOW + at * HOUR)
            for segment, figure, at in delivery
        )
        judged = judge(frame_of(frame), known)
        assert judged.height == frame.height
        for segment in {segment for segment, *_ in delivery}:
            own = judged.filter(pl.col("segment_id") == segment)
            past = known.filter(pl.col("segment_id") == segment)
            latest = own["reported_at"].max()
            held = own.filter(pl.col("reported_at").eq_missing(pl.lit(latest)))
            assert set(own.filter(pl.col("verdict") == "superseded")["reported_at"]) <= {
                None, *(at for at in own["reported_at"] if at != latest),
            }  # fmt: skip
            (verdict,) = set(held["verdict"])
            assert verdict == expected(held, past, latest)
        fresh = judged.filter(pl.col("verdict").is_in(["new", "correction"]))
        moment = pl.lit(NOW + number * HOUR).cast(pl.Datetime("us", "UTC"))
        added = fresh.select(*RESULTS.columns, moment.alias("recorded_at"))
        known = pl.concat([known, added])
        again = judge(frame_of(frame), known)["verdict"]
        assert set(again) <= {"known", "stale", "superseded"}


def expected(held, past, latest):
    if past.is_empty():
        return "new"
    figures = sorted(held["clicks"])
    versions = [
        (sorted(part["clicks"]), part["reported_at"].max())
        for part in past.partition_by("recorded_at")
    ]
    same = [at for seen, at in versions if seen == figures]
    if (latest is None and same) or latest in same:
        return "known"
    standing = past["reported_at"].max()
    return "stale" if latest and standing and latest < standing else "correction"


def frame_of(rows):
    lacking = {n: pl.lit(None, d) for n, d in RESULTS.columns.items() if n not in rows.columns}
    return rows.with_columns(**lacking).select(list(RESULTS.columns))


def history_of(parts):
    return pl.concat(
        [
            pl.DataFrame(schema={**RESULTS.columns, "recorded_at": pl.Datetime("us", "UTC")}),
            *parts,
        ]
    )
