"""The week's work: everything that can be given out is, fairly, and within hours."""

from __future__ import annotations

import itertools
import random
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import InvalidValue, UnknownEntity, UnreadableFile
from engine.operations.members import LOCAL, Actor, Card, actor_of, add_member
from engine.operations.teams import TeamChange, change_team, create_team
from engine.operations.working_hours import read_hours
from engine.operations.workplan import Staff, plan_work, read_plan, share_evenly, work_of_week
from engine.store.home import Home
from engine.store.members import Hours

SOME = st.lists(st.sets(st.integers(0, 3)).map(sorted), max_size=6)


@given(SOME)
def test_of_all_ways_to_share_the_work_none_is_fairer(able: list[list[int]]) -> None:
    found = share_evenly(able, 4)
    assert [doer is None for doer in found] == [not who for who in able]
    assert all(doer in who for doer, who in zip(found, able, strict=True) if doer is not None)

    def burden(shared: list[int]) -> tuple[int, int]:
        counts = [shared.count(place) for place in range(4)]
        return sum(count**2 for count in counts), max(counts)

    ways = [burden(list(way)) for way in itertools.product(*(who for who in able if who))]
    assert burden([doer for doer in found if doer is not None]) == min(ways)


def test_work_is_handed_on_where_that_is_fairer() -> None:
    """Who is asked first must not keep what another could do, when only they can do what comes."""
    assert share_evenly([[0, 1], [0, 2], [0], [0]], 3) == [1, 2, 0, 0]
    assert share_evenly([], 3) == []
    assert share_evenly([[], [1]], 2) == [None, 1]


WEEK = datetime(2027, 3, 20, tzinfo=ZoneInfo("Asia/Tehran"))  # a Saturday
STAFF = Staff(
    "Asia/Tehran",
    ("nima", "omid", "roya"),
    (*read_hours(["sat-wed 09:00-17:00"]), *read_hours(["fri 18:00-24:00"], member="roya")),
)


def post(hours: float, **more: object) -> dict[str, object]:
    moment = (WEEK + timedelta(hours=hours)).isoformat()
    return {"channel": "x", "segment_id": None, "starts_at": moment, "hour": 9, **more}


@given(st.lists(st.integers(0, 167), max_size=40))
def test_everybody_works_in_their_hours_and_what_nobody_can_do_is_told(hours: list[int]) -> None:
    found = plan_work([post(hour) for hour in hours], STAFF)
    for one in found["assigned"]:
        at = datetime.fromisoformat(one["at"])
        if one["member"] == "roya":
            assert (at.weekday(), at.hour >= 18) == (4, True)
        else:
            assert at.weekday() not in (3, 4)
            assert 9 <= at.hour < 17
    assert len(found["assigned"]) + len(found["unassigned"]) == len(hours)
    assert abs(found["posts"]["nima"] - found["posts"]["omid"]) <= 1
    assert sum(found["posts"].values()) == len(found["assigned"])
    for one in found["unassigned"]:
        assert one["nearest"] is not None
        instead = plan_work([post(0) | {"starts_at": one["nearest"]["starts_at"]}], STAFF)
        assert instead["assigned"]
        apart = abs(_at(one["nearest"]["starts_at"]) - _at(one["starts_at"]))
        nearer = range(1, int(apart.total_seconds() // 3600))
        for step in nearer:
            for sign in (-1, 1):
                at = _at(one["starts_at"]) + sign * timedelta(hours=step)
                assert not STAFF.at_work(at)


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_window_holds_its_beginning_and_not_its_end() -> None:
    found = plan_work([post(9), post(17), post(16.98)], STAFF)
    assert [one["at"][11:16] for one in found["assigned"]] == ["09:00", "16:58"]
    assert found["unassigned"][0]["nearest"]["starts_at"] == post(16)["starts_at"]
    assert "Saturday at 17:00 in Asia/Tehran" in found["unassigned"][0]["reason"]


def test_hours_are_those_of_the_teams_clock_whatever_the_audiences() -> None:
    berlin = WEEK.replace(hour=14).astimezone(ZoneInfo("Europe/Berlin")).isoformat()
    found = plan_work([post(0) | {"starts_at": berlin}], STAFF)
    assert found["assigned"][0]["at"] == "2027-03-20T14:00:00+03:30"
    assert found["assigned"][0]["starts_at"] == berlin


def test_clocks_that_are_put_forward_move_the_hours_with_them() -> None:
    staff = Staff("Europe/Berlin", ("a",), read_hours(["mon-sun 09:00-10:00"]))
    utc = [f"2027-03-{day}T{hour}:00:00+00:00" for day, hour in ((27, "08"), (28, "07"))]
    posts = [post(0) | {"starts_at": moment} for moment in utc]
    assert len(plan_work(posts, staff)["assigned"]) == 2


def test_no_hour_is_proposed_before_the_plan_begins_or_after_it_ends() -> None:
    early = post(8)
    day = date(2027, 3, 20)
    assert plan_work([early], STAFF, days=(day, day))["unassigned"][0]["nearest"] == {
        "starts_at": post(9)["starts_at"],
        "member": "nima",
    }
    thursday = post(5 * 24 + 10)
    whole = plan_work([thursday], STAFF)["unassigned"][0]["nearest"]
    assert whole["starts_at"] == post(4 * 24 + 16)["starts_at"]
    only = (date(2027, 3, 25), date(2027, 3, 25))
    assert plan_work([thursday], STAFF, days=only)["unassigned"][0]["nearest"] is None


def test_without_people_or_hours_the_reason_says_so() -> None:
    nobody = plan_work([post(9)], Staff("UTC", (), ()))["unassigned"][0]
    assert (nobody["nearest"], "responsible for promotion" in nobody["reason"]) == (None, True)
    idle = plan_work([post(9)], Staff("UTC", ("a",), (Hours(0, 0, 60, "b"),)))["unassigned"][0]
    assert "teams hours" in idle["reason"]


def test_the_order_of_posts_changes_nothing() -> None:
    posts = [post(hour, channel=channel) for hour in range(168) for channel in ("x", "y")]
    found = plan_work(posts, STAFF)
    for seed in range(3):
        shuffled = random.Random(seed).sample(posts, len(posts))
        assert plan_work(shuffled, STAFF) == found


@pytest.mark.parametrize(
    "wrong",
    [{}, {"channel": "x"}, post(0) | {"starts_at": None}, post(0) | {"starts_at": "soon"},
     post(0) | {"starts_at": "2027-03-20T09:00:00"}, post(0) | {"channel": None},
     post(0) | {"segment_id": 5}, post(0) | {"starts_at": "0001-01-01T00:00:00+00:00"}],
)  # fmt: skip
def test_a_post_that_cannot_be_read_is_named(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidValue, match="post 2"):
        plan_work([post(9), wrong], STAFF)


def test_more_posts_than_a_week_can_hold_are_refused() -> None:
    with pytest.raises(InvalidValue, match="2,000"):
        plan_work([post(9)] * 2001, STAFF)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("home"))
    add_member(home, LOCAL, "sara", Card("owner"))
    for name, role in {"omid": "marketer", "nima": "marketer", "roya": "viewer"}.items():
        add_member(home, LOCAL, name, Card(role))
    create_team(home, LOCAL, "north", zone="Asia/Tehran")
    hours = read_hours(["sat-wed 09:00-17:00"])
    change_team(home, LOCAL, "north", TeamChange(join=("omid", "nima", "roya"), hours=hours))
    return home


def test_a_teams_week_goes_to_those_who_promote(home: Home) -> None:
    plan = {"schedule": [post(9), post(10), post(20)], "start": "2027-03-20", "days": 7}
    found = work_of_week(home, actor_of(home, "roya"), "NORTH", plan)
    assert (found["team"], found["promoters"]) == ("north", ["nima", "omid"])
    assert found["posts"] == {"nima": 1, "omid": 1}
    assert len(found["unassigned"]) == 1
    one = work_of_week(home, LOCAL, "north", plan, responsible={"promotion": "omid"})
    assert one["posts"] == {"omid": 2}
    with pytest.raises(UnknownEntity):
        work_of_week(home, Actor("kian", "analyst", ()), "north", plan)
    for wrong in ({}, {"schedule": 5}, {"schedule": [5]}, plan | {"start": "soon"}):
        with pytest.raises(InvalidValue):
            work_of_week(home, LOCAL, "north", wrong)


def test_a_plan_is_read_from_json() -> None:
    assert read_plan(b'{"schedule": []}', "plan.json") == {"schedule": []}
    for wrong in (b"", b"{", b"[]", b"\xff", b"[" * 200_000):
        with pytest.raises(UnreadableFile, match=r"plan\.json"):
            read_plan(wrong, "plan.json")
