"""Hours of the week: planted curves are found, little data is shrunk, posts do not compete."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from engine import settings
from engine.errors import UnknownEntity
from engine.planning.calendars import choose_calendar
from engine.planning.hours import Window, count_acts, count_posts, no_hours
from engine.planning.timing import Team, hour_response, plan_schedule
from engine.planning.weeks import Ground, usual_week

CHANNELS, TIMING = settings.load_rows("channels"), settings.load("timing")
COUNTRIES = settings.load_rows("calendars")
SINCE = datetime(2026, 1, 5, tzinfo=UTC)


def ground(country: str | None = None, zone: str | None = None) -> Ground:
    return Ground(CHANNELS, choose_calendar(COUNTRIES, country=country, zone=zone), TIMING)


def planted_week(peak: float, seed: int) -> np.ndarray:
    """(168,) a curve of its own, whose mean is 1: smooth, with weekdays and some interaction."""
    random, hours = np.random.default_rng(seed), np.arange(24)
    day = np.cos(2 * np.pi * (hours - peak) / 24) + 0.4 * np.cos(4 * np.pi * (hours - peak) / 24)
    week = np.add.outer(0.2 * random.standard_normal(7), day).ravel()
    rate = np.exp(week)
    return rate / rate.mean()


def acts_of(channel, week, zone, *, days, a_day, seed, segment=None):
    """Acts drawn hour by hour on the clock of a zone, and how they lie in the week."""
    random, tz = np.random.default_rng(seed), ZoneInfo(zone)
    quarters = [SINCE + timedelta(minutes=15 * n) for n in range(days * 96)]
    local = [at.astimezone(tz) for at in quarters]
    place = np.array([24 * at.weekday() + at.hour for at in local])
    counts = random.poisson(week[place] * a_day / 96)
    kept = counts > 0
    return pl.DataFrame(
        {
            "channel": [channel] * int(kept.sum()),
            "segment_id": pl.Series([segment] * int(kept.sum()), dtype=pl.String),
            "occurred_at": pl.Series(
                list(itertools.compress(quarters, kept)), dtype=pl.Datetime("us", "UTC")
            ),
            "acts": counts[kept],
        }
    )


def learned(acts, on: Ground, placements, *, days):
    window = Window(SINCE, SINCE + timedelta(days=days), 180.0)
    return hour_response(count_acts(acts, on.calendar, window), placements=placements, ground=on)


def column(rows, name, placement=None):
    if placement is not None:
        channel, segment = placement
        chosen = pl.col("segment_id").eq_missing(pl.lit(segment))
        rows = rows.filter((pl.col("channel") == channel) & chosen)
    return rows[name].to_numpy()


@pytest.mark.parametrize(("zone", "country"), [("America/New_York", "US"), ("Asia/Tehran", "IR")])
def test_a_planted_curve_is_found_on_the_clock_of_the_audience(zone, country):
    """180 days over a change of clocks in New York; Tehran lies three hours and a half ahead."""
    on, weeks = ground(country), {"x": planted_week(9, 1), "telegram": planted_week(21, 2)}
    acts = pl.concat(
        [
            acts_of(name, week, zone, days=180, a_day=300, seed=at)
            for at, (name, week) in enumerate(weeks.items())
        ]
    )
    rows = learned(acts, on, [(name, None) for name in weeks], days=180)
    for name, week in weeks.items():
        found = column(rows, "expected", (name, None))
        assert np.corrcoef(np.log(found), np.log(week))[0, 1] > 0.97
        assert abs(int(found.argmax()) % 24 - int(week.argmax()) % 24) <= 1
        held = (column(rows, "lower", (name, None)) <= week) & (
            week <= column(rows, "upper", (name, None))
        )
        assert 0.6 < held.mean() <= 1.0
    assert set(rows["basis"]) == {"results"}


def test_intervals_hold_the_truth_as_often_as_they_say():
    on, held = ground(zone="UTC"), []
    usual = usual_week(CHANNELS["x"], on).ravel()
    for seed in range(12):
        random = np.random.default_rng(seed)
        apart = np.abs(np.subtract.outer(np.arange(24), np.arange(24)))
        alike = np.exp(-0.5 * (np.minimum(apart, 24 - apart) / 2.5) ** 2)
        values, vectors = np.linalg.eigh(alike)
        own = 0.4 * vectors @ (np.sqrt(np.maximum(values, 0.0)) * random.standard_normal(24))
        week = usual * np.exp(np.add.outer(0.25 * random.standard_normal(7), own).ravel())
        week = week / week.mean()
        acts = acts_of("x", week, "UTC", days=28, a_day=40, seed=seed)
        rows = learned(acts, on, [("x", None)], days=28)
        held.append((rows["lower"].to_numpy() <= week) & (week <= rows["upper"].to_numpy()))
    assert 0.7 < np.mean(held) < 0.95


def test_an_hour_that_comes_twice_or_never_is_counted_so():
    """In Berlin 2026 clocks go forward on 29 March and back on 25 October, both Sundays."""
    berlin = choose_calendar(COUNTRIES, country="DE")
    for first, hours_at_two, hours in (((2026, 3, 29), 0, 23), ((2026, 10, 25), 2, 25)):
        midnight = datetime(*first, tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)
        end = datetime(*first[:2], first[2] + 1, tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)
        ats = [midnight + timedelta(minutes=20 * n) for n in range(3 * hours)]
        acts = pl.DataFrame(
            {"channel": ["x"] * len(ats), "occurred_at": ats},
            schema_overrides={"occurred_at": pl.Datetime("us", "UTC")},
        )
        found = count_acts(acts, berlin, Window(midnight, end, 1e9))
        assert found["units"].sum() == pytest.approx(hours)
        assert found["total"].sum() == pytest.approx(3 * hours)
        two = found.filter(pl.col("hour") == 2)
        assert two["units"].sum() == pytest.approx(hours_at_two)
        assert two["squares"].sum() == pytest.approx(9 * hours_at_two)


def test_a_zone_of_half_hours_counts_whole_hours():
    tehran = choose_calendar(COUNTRIES, country="IR")
    at = datetime(2026, 6, 6, 17, 45, tzinfo=UTC)  # 21:15 on Saturday in Tehran
    acts = pl.DataFrame(
        {"channel": ["eitaa"], "occurred_at": [at]},
        schema_overrides={"occurred_at": pl.Datetime("us", "UTC")},
    )
    window = Window(datetime(2026, 6, 5, 20, 30, tzinfo=UTC), at + timedelta(days=7), 1e9)
    found = count_acts(acts, tehran, window).filter(pl.col("total") > 0)
    assert found.select("weekday", "hour", "holiday").row(0) == (5, 21, False)


def test_without_history_the_usual_curve_answers_and_says_so():
    on = ground("IR")
    rows = hour_response(no_hours(), placements=[("telegram", None)], ground=on)
    assert rows["expected"].to_numpy() == pytest.approx(
        usual_week(CHANNELS["telegram"], on).ravel()
    )
    assert set(rows["basis"]) == {"prior"}
    assert (rows["seen"] == 0).all()
    assert ((rows["lower"] < rows["expected"]) & (rows["expected"] < rows["upper"])).all()
    slot = plan_schedule(rows, start=date(2026, 5, 2), ground=on, team=Team(posts=1))[0]
    assert "nothing was measured yet" in slot["reason"]


def test_one_post_moves_the_usual_curve_hardly_and_is_answered():
    on = ground("DE")
    posts = pl.DataFrame(
        {"channel": ["x"], "occurred_at": [SINCE + timedelta(hours=3)], "response": [50.0]},
        schema_overrides={"occurred_at": pl.Datetime("us", "UTC")},
    )
    window = Window(SINCE, SINCE + timedelta(days=1), 180.0)
    counted = count_posts(posts, on.calendar, window, cap=3.0)
    one = hour_response(counted, placements=[("x", None)], ground=on)
    none = hour_response(no_hours(), placements=[("x", None)], ground=on)
    assert set(one["basis"]) == {"mixed"}
    ratio = one["expected"].to_numpy() / none["expected"].to_numpy()
    assert np.abs(np.log(ratio)).max() < 0.2


@hypothesis_settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 59),
            st.integers(0, 23),
            st.sampled_from([0.0, 1.0, 7.0, 1e3, 1e9]),
            st.sampled_from([None, "photo", "video"]),
        ),
        max_size=30,
    )
)
def test_whatever_came_in_hours_stay_finite_and_their_mean_is_one(posts):
    on = ground("IR")
    frame = pl.DataFrame(
        {
            "channel": ["x"] * len(posts),
            "occurred_at": [SINCE + timedelta(days=day, hours=hour) for day, hour, _, _ in posts],
            "response": [response for _, _, response, _ in posts],
            "kind": [kind for _, _, _, kind in posts],
        },
        schema={
            "channel": pl.String,
            "occurred_at": pl.Datetime("us", "UTC"),
            "response": pl.Float64,
            "kind": pl.String,
        },
    )
    window = Window(SINCE, SINCE + timedelta(days=60), 180.0)
    counted = count_posts(frame, on.calendar, window, cap=3.0)
    rows = hour_response(counted, placements=[("x", None), ("x", "some")], ground=on)
    numbers = rows.select("expected", "lower", "upper", "on_holiday").to_numpy()
    assert np.isfinite(numbers).all()
    assert (numbers > 0).all()
    assert (rows["lower"] <= rows["expected"]).all()
    assert (rows["expected"] <= rows["upper"]).all()
    for placement in (("x", None), ("x", "some")):
        assert column(rows, "expected", placement).mean() == pytest.approx(1)


def test_a_post_that_went_round_the_world_does_not_decide_the_hour():
    on, random = ground(zone="UTC"), np.random.default_rng(1)
    ats = [SINCE + timedelta(days=day, hours=int(random.integers(24))) for day in range(200)]
    plain = pl.DataFrame(
        {"channel": ["x"] * 200, "occurred_at": ats, "response": random.poisson(50, 200) * 1.0},
        schema_overrides={"occurred_at": pl.Datetime("us", "UTC")},
    )
    wild = plain.with_columns(
        response=pl.when(pl.int_range(pl.len()) == 0).then(1e6).otherwise("response")
    )
    window = Window(SINCE, SINCE + timedelta(days=200), 1e9)
    one, other = (
        hour_response(
            count_posts(frame, on.calendar, window, cap=3.0), placements=[("x", None)], ground=on
        )["expected"].to_numpy()
        for frame in (plain, wild)
    )
    assert np.abs(np.log(one / other)).max() < 0.25


def test_an_unknown_channel_is_refused_and_the_known_ones_are_named():
    with pytest.raises(UnknownEntity, match=r"no channel 'orkut'; known and near: instagram"):
        hour_response(no_hours(), placements=[("orkut", None)], ground=ground())


def test_a_channel_of_which_only_hours_are_known_is_learned_from_them():
    week = planted_week(4, 3)
    acts = acts_of("pixora", week, "UTC", days=120, a_day=300, seed=4)
    rows = learned(acts, ground(), [("pixora", None)], days=120)
    assert np.corrcoef(np.log(rows["expected"].to_numpy()), np.log(week))[0, 1] > 0.95


def test_a_segment_is_shrunk_towards_its_channel():
    everybody, own = planted_week(20, 5), planted_week(16, 6)
    many = acts_of("x", everybody, "UTC", days=100, a_day=400, seed=7)
    few = acts_of("x", own, "UTC", days=100, a_day=0.1, seed=8, segment="few")
    lots = acts_of("x", own, "UTC", days=100, a_day=300, seed=9, segment="lots")
    places = [("x", None), ("x", "few"), ("x", "lots"), ("x", "never seen")]
    rows = learned(pl.concat([many, few, lots]), ground(), places, days=100)
    log = {place: np.log(column(rows, "expected", place)) for place in places}
    assert np.corrcoef(log["x", "lots"], np.log(own))[0, 1] > 0.95
    assert np.corrcoef(log["x", "few"], log["x", None])[0, 1] > 0.9
    assert log["x", "never seen"] == pytest.approx(log["x", None])
    width = {place: np.log(column(rows, "upper", place)) - log[place] for place in places}
    assert (width["x", "never seen"] > width["x", None]).all()
    assert width["x", "lots"].mean() < width["x", "few"].mean()


def test_holidays_are_told_apart_and_the_schedule_knows_them():
    """Planted: on holidays hardly anybody is there; Nowruz 2026 begins on 20 March."""
    on, week = ground("IR"), planted_week(21, 10)
    acts = acts_of("telegram", week, "Asia/Tehran", days=150, a_day=400, seed=11)
    local = pl.col("occurred_at").dt.convert_time_zone("Asia/Tehran").dt.date()
    from engine.planning.calendars import holidays_between

    free = list(holidays_between("IR", date(2026, 1, 1), date(2026, 7, 1)))
    quiet = acts.with_columns(
        acts=pl.when(local.is_in(free)).then((pl.col("acts") * 0.1).round()).otherwise("acts")
    )
    rows = learned(quiet, on, [("telegram", None)], days=150)
    friday = rows.filter(pl.col("weekday") == 4)
    assert (friday["on_holiday"] < 0.4 * friday["expected"]).all()
    slots = plan_schedule(rows, start=date(2026, 3, 19), ground=on, team=Team(posts=2))
    assert {slot["starts_at"][:10] for slot in slots} == {"2026-03-19", "2026-03-25"}
    assert [slot["date"] for slot in slots] == ["1404-12-28", "1405-01-05"]
