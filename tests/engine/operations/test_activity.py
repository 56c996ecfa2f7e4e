"""Acts of the log by hour: whose they are, which count, and a product's week made from them."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from engine.errors import UnknownEntity
from engine.frames import EVENTS
from engine.operations.activity import count_activity
from engine.operations.audiences import audience
from engine.operations.consent import record_consent
from engine.operations.outlets import (
    Week,
    Wish,
    ground_of,
    product_channels,
    product_schedule,
    seen_on,
)
from engine.privacy.consent import PURPOSES
from engine.store import suspects
from engine.store.catalog import open_catalog
from engine.store.eventlog import append_events
from engine.store.home import Home
from tests.api.planted import planted

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SINCE = NOW - timedelta(days=60)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.delenv("MOKHATAB_DATABASE_URL", raising=False)
    return Home(tmp_path)


def acts(users, channel, hour, *, days=60, action="like", second=7):
    """One act of each user on each day at an hour UTC, some seconds after it."""
    rows = [
        {
            "event_id": f"{user}-{channel}-{action}-{day}",
            "user_id": user,
            "product_id": "p",
            "action": action,
            "occurred_at": SINCE + timedelta(days=day, hours=hour, seconds=second),
            "channel": channel,
        }
        for user in users
        for day in range(days)
    ]
    missing = {name: None for name in EVENTS.columns if name not in rows[0]}
    return pl.DataFrame([row | missing for row in rows], schema=dict(EVENTS.columns))


def by_hour(rows, segment=None):
    chosen = pl.col("segment_id").eq_missing(pl.lit(segment, pl.String))
    found = rows.filter(chosen & (pl.col("total") > 0)).group_by("hour").agg(pl.col("total").sum())
    return dict(found.iter_rows())


def test_an_empty_log_counts_nothing(home):
    assert count_activity(home, ground_of(home), NOW).is_empty()


def test_everybody_and_an_audience_are_counted_on_the_clock_of_the_country(home):
    append_events(home, acts([f"a{n}" for n in range(30)], "telegram", 17))
    append_events(home, acts([f"b{n}" for n in range(30)], "telegram", 5))
    ground = ground_of(home, country="IR")
    own = {"own": pl.Series([f"a{n}" for n in range(30)])}
    rows = count_activity(home, ground, NOW, audiences=own)
    assert set(by_hour(rows)) == {20, 8}  # three hours and a half ahead
    assert set(by_hour(rows, "own")) == {20}


def test_hours_of_too_few_people_are_not_told(home):
    append_events(home, acts(["a1", "a2"], "telegram", 17))
    rows = count_activity(home, ground_of(home), NOW, audiences={"two": pl.Series(["a1", "a2"])})
    assert by_hour(rows, "two") == {}
    assert set(by_hour(rows)) == {17}


def test_who_withdrew_or_is_held_counts_no_more_from_the_next_question_on(home):
    append_events(home, acts(["shy"], "x", 3))
    append_events(home, acts(["farm"], "x", 4))
    append_events(home, acts(["one"], "x", 5))
    ground = ground_of(home)
    assert set(by_hour(count_activity(home, ground, NOW))) == {3, 4, 5}
    with open_catalog(home) as catalog:
        suspects.hold(catalog, pl.DataFrame({"user_id": ["farm"], "reason": ["test"]}))
    refused = dict.fromkeys(PURPOSES, False) | {"store": True}
    record_consent(home, "shy", source="test", now=NOW, purposes=refused)
    assert set(by_hour(count_activity(home, ground, NOW))) == {5}


def test_acts_against_and_acts_without_a_channel_do_not_count(home):
    append_events(home, acts(["one"], "x", 5, action="block"))
    append_events(home, acts(["one"], None, 6))
    append_events(home, acts(["one"], "x", 7, action="view"))
    assert set(by_hour(count_activity(home, ground_of(home), NOW))) == {7}


def test_acts_that_were_dated_without_an_hour_do_not_make_midnight_a_rush(home):
    append_events(home, acts([f"d{n}" for n in range(5)], "x", 0, second=0))
    append_events(home, acts(["one"], "x", 19))
    assert set(by_hour(count_activity(home, ground_of(home), NOW))) == {19}


def test_of_a_large_log_the_last_weeks_are_enough(home):
    (home.root / "configs").mkdir(parents=True)
    (home.root / "configs" / "timing.toml").write_text("[learning]\nacts = 1000\n")
    append_events(home, acts([f"u{n}" for n in range(100)], "x", 5, days=32))
    append_events(home, acts([f"u{n}" for n in range(100)], "x", 9, days=60))
    rows = count_activity(home, ground_of(home), NOW)
    assert set(by_hour(rows)) == {9}  # the other hour had ended before the last 28 days
    assert by_hour(rows)[9] == pytest.approx(28 * 100, rel=0.1)  # older acts count less


def test_new_events_are_noticed(home):
    append_events(home, acts(["one"], "x", 5))
    ground = ground_of(home)
    assert set(by_hour(count_activity(home, ground, NOW))) == {5}
    append_events(home, acts(["two"], "x", 9))
    assert set(by_hour(count_activity(home, ground, NOW))) == {5, 9}


@pytest.fixture(scope="module")
def model():
    return planted("v1")


def product_of(model) -> str:
    return str(model.products["product_id"][0])


def test_a_products_week_follows_its_audience_and_not_everybody(home, model):
    product = product_of(model)
    ids = model.users["user_id"]
    channel = seen_on(model, product, goal="traffic", home=home)
    assert channel is not None
    name = max(channel.on, key=channel.on.__getitem__)
    own = audience(model, product, share=0.05, goal="traffic", include_known=True).ids
    others = ids.filter(~ids.is_in(own.implode()))[:40]
    append_events(home, acts(own.to_list(), name, 18, days=50))
    append_events(home, acts(others.to_list(), name, 6, days=50))
    week = Week(date(2026, 6, 1), posts=3, channels=(name,), zone="UTC")
    answer = product_schedule(home, model, product, week, now=NOW)
    assert {slot["hour"] for slot in answer["schedule"]} <= {17, 18, 19}
    assert all(slot["segment_id"] is None for slot in answer["schedule"])
    hours = pl.DataFrame(answer["hours"])
    assert hours.height == 168
    mean = hours.group_by("hour").agg(pl.col("expected").mean()).sort("hour")["expected"]
    assert mean[18] > 2 * mean[6]
    assert any("no country is known" in note for note in answer["notes"])


def test_a_week_without_events_says_that_nothing_was_measured(home, model):
    week = Week(date(2026, 6, 1), hours=3.0, country="IR")
    answer = product_schedule(home, model, product_of(model), week, now=NOW)
    assert any("nothing was measured yet" in note for note in answer["notes"])
    assert answer["zone"] == "Asia/Tehran"
    assert answer["schedule"]
    assert answer["schedule"][0]["date"].startswith("1405-03")


def test_the_clock_is_that_of_where_most_of_the_audience_lives(home, model):
    lives = pl.Series(["ir"] * model.users.height, dtype=pl.String)
    at_home = dataclasses.replace(model, users=model.users.with_columns(country=lives))
    week = Week(date(2026, 6, 1), posts=1)
    assert product_schedule(home, at_home, product_of(model), week, now=NOW)["country"] == "IR"
    answer = product_channels(home, at_home, product_of(model), Wish())
    assert answer["country"] == "IR"
    zones = pl.Series(["Asia/Tokyo"] * model.users.height, dtype=pl.String)
    elsewhere = dataclasses.replace(model, users=model.users.with_columns(time_zone=zones))
    told = product_schedule(home, elsewhere, product_of(model), week, now=NOW)
    assert (told["zone"], told["country"]) == ("Asia/Tokyo", None)
    named = Week(date(2026, 6, 1), posts=1, country="DE")
    assert product_schedule(home, at_home, product_of(model), named, now=NOW)["country"] == "DE"


def test_a_week_on_a_channel_nobody_knows_is_refused(home, model):
    week = Week(date(2026, 6, 1), channels=("orkut",))
    with pytest.raises(UnknownEntity, match="no channel 'orkut'"):
        product_schedule(home, model, product_of(model), week, now=NOW)


def test_channels_of_a_product_look_at_where_its_audience_was_seen(home, model):
    answer = product_channels(home, model, product_of(model), Wish())
    seen = seen_on(model, product_of(model), goal="traffic", home=home)
    assert seen is not None
    rows = {row["channel"]: row for row in answer["channels"]}
    for name, people in seen.on.items():
        share = people / seen.audience
        assert abs(rows[name]["share"] - share) < 0.15
        assert f"{people:,} of the audience seen there" in rows[name]["reason"]
    assert np.isclose(sum(row["chance"] for row in rows.values()), 1)
