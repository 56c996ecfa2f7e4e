"""Results of a campaign over HTTP, and its report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from engine.operations.keys import create_key
from engine.operations.members import LOCAL, Card, put_member
from engine.operations.teams import TeamChange, change_team, create_team
from engine.store.results import newest
from tests.api.conftest import Asker
from tests.api.handed import home_of
from tests.engine.measurement.running import plan_of, results_of
from tests.engine.operations.reported import open_campaign

REPORT = "/v1/campaigns/c/report"


@pytest.fixture
def ask(own: Callable[..., Asker]) -> Asker:
    made = own(model=False)
    open_campaign(home_of(made))
    return made


def rows(days: int = 3) -> list[dict[str, Any]]:
    told = results_of(plan_of(), days).drop("reported_at").to_dicts()
    return [row | {"date": row["date"].isoformat()} for row in told]


def test_results_that_were_just_posted_are_in_the_report(ask: Asker) -> None:
    assert ask.get(REPORT).json["results"]["total"]["spend"] == 0
    assert ask.post("/v1/results", json=rows()).json["accepted"] == 12
    found = ask.get(f"{REPORT}?detail=true").json
    assert found["results"]["total"]["spend"] == pytest.approx(sum(r["spend"] for r in rows()))
    assert len(found["results"]["placement_days"]) == 12
    assert found["pacing"]["through"] == "2026-01-07"
    assert ask.post("/v1/results", json=rows()).json["known"] == 12


def test_a_row_that_its_campaign_does_not_plan_comes_back_with_its_field(ask: Asker) -> None:
    given = rows(1)
    given[1] |= {"segment_id": "seg-99"}
    given[2] |= {"campaign_id": "elsewhere"}
    told = ask.post("/v1/results", json=given).json
    assert (told["received"], told["accepted"]) == (4, 3)
    (refused,) = told["refused"]
    assert (refused["index"], refused["field"]) == (1, "segment_id")
    assert "for which campaign c plans nothing on ch-0" in refused["reason"]
    assert "1 row of campaigns that are not known here: elsewhere" in told["notices"][0]
    strict = ask.post("/v1/results", json=given, headers={"Prefer": "handling=strict"})
    assert strict.status_code == 422


def test_a_campaign_that_is_not_there_has_no_report(ask: Asker) -> None:
    said = ask.get("/v1/campaigns/d/report")
    assert said.status_code == 404
    assert said.json["detail"].startswith("no campaign 'd'")


def test_the_product_of_a_campaign_may_be_named_or_not(ask: Asker) -> None:
    given = [{name: row[name] for name in row if name != "product_id"} for row in rows(1)]
    ask.post("/v1/results", json=given)
    named = [row | {"product_id": "product-7"} for row in given]
    assert ask.post("/v1/results", json=named).json["known"] == 4
    assert ask.post("/v1/results", json=[named[0] | {"clicks": 1}]).json["correction"] == 1
    assert ask.get(f"{REPORT}?detail=true").json["results"]["rows"] == 4


def of_member(ask: Asker, name: str, role: str, team: str) -> Asker:
    home = home_of(ask)
    put_member(home, LOCAL, name, Card(role=role))
    change_team(home, LOCAL, team, TeamChange(join=(name,)))
    scopes = ["campaigns:write", "events:write"]
    return replace(ask, key=create_key(home, name=name, scopes=scopes, member=name))


def test_another_teams_campaign_takes_no_results_and_tells_nothing(
    own: Callable[..., Asker],
) -> None:
    ask = own(model=False)
    home = home_of(ask)
    put_member(home, LOCAL, "ada", Card(role="owner"))
    for team in ("books", "shoes"):
        create_team(home, LOCAL, team)
    open_campaign(home, team="books")
    stranger = of_member(ask, "eve", "marketer", "shoes")
    hers = stranger.post("/v1/results", json=rows(1))
    none = stranger.post("/v1/results", json=[r | {"campaign_id": "d"} for r in rows(1)])
    assert hers.status_code == none.status_code == 422
    assert hers.json["refused"][0]["field"] == "campaign_id"
    told = [{**said.json, "request_id": None, "refused": None} for said in (hers, none)]
    assert told[0] == told[1]
    reasons = [[row["reason"] for row in said.json["refused"]] for said in (hers, none)]
    assert [reason.replace("is c:", "is d:") for reason in reasons[0]] == reasons[1]
    assert newest(home).is_empty()
    member = of_member(ask, "mina", "marketer", "books")
    assert member.post("/v1/results", json=rows(1)).json["accepted"] == 4
    viewer = of_member(ask, "vic", "viewer", "books")
    assert viewer.post("/v1/results", json=rows(1)).status_code == 403
