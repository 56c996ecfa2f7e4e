"""Campaigns from the first word to approval: what is refused, kept and told, and who may."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.errors import (
    DuplicateEntity,
    InvalidValue,
    NotTrained,
    PlanInfeasible,
    UnknownEntity,
)
from engine.operations import campaigns
from engine.operations.campaign_life import Outdated, OutOfStep, Settled, Undetectable
from engine.operations.campaign_money import total_of
from engine.operations.campaign_steps import side_by_side
from engine.operations.campaigns import Occasion
from engine.operations.members import LOCAL
from engine.store.home import Home
from tests.engine.operations.campaigned import (
    ANYWAY,
    FIELDS,
    NOW,
    ON,
    by,
    change,
    create,
    now,
)


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


def test_days_that_are_over_are_neither_planned_nor_approved_nor_started(home: Home) -> None:
    last = datetime(2026, 12, 14, 23, 59, tzinfo=UTC)
    late = last + timedelta(minutes=1)
    create(home, id="late")
    for verb in (campaigns.plan, campaigns.approve, campaigns.start):
        with pytest.raises(InvalidValue, match="was 2026-12-14: its days are over") as told:
            verb(home, by(home, "ada"), "late", Occasion(late))
        assert told.value.field == "end"
        verb(home, by(home, "ada"), "late", Occasion(last, accept_undetectable=True))


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
