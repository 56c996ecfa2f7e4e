"""Who may lead a campaign, who sees it, and whom it addresses."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from engine.errors import (
    Forbidden,
    SegmentTooSmall,
    UnknownEntity,
)
from engine.frames import USER
from engine.operations import campaigns
from engine.operations.campaign_lift import addressed, audience_of
from engine.operations.campaign_view import describe
from engine.operations.consent import record_consent
from engine.operations.erasure import erase_user
from engine.operations.members import LOCAL
from engine.operations.permissions import SelfApproval
from engine.operations.teams import TeamChange, change_team, create_team
from engine.store.home import Home
from tests.engine.operations.campaigned import (
    ANYWAY,
    FIELDS,
    NOW,
    ON,
    by,
    change,
    copy_home,
    create,
    make_home,
    now,
)


def test_authors_approve_up_to_the_limit_and_others_above_it(home: Home) -> None:
    create(home, id="c2", budget="5000.01")
    campaigns.plan(home, by(home, "mina"), "c2", ON)
    with pytest.raises(SelfApproval, match="mina"):
        campaigns.approve(home, by(home, "mina"), "c2", ANYWAY)
    assert not list((home.root / "campaigns").glob("*.parquet"))
    approved = campaigns.approve(home, by(home, "omid"), "c2", ANYWAY)
    assert (approved.status, approved.approved_by) == ("approved", "omid")
    change(home, budget="5000")
    campaigns.plan(home, by(home, "mina"), "c1", ON)
    assert campaigns.approve(home, by(home, "mina"), "c1", ANYWAY).approved_by == "mina"


def test_who_set_the_amount_does_not_approve_it_either(home: Home) -> None:
    change(home, "omid", budget="9000")
    campaigns.plan(home, by(home, "mina"), "c1", ON)
    for name in ("mina", "omid"):
        with pytest.raises(SelfApproval, match=name):
            campaigns.approve(home, by(home, name), "c1", ANYWAY)
    assert campaigns.approve(home, by(home, "ada"), "c1", ANYWAY).approved_by == "ada"


def test_who_set_the_currency_set_the_amount(home: Home) -> None:
    create(home, id="c2", budget="9000", currency="EUR")
    given = {"currency": "KWD", "budget": "9000"}  # three times as much
    campaigns.change(home, by(home, "omid"), "c2", given, ON)
    given = {"currency": "EUR", "budget": "9000.00"}
    campaigns.change(home, by(home, "mina"), "c2", given, ON)
    campaigns.change(home, by(home, "omid"), "c2", given | {"currency": "GBP"}, ON)
    campaigns.plan(home, by(home, "mina"), "c2", ON)
    for name in ("mina", "omid"):
        with pytest.raises(SelfApproval, match=name):
            campaigns.approve(home, by(home, name), "c2", ANYWAY)
    assert campaigns.approve(home, by(home, "ada"), "c2", ANYWAY).approved_by == "ada"


def test_roles_say_who_may_do_what(home: Home) -> None:
    with pytest.raises(Forbidden):
        campaigns.create(home, by(home, "sara"), FIELDS | {"id": "c2"}, ON)
    with pytest.raises(Forbidden):
        change(home, "sara", budget="3")
    with pytest.raises(Forbidden):
        campaigns.approve(home, by(home, "sara"), "c1", ANYWAY)
    assert campaigns.plan(home, by(home, "sara"), "c1", ON).status == "planned"


def test_another_teams_campaign_is_as_if_it_were_not_there(home: Home) -> None:
    create_team(home, LOCAL, "books")
    change_team(home, LOCAL, "books", TeamChange(join=("mina",)))
    assert create(home, id="secret").team == "books"
    stranger = by(home, "omid")
    errors = []
    for id in ("secret", "no-such"):
        for verb in ("plan", "approve", "start", "cancel"):
            with pytest.raises(UnknownEntity) as told:
                getattr(campaigns, verb)(home, stranger, id, ON)
            errors.append(str(told.value).replace(id, ""))
        with pytest.raises(UnknownEntity):
            campaigns.show(home, stranger, id)
        with pytest.raises(UnknownEntity):
            campaigns.audit(home, stranger, id)
    assert len(set(errors)) == 1
    listed = {name: campaigns.list_campaigns(home, by(home, name), most=9)[0] for name in
              ("omid", "mina", "ada")}  # fmt: skip
    assert [one.id for one in listed["omid"]] == ["c1"]
    assert (
        [one.id for one in listed["mina"]]
        == [one.id for one in listed["ada"]]
        == [
            "secret",
            "c1",
        ]
    )
    with pytest.raises(UnknownEntity):
        campaigns.create(home, stranger, FIELDS | {"id": "c9", "team": "books"}, ON)


def test_a_product_of_another_team_is_not_promoted(home: Home) -> None:
    create_team(home, LOCAL, "books")
    change_team(home, LOCAL, "books", TeamChange(own=("product-003",)))
    with pytest.raises(UnknownEntity, match="no product"):
        create(home, id="c2")


def test_people_are_set_aside_by_a_split_that_can_be_repeated(home: Home) -> None:
    approved = campaigns.approve(home, by(home, "omid"), "c1", ANYWAY)
    people = audience_of(home, approved)
    assert people is not None
    assert approved.audience is not None
    held = people.filter(pl.col("held_out"))
    assert held.height == approved.audience["held_out"] > 0
    assert people.height - held.height == approved.audience["assigned"]
    change(home, posts=3)
    campaigns.plan(home, by(home, "mina"), "c1", ON)
    again = audience_of(home, campaigns.approve(home, by(home, "omid"), "c1", ANYWAY))
    assert again is not None
    assert again.equals(people)
    given = addressed(home, by(home, "omid"), "c1")
    assert not set(given[USER]) & set(held[USER])
    assert given.height == approved.audience["assigned"]
    assert "file" not in (describe(approved)["audience"] or {})


def test_who_withdraws_is_not_handed_out_and_who_is_erased_leaves_the_audience(home: Home) -> None:
    people = audience_of(home, campaigns.approve(home, by(home, "omid"), "c1", ANYWAY))
    assert people is not None
    first, second = people.filter(~pl.col("held_out"))[USER].head(2)
    record_consent(home, first, source="form", now=NOW, gpc=True)
    assert first not in addressed(home, by(home, "omid"), "c1")[USER]
    receipt = erase_user(home, second, now=NOW)
    assert receipt["removed"]["campaigns"] == 1
    left = audience_of(home, now(home))
    assert left is not None
    assert second not in left[USER]
    assert left.height == people.height - 1
    named = [
        path for path in (home.root / "campaigns").iterdir() if second.encode() in path.read_bytes()
    ]
    assert not named


def test_who_withdrew_before_approval_is_in_no_audience(home: Home) -> None:
    twin = copy_home(home, home.root.parent / "twin")
    people = audience_of(twin, campaigns.approve(twin, by(twin, "omid"), "c1", ANYWAY))
    assert people is not None
    gone = people[USER][0]
    record_consent(home, gone, source="form", now=NOW, gpc=True)
    left = audience_of(home, campaigns.approve(home, by(home, "omid"), "c1", ANYWAY))
    assert left is not None
    assert left[USER].to_list() == people[USER].to_list()[1:]


def test_exclusions_leave_people_out_and_too_few_are_refused(home: Home) -> None:
    best = now(home).recommended["audience"]["segments"]
    whole = (now(home).audience or {})["people"]
    change(home, segments=best[1:], exclusions=best[:1])
    fewer = campaigns.plan(home, by(home, "mina"), "c1", ON).audience
    assert fewer is not None
    assert 0 < fewer["people"] < whole
    change(home, segments=best[:1], exclusions=best[1:])
    with pytest.raises(SegmentTooSmall):
        campaigns.plan(home, by(home, "mina"), "c1", ON)
    change(home, segments=best, exclusions=[], holdout_share=0.9)
    with pytest.raises(SegmentTooSmall):
        campaigns.plan(home, by(home, "mina"), "c1", ON)


def test_without_members_the_author_approves_what_nobody_else_can(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", members=False)
    campaigns.create(home, LOCAL, FIELDS | {"budget": "9000"}, ON)
    campaigns.plan(home, LOCAL, "c1", ON)
    assert campaigns.approve(home, LOCAL, "c1", ANYWAY).approved_by == "local"
