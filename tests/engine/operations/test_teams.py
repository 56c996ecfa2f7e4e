"""Teams: what they own is theirs to see, and hours are told as they were meant."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import DuplicateEntity, Forbidden, InvalidValue, UnknownEntity
from engine.operations.members import LOCAL, Actor, Card, actor_of, add_member, remove_member
from engine.operations.responsibilities import may_take, promoters, steps
from engine.operations.teams import (
    TeamChange,
    TeamShape,
    bounds_of,
    change_team,
    create_team,
    list_teams,
    owners_of,
    put_team,
    remove_team,
    sees,
    sees_product,
    show_team,
    team_of,
)
from engine.operations.working_hours import joined, read_hours, window
from engine.store.home import Home
from engine.store.members import Hours


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Two teams with a product each, somebody in neither, and a product of nobody: `free`."""
    home = Home(tmp_path_factory.mktemp("first"))
    add_member(home, LOCAL, "sara", Card("owner"))
    sara = actor_of(home, "sara")
    roles = {"omid": "marketer", "nima": "marketer", "roya": "viewer", "kian": "analyst"}
    for name, role in roles.items():
        add_member(home, sara, name, Card(role))
    create_team(home, sara, "north", zone="Asia/Tehran")
    create_team(home, sara, "south")
    change_team(home, sara, "north", TeamChange(join=("omid", "roya"), own=("p1", "both")))
    change_team(home, sara, "south", TeamChange(join=("nima",), own=("p2", "both")))
    create_team(home, sara, "empty")
    return home


@pytest.fixture
def home(first: Home, tmp_path: Path) -> Home:
    """A copy that a test may change."""
    shutil.copytree(first.root, tmp_path / "home")
    return Home(tmp_path / "home")


def seen(home: Home, name: str) -> set[str]:
    actor = actor_of(home, name)
    return {id for id in ("p1", "p2", "both", "free") if sees_product(home, actor, id)}


def test_members_see_the_products_of_their_teams_and_who_has_none_what_nobody_owns(
    home: Home,
) -> None:
    assert seen(home, "omid") == {"p1", "both"}
    assert seen(home, "nima") == {"p2", "both"}
    assert seen(home, "kian") == {"free"}
    assert seen(home, "sara") == {"p1", "p2", "both", "free"}
    assert sees_product(home, Actor("key:ads", "platform", ()), "p1")
    assert owners_of(home, "both") == ("north", "south")
    assert owners_of(home, "free") == ()
    bounds = bounds_of(home, actor_of(home, "omid"))
    assert bounds is not None
    assert bounds.outside(["p1", "p2", "x"]) == [1, 2]


def test_a_team_is_seen_by_its_members_and_by_who_sees_all(home: Home) -> None:
    omid, kian = actor_of(home, "omid"), actor_of(home, "kian")
    assert sees(home, omid, "NORTH")
    assert not sees(home, omid, "south")
    assert sees(home, omid, None)
    assert sees(home, kian, None)
    assert sees(home, Actor("x", "admin", ()), "south")
    assert [team["name"] for team in list_teams(home, omid)] == ["north"]
    assert list_teams(home, kian) == []
    with pytest.raises(UnknownEntity) as hidden:
        show_team(home, omid, "south")
    with pytest.raises(UnknownEntity) as missing:
        show_team(home, omid, "souths")
    assert str(hidden.value) == str(missing.value).replace("souths", "south")


def test_only_who_may_write_teams_does(home: Home) -> None:
    omid = actor_of(home, "omid")
    for attempt in (
        lambda: create_team(home, omid, "mine"),
        lambda: change_team(home, omid, "north", TeamChange(own=("p2",))),
        lambda: change_team(home, omid, "nothing", TeamChange(own=("p2",))),
        lambda: put_team(home, omid, "south", TeamShape()),
        lambda: remove_team(home, omid, "south"),
    ):
        with pytest.raises(Forbidden):
            attempt()


def test_what_is_not_named_stays(home: Home) -> None:
    before = show_team(home, LOCAL, "north")
    after = change_team(home, LOCAL, "NORTH", TeamChange(disown=("both",), zone="Europe/Berlin"))
    assert after == before | {"products": ["p1"], "zone": "Europe/Berlin"}
    assert owners_of(home, "both") == ("south",)


def test_a_team_that_is_put_is_all_that_was_said(home: Home) -> None:
    shape = TeamShape("Asia/Tehran", ("NIMA",), ("p9",), read_hours(["mon 09:00-10:00"]))
    put = put_team(home, LOCAL, "north", shape)
    assert (put["members"], put["products"], len(put["hours"])) == (["nima"], ["p9"], 1)
    assert put_team(home, LOCAL, "new", shape)["members"] == ["nima"]
    assert actor_of(home, "nima").teams == ("new", "north", "south")
    with pytest.raises(UnknownEntity, match="nobody"):
        put_team(home, LOCAL, "north", TeamShape(members=("nobody",)))
    assert show_team(home, LOCAL, "north") == put


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (TeamChange(join=("nobody",)), UnknownEntity),
        (TeamChange(leave=("nima",)), UnknownEntity),
        (TeamChange(disown=("p2",)), UnknownEntity),
        (TeamChange(zone="Mars/Base"), InvalidValue),
        (TeamChange(own=("",)), InvalidValue),
        (TeamChange(own=("a\nb",)), InvalidValue),
        (TeamChange(own=("é" * 129,)), InvalidValue),
        (TeamChange(hours=(Hours(0, 0, 60),), hours_of="nima"), InvalidValue),
    ],
)
def test_a_change_that_cannot_be_leaves_the_team_as_it_was(
    home: Home, change: TeamChange, error: type[Exception]
) -> None:
    before = show_team(home, LOCAL, "north")
    with pytest.raises(error):
        change_team(home, LOCAL, "north", change)
    assert show_team(home, LOCAL, "north") == before


def test_a_name_is_given_to_one_team(home: Home) -> None:
    with pytest.raises(DuplicateEntity):
        create_team(home, LOCAL, "North")


def test_own_hours_stand_beside_those_of_all_and_go_with_the_member(home: Home) -> None:
    change_team(home, LOCAL, "north", TeamChange(hours=read_hours(["sat-wed 09:00-17:00"])))
    late = TeamChange(hours=read_hours(["fri 20:00-24:00"]), hours_of="Omid")
    both = change_team(home, LOCAL, "north", late)["hours"]
    assert [one["weekday"] for one in both if one["member"] is None] == [0, 1, 2, 5, 6]
    own = {"member": "omid", "weekday": 4, "from": "20:00", "to": "24:00"}
    assert own in both
    rest = change_team(home, LOCAL, "north", TeamChange(leave=("omid",)))["hours"]
    assert rest == [one for one in both if one["member"] is None]
    change_team(home, LOCAL, "north", TeamChange(join=("omid",)))
    assert change_team(home, LOCAL, "north", late)["hours"] == both
    remove_member(home, LOCAL, "omid")
    assert show_team(home, LOCAL, "north")["hours"] == rest
    assert change_team(home, LOCAL, "north", TeamChange(hours=()))["hours"] == []


def test_what_a_removed_team_owned_is_nobodys(home: Home) -> None:
    assert remove_team(home, LOCAL, "SOUTH") == {"removed": "south"}
    assert seen(home, "nima") == {"p2", "free"}
    assert actor_of(home, "nima").teams == ()
    with pytest.raises(UnknownEntity):
        remove_team(home, LOCAL, "south")


def test_a_step_is_taken_by_a_role_that_has_it_in_the_team(home: Home) -> None:
    assert steps(home) == ("channels", "budget", "team", "audience", "promotion", "results")
    assert may_take(home, "OMID", "promotion", team="north") == "omid"
    assert may_take(home, "nima", "budget", team=None) == "nima"
    assert may_take(home, "sara", "budget", team="north") == "sara"
    refused = {
        ("nima", "promotion", "north"): "not in the team",
        ("roya", "results", "north"): "the role viewer",
        ("kian", "budget", None): "the role analyst",
        ("omid", "dance", "north"): "channels, budget",
    }
    for (name, step, team), words in refused.items():
        with pytest.raises(InvalidValue, match=words):
            may_take(home, name, step, team=team)
    with pytest.raises(UnknownEntity):
        may_take(home, "nobody", "budget", team=None)


def test_who_is_named_promotes_else_all_of_the_team_who_may(home: Home) -> None:
    change_team(home, LOCAL, "north", TeamChange(join=("nima",)))
    north = team_of(home, LOCAL, "north")
    assert promoters(home, north) == ("nima", "omid")
    assert promoters(home, north, {"promotion": "NIMA"}) == ("nima",)
    assert promoters(home, north, {"promotion": ["omid", "sara", "roya", "ghost"]}) == (
        "omid",
        "sara",
    )
    assert promoters(home, team_of(home, LOCAL, "empty")) == ()


WINDOWS = st.builds(
    lambda day, start, length, member: Hours(day, start, min(1440, start + length), member),
    st.integers(0, 1),
    st.integers(1100, 1439),
    st.integers(1, 90),
    st.sampled_from([None, "a", "b"]),
)


@given(st.lists(WINDOWS, max_size=8))
def test_hours_joined_are_the_same_minutes_without_overlaps(hours: list[Hours]) -> None:
    def minutes(some: tuple[Hours, ...] | list[Hours]) -> list[tuple[str | None, int, int]]:
        return [(one.member, one.weekday, at) for one in some for at in range(one.start, one.stop)]

    found = joined(hours)
    assert set(minutes(found)) == set(minutes(hours))
    assert len(minutes(found)) == len(set(minutes(hours)))
    assert joined(found) == found


def test_hours_are_read_as_people_write_them() -> None:
    assert read_hours(["Fri-mon 9:00-12:30", "monday 12:30-13:00"]) == (
        Hours(0, 540, 780),
        *(Hours(day, 540, 750) for day in (4, 5, 6)),
    )
    assert window(6, "00:00", "24:00") == Hours(6, 0, 1440)


@pytest.mark.parametrize(
    "text",
    ["", "mon", "09:00-17:00", "mon 17:00-09:00", "mon 09:00-09:00", "m 09:00-10:00",
     "mon-xyz 09:00-10:00", "mon 9-17", "mon 24:01-25:00", "mon 10:60-11:00", "mon ۰۹:۰۰-۱۰:۰۰"],
)  # fmt: skip
def test_hours_that_cannot_be_meant_are_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        read_hours([text])
    with pytest.raises(InvalidValue):
        window(7, "09:00", "10:00")
