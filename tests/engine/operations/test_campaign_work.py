"""The work of a campaign goes to its own team, and to nobody who may not see it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from engine.errors import InvalidValue, UnknownEntity
from engine.operations.campaign_work import work_of_campaign
from engine.operations.members import LOCAL, Card, actor_of, add_member
from engine.operations.teams import TeamChange, change_team, create_team
from engine.operations.working_hours import read_hours
from engine.store.home import Home
from tests.api.campaigning import put_campaign

POSTS = [
    {"channel": "x", "segment_id": "s", "starts_at": f"2026-11-0{day}T10:00:00+03:30"}
    for day in (2, 3, 6)
]
BY_HAND = {"schedule": ({"channel": "y", "weekday": 1, "hour": 11},)}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A campaign of the north in several states; it starts on Sunday, 1 November 2026."""
    home = Home(tmp_path_factory.mktemp("home"))
    add_member(home, LOCAL, "sara", Card("owner"))
    for name in ("omid", "nima", "roya"):
        add_member(home, LOCAL, name, Card("marketer"))
    create_team(home, LOCAL, "north", zone="Asia/Tehran")
    hours = read_hours(["mon-wed 09:00-17:00"])
    change_team(home, LOCAL, "north", TeamChange(join=("omid", "nima"), hours=hours))
    plan: dict[str, Any] = {"schedule": POSTS}
    days = {"start": date(2026, 11, 1), "end": date(2026, 11, 10)}
    put_campaign(home, "draft", team="north", **days)
    put_campaign(home, "planned", team="north", plan=plan, **days)
    put_campaign(home, "hers", team="north", plan=plan, responsible={"promotion": "omid"}, **days)
    put_campaign(home, "by-hand", team="north", plan=plan, **BY_HAND, **days)
    put_campaign(home, "no-posts", team="north", plan={}, **BY_HAND, **days)
    put_campaign(home, "nobodys", plan=plan, **days)
    return home


def test_posts_of_a_plan_are_shared_in_the_team(home: Home) -> None:
    found = work_of_campaign(home, actor_of(home, "omid"), "planned")
    assert (found["campaign"], found["team"]) == ("planned", "north")
    assert found["posts"] == {"nima": 1, "omid": 1}
    (left,) = found["unassigned"]
    assert left["at"] == "2026-11-06T10:00:00+03:30"
    assert left["nearest"]["starts_at"] == "2026-11-04T16:00:00+03:30"


def test_who_is_responsible_for_promotion_posts(home: Home) -> None:
    assert work_of_campaign(home, LOCAL, "hers")["posts"] == {"omid": 2}


def test_posts_chosen_by_hand_lie_on_the_plans_clock_or_the_teams(home: Home) -> None:
    for id in ("by-hand", "no-posts"):
        (one,) = work_of_campaign(home, LOCAL, id)["assigned"]
        assert (one["channel"], one["starts_at"]) == ("y", "2026-11-03T11:00:00+03:30")


def test_what_cannot_be_shared_says_why(home: Home) -> None:
    with pytest.raises(InvalidValue, match="not planned yet"):
        work_of_campaign(home, LOCAL, "draft")
    with pytest.raises(InvalidValue, match="no team's"):
        work_of_campaign(home, LOCAL, "nobodys")


def test_another_teams_campaign_is_none(home: Home) -> None:
    for id in ("planned", "ghost"):
        with pytest.raises(UnknownEntity, match="campaign"):
            work_of_campaign(home, actor_of(home, "roya"), id)
