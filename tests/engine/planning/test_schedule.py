"""Posts of a week: apart, within what a team can do, and only at hours that exist."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from engine import settings
from engine.errors import InvalidValue
from engine.planning.calendars import choose_calendar
from engine.planning.hours import no_hours
from engine.planning.timing import Team, hour_response, loss_by_distance, plan_schedule
from engine.planning.weeks import Ground

CHANNELS, TIMING = settings.load_rows("channels"), settings.load("timing")
COUNTRIES = settings.load_rows("calendars")


def ground(country: str | None = None) -> Ground:
    return Ground(CHANNELS, choose_calendar(COUNTRIES, country=country), TIMING)


def prior(*channels, country=None):
    on = ground(country)
    return hour_response(no_hours(), placements=[(c, None) for c in channels], ground=on), on


def test_posts_of_a_channel_keep_their_distance_around_the_week():
    rows, on = prior("x")
    slots = plan_schedule(rows, start=date(2026, 5, 6), ground=on, team=Team(posts=30))
    hours = sorted(24 * slot["weekday"] + slot["hour"] for slot in slots)
    gaps = np.diff([*hours, hours[0] + 168])
    assert len(slots) == 30
    assert gaps.min() >= TIMING["schedule"].distance_hours
    assert [slot["starts_at"] for slot in slots] == sorted(slot["starts_at"] for slot in slots)
    assert slots[0]["starts_at"] >= "2026-05-06"
    assert slots[-1]["starts_at"] < "2026-05-13"


def test_a_slot_tells_what_it_loses_to_the_post_before():
    rows, on = prior("x")
    slots = plan_schedule(rows, start=date(2026, 5, 4), ground=on, team=Team(posts=56))
    loss = loss_by_distance(TIMING)
    assert all(f"loses {loss[3]:.0%} to the post 3 hours before" in s["reason"] for s in slots)
    assert all(slot["lower"] < slot["expected"] < slot["upper"] for slot in slots)


def test_hours_of_work_are_held_to_and_dear_posts_are_rare():
    rows, on = prior("x", "youtube")
    for hours in (0.0, 0.2, 1.0, 12.0):
        slots = plan_schedule(rows, start=date(2026, 5, 4), ground=on, team=Team(hours=hours))
        work = sum(CHANNELS[slot["channel"]]["post_hours"] for slot in slots)
        assert work <= hours + 1e-9
    assert sum(slot["channel"] == "youtube" for slot in slots) <= 1


def test_weight_decides_which_placement_gets_the_posts():
    rows, on = prior("x", "reddit")
    worth = {("x", None): 5.0, ("reddit", None): 0.0}
    slots = plan_schedule(rows, start=date(2026, 5, 4), ground=on, weights=worth)
    assert {slot["channel"] for slot in slots} == {"x"}
    assert len(slots) == TIMING["schedule"].posts


def test_posts_go_out_only_in_open_hours():
    rows, on = prior("instagram")
    office = frozenset(24 * day + hour for day in range(5) for hour in range(9, 17))
    team = Team(posts=10, open_hours=office)
    slots = plan_schedule(rows, start=date(2026, 5, 4), ground=on, team=team)
    assert {24 * slot["weekday"] + slot["hour"] for slot in slots} <= office


def test_an_hour_that_clocks_leave_out_gets_no_post():
    rows, on = prior("x", country="DE")
    night = frozenset({24 * 6 + 2})
    team = Team(posts=1, open_hours=night)
    with pytest.raises(InvalidValue, match="1 are too many: a week holds 0"):
        plan_schedule(rows, start=date(2026, 3, 23), ground=on, team=team)
    week_before = plan_schedule(rows, start=date(2026, 3, 16), ground=on, team=team)
    assert week_before[0]["starts_at"] == "2026-03-22T02:00:00+01:00"


@pytest.mark.parametrize(
    "team",
    [
        Team(posts=-1),
        Team(hours=-0.5),
        Team(hours=float("nan")),
        Team(posts=57),
        Team(posts=3, hours=3.0),
        Team(posts=1, open_hours=frozenset({168})),
    ],
)
def test_what_no_team_can_do_is_refused(team):
    rows, on = prior("x")
    with pytest.raises(InvalidValue):
        plan_schedule(rows, start=date(2026, 5, 4), ground=on, team=team)


def test_no_posts_and_no_placements_are_an_empty_week():
    rows, on = prior("x")
    assert plan_schedule(rows, start=date(2026, 5, 4), ground=on, team=Team(posts=0)) == []
    nobody = hour_response(no_hours(), placements=[], ground=on)
    assert plan_schedule(nobody, start=date(2026, 5, 4), ground=on) == []
