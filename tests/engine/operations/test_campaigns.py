"""Campaigns from the first word to approval: what is refused, kept and told, and who may."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from engine.errors import (
    DuplicateEntity,
    Forbidden,
    InvalidValue,
    NotTrained,
    PlanInfeasible,
    SegmentTooSmall,
    UnknownEntity,
)
from engine.frames import USER
from engine.operations import campaigns
from engine.operations.campaign_life import Outdated, OutOfStep, Settled, Undetectable
from engine.operations.campaign_lift import addressed, audience_of
from engine.operations.campaign_money import total_of
from engine.operations.campaign_steps import side_by_side
from engine.operations.campaign_view import describe
from engine.operations.campaigns import Campaign, Occasion
from engine.operations.consent import record_consent
from engine.operations.erasure import erase_user
from engine.operations.members import LOCAL
from engine.operations.permissions import SelfApproval
from engine.operations.teams import TeamChange, change_team, create_team
from engine.store.home import Home
from tests.engine.operations.campaigned import FIELDS, NOW, by, copy_home, make_home

ON = Occasion(NOW)
ANYWAY = Occasion(NOW, accept_undetectable=True)


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with a campaign of mina's that is planned; read only."""
    home = make_home(tmp_path_factory.mktemp("campaigns") / "home")
    create(home)
    campaigns.plan(home, by(home, "mina"), "c1", ON)
    return home


@pytest.fixture
def home(planned: Home, tmp_path: Path) -> Home:
    return copy_home(planned, tmp_path / "home")


def create(home: Home, **fields: Any) -> Campaign:
    return campaigns.create(home, by(home, "mina"), FIELDS | fields, ON)


def change(home: Home, who: str = "mina", /, **fields: Any) -> Campaign:
    return campaigns.change(home, by(home, who), "c1", fields, ON)


def now(home: Home) -> Campaign:
    return campaigns.show(home, by(home, "ada"), "c1")


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"start": "2026-12-15"}, "end", "comes before the first day"),
        ({"end": "2026-11-31"}, "end", "is no day"),
        ({"budget": "NaN"}, "budget", "no amount of money"),
        ({"budget": float("inf")}, "budget", "no amount of money"),
        ({"budget": 0.1 + 0.2}, "budget", "finer than EUR"),
        ({"budget": "100.001"}, "budget", "finer than EUR"),
        ({"budget": "0.5", "currency": "JPY"}, "budget", "finer than JPY"),
        ({"budget": "-3"}, "budget", "not above zero"),
        ({"budget": True}, "budget", "no amount of money"),
        ({"budget": "100 USD"}, "budget", "another currency"),
        ({"locks": {"telegram": "50 USD"}}, "locks of telegram", "another currency"),
        ({"locks": {"telegram": "2000.01"}}, "locks", "are locked"),
        ({"locks": {"x": "5"}}, "locks", "not among the channels"),
        ({"holdout_share": 0}, "holdout_share", "holds out nobody"),
        ({"holdout_share": 1}, "holdout_share", "holds out everybody"),
        ({"holdout_share": 1.5}, "holdout_share", "above 0 and below 1"),
        ({"holdout_share": float("nan")}, "holdout_share", "above 0 and below 1"),
        ({"goal": "fame"}, "goal", "known: awareness, traffic"),
        ({"market": "b2g"}, "market", "known: b2c, b2b"),
        ({"channels": ["x", "x"]}, "channels", "named twice"),
        ({"segments": ["s"], "exclusions": ["s"]}, "exclusions", "among the segments as well"),
        ({"responsible": {"dinner": "mina"}}, "responsible", "is no step"),
        ({"responsible": {"budget": "sara"}}, "responsible", "analyst"),
        ({"schedule": [{"channel": "x"}]}, "schedule", "a post has"),
        ({"name": " "}, "name", "is empty"),
        ({"colour": "red"}, "colour", "is no field"),
        ({"id": "../c"}, "id", "letters, digits"),
        ({"budget": None}, "budget", "is missing"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_reason(
    planned: Home, fields: dict[str, Any], field: str, reason: str
) -> None:
    with pytest.raises(InvalidValue, match=reason) as told:
        create(planned, **({"id": "c2"} | fields))
    assert told.value.field == field


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"currency": "EUX"}, "currency"),
        ({"team": "nobody"}, "team"),
        ({"responsible": {"budget": "nobody"}}, "member"),
    ],
)
def test_what_is_not_known_is_said(planned: Home, fields: dict[str, Any], kind: str) -> None:
    with pytest.raises(UnknownEntity) as told:
        create(planned, **({"id": "c2"} | fields))
    assert told.value.kind == kind


def test_an_id_is_given_once(planned: Home) -> None:
    with pytest.raises(DuplicateEntity):
        create(planned)


def test_money_is_exact_and_of_one_currency(home: Home) -> None:
    assert create(home, id="c2", budget="0.10", locks={"telegram": "0.1 eur"}).locks == {
        "telegram": "0.10"
    }
    assert create(home, id="c3", budget=1999.99).budget == Decimal("1999.99")
    with pytest.raises(InvalidValue, match="one currency"):
        change(home, currency="USD")
    changed = change(home, currency="usd", budget="2100")
    assert (str(changed.budget), changed.currency) == ("2100.00", "USD")


@pytest.mark.parametrize(
    ("currency", "budget", "unit"), [("JPY", "20001", "1"), ("KWD", "2000.125", "0.001")]
)
def test_a_plan_spends_whole_units_of_its_currency_and_all_of_them(
    home: Home, currency: str, budget: str, unit: str
) -> None:
    locks = {"telegram": "700"}
    create(home, id="c2", currency=currency, budget=budget, locks=locks)
    plan = campaigns.plan(home, by(home, "mina"), "c2", ON).plan
    assert plan is not None
    assert total_of(plan) == Decimal(budget)
    spends = [Decimal(repr(row["spend"])) for row in plan["allocation"]]
    assert all(spend % Decimal(unit) == 0 for spend in spends)
    telegram = [row["spend"] for row in plan["allocation"] if row["channel"] == "telegram"]
    assert sum(telegram) == pytest.approx(700, abs=1e-9)
    assert sum(Decimal(repr(day["spend"])) for day in plan["pacing"]) == Decimal(budget)


def test_each_step_is_told_as_recommended_and_as_chosen(planned: Home) -> None:
    steps = {step["step"]: step for step in side_by_side(now(planned))}
    assert list(steps) == ["channels", "budget", "team", "audience", "promotion", "results"]
    channels = steps["channels"]
    assert channels["chosen"]["channels"] == ["telegram", "instagram"]
    assert len(channels["recommended"]["channels"]) == 5
    assert all(why["reason"] for why in channels["recommended"]["why"])
    overridden = [name for name, step in steps.items() if step["overridden"]]
    assert "channels" in overridden
    assert not {"team", "audience", "promotion", "results"} & set(overridden)
    assert steps["audience"]["chosen"]["segments"] == steps["audience"]["recommended"]["segments"]
    assert steps["team"]["recommended"]["approval"] == "ada"
    assert {slot["channel"] for slot in steps["promotion"]["chosen"]["schedule"]} <= {
        "telegram",
        "instagram",
    }


def test_a_choice_keeps_the_recommendation_beside_it(home: Home) -> None:
    told = now(home).recommended
    best = told["audience"]["segments"]
    post = {"channel": "telegram", "weekday": 2, "hour": 18}
    changed = change(
        home,
        segments=best[1:],
        schedule=[post],
        holdout_share=0.2,
        responsible={"audience": "sara", "promotion": "OMID"},
    )
    assert changed.status == "draft"
    made = campaigns.plan(home, by(home, "sara"), "c1", ON)
    steps = {step["step"]: step for step in side_by_side(made)}
    assert steps["audience"]["recommended"]["segments"] == best
    assert steps["audience"]["chosen"]["segments"] == best[1:]
    assert steps["promotion"]["chosen"]["schedule"] == [post]
    assert steps["results"]["chosen"]["holdout_share"] == 0.2
    assert steps["results"]["recommended"]["holdout_share"] == 0.1
    assert steps["team"]["chosen"]["promotion"] == "omid"
    assert all(steps[name]["overridden"] for name in ("audience", "promotion", "results", "team"))
    assert made.plan is not None
    assert {row["segment_id"] for row in made.plan["allocation"] if row["spend"] > 0} == {*best[1:]}
    cleared = change(home, segments=[], schedule=[])
    assert cleared.chosen["audience"]["segments"] == best


def test_a_plan_that_cannot_be_is_refused_and_the_campaign_stays_a_draft(home: Home) -> None:
    create(home, id="c2", segments=["city-tehran"])
    for fields, error in (({}, UnknownEntity), ({"segments": ["everybody"]}, PlanInfeasible)):
        campaigns.change(home, by(home, "mina"), "c2", fields, ON)
        with pytest.raises(error):
            campaigns.plan(home, by(home, "mina"), "c2", ON)
    with pytest.raises(OutOfStep, match="what can follow: plan, cancel"):
        campaigns.approve(home, by(home, "omid"), "c2", ANYWAY)


def test_a_campaign_waits_for_a_model(tmp_path: Path) -> None:
    home = Home(tmp_path)
    campaigns.create(home, LOCAL, FIELDS, ON)
    with pytest.raises(NotTrained):
        campaigns.plan(home, LOCAL, "c1", ON)


@pytest.mark.parametrize(
    ("verb", "allowed"),
    [("start", "plan, approve, cancel"), ("finish", "plan, approve, cancel")],
)
def test_a_step_that_is_skipped_is_an_error_that_names_what_may_follow(
    planned: Home, verb: str, allowed: str
) -> None:
    with pytest.raises(OutOfStep, match=f"cannot {verb}: .* planned; what can follow: {allowed}"):
        getattr(campaigns, verb)(planned, by(planned, "omid"), "c1", ON)


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


def test_roles_say_who_may_do_what(home: Home) -> None:
    with pytest.raises(Forbidden):
        campaigns.create(home, by(home, "sara"), FIELDS | {"id": "c2"}, ON)
    with pytest.raises(Forbidden):
        change(home, "sara", budget="3")
    with pytest.raises(Forbidden):
        campaigns.approve(home, by(home, "sara"), "c1", ANYWAY)
    assert campaigns.plan(home, by(home, "sara"), "c1", ON).status == "planned"


def test_an_effect_that_could_not_be_told_is_said_before_money_is_spent(home: Home) -> None:
    assert now(home).warnings == ()
    change(home, goal="sales", budget="20")
    (warning,) = campaigns.plan(home, by(home, "mina"), "c1", ON).warnings
    assert "can be told from chance" in warning
    with pytest.raises(Undetectable, match="accept"):
        campaigns.approve(home, by(home, "omid"), "c1", ON)
    assert now(home).status == "planned"
    approved = campaigns.approve(home, by(home, "omid"), "c1", ANYWAY)
    assert approved.warnings == (warning,)


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


def test_what_moves_money_undoes_a_plan_and_an_approval(home: Home) -> None:
    campaigns.approve(home, by(home, "omid"), "c1", ANYWAY)
    assert change(home, name="Summer").status == "approved"
    assert change(home, name="Summer").version == 4, "a change of nothing is none"
    changed = change(home, budget="2100")
    assert (changed.status, changed.plan, changed.approved_by) == ("draft", None, None)
    assert not list((home.root / "campaigns").glob("*.parquet"))
    assert changed.recommended == now(home).recommended != {}


def test_what_runs_is_not_changed(home: Home) -> None:
    campaigns.approve(home, by(home, "omid"), "c1", ANYWAY)
    campaigns.start(home, by(home, "omid"), "c1", ON)
    with pytest.raises(Settled, match=r"cannot change budget.*cancel it and make another"):
        change(home, budget="2100")
    assert change(home, name="Summer").status == "running"
    campaigns.finish(home, by(home, "omid"), "c1", ON)
    with pytest.raises(Settled, match="has ended"):
        change(home, name="Autumn")


def test_of_two_who_change_the_same_version_one_is_told(home: Home) -> None:
    change(home, name="first")
    with pytest.raises(Outdated, match="no longer version 2; it is version 3"):
        campaigns.change(home, by(home, "omid"), "c1", {"name": "x"}, Occasion(NOW, version=2))
    assert now(home).name == "first"


def test_the_log_says_who_what_when_before_and_after(home: Home) -> None:
    change(home, budget="2100")
    created, planned, changed = campaigns.audit(home, by(home, "sara"), "c1")
    assert (created.what, created.before, created.after["budget"]) == ("create", {}, "2000.00")
    assert (planned.who, planned.at, planned.version) == ("mina", NOW, 2)
    assert planned.after["plan"]["spent"] == "2000.00"
    assert changed.before["budget"] == "2000.00"
    assert changed.after["budget"] == "2100.00"
    assert changed.after["status"] == "draft"
    assert "name" not in changed.after


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


def test_lists_come_in_pages_newest_first(home: Home) -> None:
    for number in range(5):
        create(home, id=f"n{number}")
    found, more = [], None
    for _ in range(3):
        part, more = campaigns.list_campaigns(home, by(home, "ada"), before=more, most=2)
        found += [one.id for one in part]
    assert found == ["n4", "n3", "n2", "n1", "n0", "c1"]
    assert more is None
    drafts, _ = campaigns.list_campaigns(home, by(home, "ada"), most=9, status="planned")
    assert [one.id for one in drafts] == ["c1"]
