"""The log holds each event once, whole appends or nothing, and attributes by id."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from engine import frames
from engine.errors import FrameError, UnknownEntity
from engine.store import eventlog
from engine.store.home import Home

START = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


def events(*ids, user="u"):
    schema = dict(frames.EVENTS.columns)
    rows = [
        {
            **dict.fromkeys(schema),
            "event_id": str(n),
            "user_id": user,
            "action": "like",
            "occurred_at": START + timedelta(days=n),
        }
        for n in ids
    ]
    return pl.DataFrame(rows, schema=schema)


def ids(frame):
    return sorted(int(n) for n in frame.select("event_id").collect().to_series())


def test_an_empty_home_holds_empty_tables(home):
    assert eventlog.scan_events(home).collect().equals(events())
    for name, kind in eventlog.KINDS.items():
        columns = frames.RECORDED_RESULTS.columns if name == "results" else kind.columns
        columns = {"user_id": pl.String} if name == "users" else columns
        assert eventlog.scan_table(home, name).collect_schema() == pl.Schema(columns)
    assert set(eventlog.version(home).values()) == {-1}
    assert not home.log.exists()


def test_events_come_back_as_they_went_in(home):
    given = events(2, 1).with_columns(text=pl.lit("متن 🙂"), value=pl.lit(1.5))
    assert eventlog.append_events(home, given) == 2
    assert eventlog.scan_events(home).sort("event_id").collect().equals(given.sort("event_id"))


def test_an_event_id_is_stored_once(home):
    assert eventlog.append_events(home, events(1, 2, 2)) == 2
    assert eventlog.append_events(home, events(2, 3, user="other").lazy()) == 1
    assert eventlog.append_events(home, events(1)) == 0
    assert ids(eventlog.scan_events(home)) == [1, 2, 3]
    assert eventlog.version(home)["events"] == 1


def test_what_says_something_else_under_an_id_is_told_and_not_stored(home, monkeypatch):
    eventlog.append_events(home, events(1, 2))
    for parts in (100, 1):
        monkeypatch.setattr(eventlog, "ROWS_AT_ONCE", parts)
        more = [events(2, 10 * parts), events(1, 10 * parts, user="x"), events(10 * parts)]
        added = eventlog.add_events(home, pl.concat(more).lazy())
        assert added.stored == 1
        told = added.against.select("place", "event_id", "user_id", "first").rows()
        assert told == [(2, "1", "x", None), (3, str(10 * parts), "x", 1)]
    stands = eventlog.scan_events(home).select("user_id").unique().collect()
    assert stands["user_id"].to_list() == ["u"]


def test_another_moment_under_a_known_id_is_against_it(home):
    eventlog.append_events(home, events(1, 2, 3))
    moved = events(2).with_columns(pl.col("occurred_at") + timedelta(days=400))
    assert eventlog.add_events(home, moved).against["event_id"].to_list() == ["2"]
    assert eventlog.add_events(home, events(3, 2, 1)).against.is_empty()


@pytest.mark.parametrize("turn", [1, -1])
def test_no_order_of_arrivals_that_agree_changes_the_log(home, turn):
    given = pl.concat([events(1, 2, 3), events(3, 4, 2), events(5, 1)])[::turn]
    for part in (given[:3], given[3:6], given[6:]):
        assert eventlog.add_events(home, part).against.is_empty()
    assert eventlog.scan_events(home).sort("event_id").collect().equals(events(1, 2, 3, 4, 5))


def test_a_span_of_time_is_half_open(home):
    eventlog.append_events(home, events(0, 1, 2, 3))
    day = timedelta(days=1)
    assert ids(eventlog.scan_events(home, START + day, START + 3 * day)) == [1, 2]


def test_an_append_in_parts_is_one_change(home, monkeypatch):
    monkeypatch.setattr(eventlog, "ROWS_AT_ONCE", 3)
    eventlog.append_events(home, events(4))
    given = pl.concat([events(9, 8, 8, 7, 2, 2, 2, 1, 5, 4, 3), events(9, user="a")])
    assert eventlog.append_events(home, given.lazy()) == 7
    assert eventlog.version(home)["events"] == 1
    assert ids(eventlog.scan_events(home)) == [1, 2, 3, 4, 5, 7, 8, 9]
    nine = eventlog.scan_events(home).filter(event_id="9").collect()
    assert nine["user_id"].to_list() == ["u"]
    assert not list(home.log.glob(".staging-*"))


@pytest.mark.parametrize("name", ["with space", "خانه", "q?u#e"])
def test_a_home_may_have_any_letters_in_its_path(tmp_path, monkeypatch, name):
    monkeypatch.setattr(eventlog, "ROWS_AT_ONCE", 2)
    home = Home(tmp_path / name)
    assert eventlog.append_events(home, events(1)) == 1
    assert eventlog.append_events(home, events(1, 2, 3, 4, 5)) == 4
    assert ids(eventlog.scan_events(home)) == [1, 2, 3, 4, 5]


def test_a_frame_that_was_scanned_does_not_see_what_is_added_later(home):
    eventlog.append_events(home, events(1))
    before = eventlog.scan_events(home)
    eventlog.append_events(home, events(2))
    assert ids(before) == [1]


def test_what_was_added_after_a_change_is_found_whenever_it_happened(home):
    assert ids(eventlog.scan_added(home, None)) == ids(eventlog.scan_added(home, 3)) == []
    eventlog.append_events(home, events(5, 6))
    change = eventlog.version(home)["events"]
    assert ids(eventlog.scan_added(home, change)) == []
    eventlog.append_events(home, events(1, 9))
    assert ids(eventlog.scan_added(home, change)) == [1, 9]
    for since in (None, -1, 99):
        assert ids(eventlog.scan_added(home, since)) == [1, 5, 6, 9]


def test_a_tie_is_kept_once_with_the_moment_it_came_first(home):
    tie = pl.DataFrame({"follower_id": ["a", "a"], "followee_id": ["b", "b"]})
    came = tie.with_columns(recorded_at=pl.Series([START + timedelta(days=2), START]))
    assert eventlog.add_follows(home, tie[:1].with_columns(follower_id=pl.lit("c"))) == 1
    assert eventlog.add_follows(home, came) == 1
    assert eventlog.add_follows(home, tie, now=START + timedelta(days=9)) == 0
    found = eventlog.scan_ties(home).sort("follower_id").collect()
    assert found.rows() == [("a", "b", START), ("c", "b", None)]
    assert eventlog.scan_table(home, "follows").collect().columns == tie.columns


def test_an_event_without_an_id_is_refused(home):
    with pytest.raises(FrameError, match="event_id"):
        eventlog.append_events(home, events(1).with_columns(event_id=pl.lit(None, pl.String)))


def test_writers_at_the_same_time_store_each_event_once(home):
    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(lambda n: eventlog.append_events(home, events(n, n + 1)), range(8)))
    assert ids(eventlog.scan_events(home)) == list(range(9))
    assert sum(counts) == 9


def test_the_later_row_of_a_user_wins_value_by_value(home):
    first = pl.DataFrame({"user_id": ["a", "b"], "age": [1, 2], "city": ["x", "y"]})
    later = pl.DataFrame(
        {"user_id": ["b", "c", "c"], "age": [None, 3, 4], "vip": [True, None, False]}
    )
    assert eventlog.upsert(home, "users", first) == 2
    assert eventlog.upsert(home, "users", later) == 2
    assert eventlog.upsert(home, "users", first.head(1)) == 0
    assert eventlog.scan_table(home, "users").collect().rows() == [
        ("a", 1, "x", None),
        ("b", 2, "y", True),
        ("c", 4, None, False),
    ]


def test_values_of_another_type_make_a_column_text(home):
    eventlog.upsert(home, "users", pl.DataFrame({"user_id": ["a"], "age": [30]}))
    eventlog.upsert(home, "users", pl.DataFrame({"user_id": ["b"], "age": ["31"]}))
    assert eventlog.scan_table(home, "users").collect()["age"].to_list() == [30, 31]
    eventlog.upsert(home, "users", pl.DataFrame({"user_id": ["c"], "age": ["30-39"]}))
    assert eventlog.scan_table(home, "users").collect()["age"].to_list() == ["30", "31", "30-39"]


def test_products_keep_their_tags(home):
    products = pl.DataFrame(
        {"product_id": ["1", "2"], "name": ["x", "ی"], "tags": [["a", "b"], None]}
    ).with_columns(stock=pl.Series([4_000_000_000, 2], dtype=pl.UInt32), none=None)
    eventlog.upsert(home, "products", products)
    found = eventlog.scan_table(home, "products").collect()
    assert found.select("name", "tags", "stock").rows() == [
        ("x", ["a", "b"], 4_000_000_000),
        ("ی", None, 2),
    ]


def test_ties_are_a_set(home):
    ties = pl.DataFrame({"follower_id": ["a", "a"], "followee_id": ["b", "b"]})
    assert [eventlog.add_follows(home, ties) for _ in range(2)] == [1, 0]


def test_an_unknown_table_is_told(home):
    with pytest.raises(UnknownEntity, match="people"):
        eventlog.scan_table(home, "people")


def test_staging_leaves_nothing_and_sweeps_what_the_dead_left(home):
    left = home.log / ".staging-999999999-x"
    left.mkdir(parents=True)
    with eventlog.staging(home) as folder:
        assert folder.is_dir()
        assert not left.exists()
    assert not list(home.log.iterdir())


APPENDS = """
import sys
from pathlib import Path
import polars as pl
from engine.store import eventlog
from engine.store.home import Home
home, start = Home(Path(sys.argv[1])), int(sys.argv[2])
template = pl.read_parquet(sys.argv[3])
print("ready", flush=True)
for batch in range(start, start + 100_000):
    ids = pl.format("{}-{}", pl.lit(batch), pl.int_range(pl.len()))
    eventlog.append_events(home, template.with_columns(event_id=ids))
    print(batch, flush=True)
"""


@pytest.mark.slow
def test_a_killed_writer_loses_nothing_it_acknowledged_and_shows_nothing_half(home, tmp_path):
    template = tmp_path / "template.parquet"
    events(*range(500)).write_parquet(template)
    acknowledged: list[int] = []
    for kill in range(12):
        start = kill * 100_000
        command = [sys.executable, "-c", APPENDS, str(home.root), str(start), str(template)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
            time.sleep(0.03 + 0.017 * kill)
            os.kill(writer.pid, signal.SIGKILL)
            acknowledged += [int(line) for line in writer.stdout if line.endswith("\n")]
    stored = (
        eventlog.scan_events(home)
        .group_by(pl.col("event_id").str.extract(r"^(\d+)-").cast(pl.Int64).alias("batch"))
        .agg(pl.len())
        .collect()
    )
    assert set(stored["len"]) <= {500}
    assert set(acknowledged) <= set(stored["batch"])
    assert acknowledged
    assert eventlog.append_events(home, events(1)) == 1
