"""Whom a campaign moved: planted in one city, found there, and offered to the next plan."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from api.cli import main
from engine.errors import InvalidValue, UnknownEntity
from engine.frames import EVENTS, USER
from engine.measurement.holdout import assign
from engine.operations import campaigns
from engine.operations.campaign_audience import expected_of, salt_of
from engine.operations.campaign_uplift import uplift
from engine.operations.campaigns import Occasion
from engine.operations.erasure import erase_user
from engine.operations.members import LOCAL
from engine.operations.past_lift import caused
from engine.operations.persuadables import persuadables_of
from engine.operations.plan_request import PlanRequest
from engine.operations.plans import make_plan
from engine.operations.teams import create_team
from engine.store import artefacts, versions
from engine.store.artefacts import open_model
from engine.store.campaigns import Deed, find_campaign, replace_campaign
from engine.store.catalog import open_catalog
from engine.store.eventlog import append_events
from engine.store.home import Home
from tests.api.campaigning import put_campaign
from tests.api.planned import an_answer
from tests.api.planted import planted
from tests.engine.operations.campaigned import FIELDS
from tests.pepper import with_pepper

AFTER = datetime(2027, 1, 1, tzinfo=UTC)
QUICK = "[uplift]\nrounds = 20\nfolds = 2\n[qini]\ndraws = 40\n"
MOVED, OTHERS, ANYWAY = 0.5, 0.1, 0.1


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A campaign on 4,000 people moved those in Tehran and nobody else."""
    home = with_pepper(Home(tmp_path_factory.mktemp("ran") / "home"))
    (home.root / "configs").mkdir(parents=True)
    (home.root / "configs" / "measurement.toml").write_text(QUICK)
    (home.root / "configs" / "planning.toml").write_text("[plan]\ndraws = 40\n")
    model = planted("v", users=4000)
    artefacts.save(home, model)
    versions.promote(home, "v")
    held = assign(model.users[USER], "c1", salt=salt_of(home), share=0.3)
    people = pl.DataFrame({USER: model.users[USER], "held_out": held})
    plan = an_answer(budget=2000.0) | {"model_version": "v"}
    put_campaign(home, "c1", "finished", people=people, holdout_share=0.3, plan=plan)
    there = (model.users["city"] == "tehran").to_numpy()
    chance = np.where(held, ANYWAY, np.where(there, MOVED, OTHERS))
    did = np.random.default_rng(3).random(people.height) < chance
    bought = people.filter(pl.Series(did)).select(
        pl.format("e-{}", USER).alias("event_id"),
        USER,
        pl.lit("product-003").alias("product_id"),
        pl.lit("purchase").alias("action"),
        pl.lit(datetime(2026, 11, 5, tzinfo=UTC))
        .cast(pl.Datetime("us", "UTC"))
        .alias("occurred_at"),
    )
    lacking = set(EVENTS.columns) - set(bought.columns)
    append_events(
        home,
        bought.with_columns(pl.lit(None, EVENTS.columns[name]).alias(name) for name in lacking),
    )
    return home


@pytest.fixture
def home(ran: Home, tmp_path: Path) -> Home:
    shutil.copytree(ran.root, tmp_path / "home")
    return Home(tmp_path / "home")


@pytest.fixture(scope="module")
def told(ran: Home) -> dict[str, Any]:
    return uplift(ran, LOCAL, "c1", now=AFTER)


def test_the_segment_that_was_moved_comes_first_and_is_proven(told: dict[str, Any]) -> None:
    there = next(row for row in told["segments"] if "tehran" in row["name"])
    assert there["effect"] == max(row["effect"] for row in told["segments"])
    assert there["proven"]
    assert there["lower"] < MOVED - ANYWAY < there["upper"]
    elsewhere = [row for row in told["segments"] if "shiraz" in row["name"]]
    assert elsewhere
    assert not any(row["proven"] for row in elsewhere)


def test_the_persuadable_are_those_who_were_moved(told: dict[str, Any]) -> None:
    found = told["persuadable"]
    assert found["lift"]["lower"] > 0.2
    assert abs(found["rest"]["effect"]) < 0.05
    assert 0.2 < found["share"] < 0.4
    assert told["qini"]["qini_lower"] > 0.1
    assert found["segment_id"] is None


def test_the_same_question_has_the_same_answer(ran: Home, told: dict[str, Any]) -> None:
    assert uplift(ran, LOCAL, "c1", now=AFTER) == told


def test_kept_they_are_a_segment_of_the_next_plan_and_of_no_other_product(home: Home) -> None:
    model = open_model(home)
    assert persuadables_of(home, model, "product-003") == {}
    found = uplift(home, LOCAL, "c1", now=AFTER, keep=True)["persuadable"]
    (name, rows) = persuadables_of(home, model, "product-003")[found["segment_id"]]
    assert found["segment_id"] == "persuadable:c1"
    assert (name, rows.size) == ("Moved by Spring", found["size"])
    there = (model.users["city"] == "tehran").to_numpy()
    assert there[rows].mean() > 0.6 > 2 * there.mean()
    assert persuadables_of(home, model, "product-004") == {}
    asked = PlanRequest(
        "sales", 500.0, 5, product_id="product-003", channels=("telegram",), now=AFTER
    )
    placed = {row["segment_id"]: row for row in make_plan(home, asked)["allocation"]}
    assert placed["persuadable:c1"]["name"] == "Moved by Spring"


def test_a_team_plans_with_what_its_own_campaigns_moved_and_no_other_team_does(home: Home) -> None:
    for team in ("books", "shoes"):
        create_team(home, LOCAL, team)
    with open_catalog(home) as catalog:
        known = find_campaign(catalog, "c1")
        assert known is not None
        replace_campaign(catalog, replace(known, team="books"), Deed("local", "x", AFTER, {}, {}))
    model = open_model(home)
    uplift(home, LOCAL, "c1", now=AFTER, keep=True)
    for team, seen in ((None, False), ("shoes", False), ("books", True)):
        assert bool(persuadables_of(home, model, "product-003", team=team)) == seen
        assert bool(caused(home, "product-003", "sales", now=AFTER, team=team)) == seen
        asked = PlanRequest("sales", 500.0, 5, product_id="product-003", channels=("telegram",))
        plan = make_plan(home, replace(asked, now=AFTER, team=team))
        placed = {row["segment_id"] for row in plan["allocation"]}
        assert ("persuadable:c1" in placed, bool(plan["incremental"])) == (seen, seen)
    later = {"start": AFTER.date(), "end": AFTER.date() + timedelta(days=9)}
    fields = FIELDS | later | {"goal": "sales", "segments": ["persuadable:c1"]}
    for team in ("books", "shoes"):
        given = fields | {"id": team, "team": team}
        campaigns.create(home, LOCAL, given, Occasion(AFTER))
    assert campaigns.plan(home, LOCAL, "books", Occasion(AFTER)).audience is not None
    with pytest.raises(UnknownEntity, match="no segment 'persuadable:c1'"):
        campaigns.plan(home, LOCAL, "shoes", Occasion(AFTER))


def test_the_next_plan_knows_what_part_was_caused_and_counts_on_no_more(home: Home) -> None:
    told = caused(home, "product-003", "sales", now=AFTER)
    assert told is not None
    truth = 0.25 * (MOVED - ANYWAY) / (0.25 * MOVED + 0.75 * OTHERS)
    assert told["lower"] < truth < told["upper"]
    assert told["upper"] - told["lower"] < 0.3
    assert told["campaigns"] == 1
    asked = PlanRequest("sales", 500.0, 5, product_id="product-003", channels=("telegram",))
    plan = make_plan(home, replace(asked, now=AFTER))
    assert plan["incremental"] == told
    assert any("was caused there" in note for note in plan["notes"])
    assert expected_of(plan) == pytest.approx(plan["outcomes"] * told["share"])
    for goal, product in (("traffic", "product-003"), ("sales", "product-004")):
        assert caused(home, product, goal, now=AFTER) is None
    early = datetime(2026, 11, 12, tzinfo=UTC)
    assert caused(home, "product-003", "sales", now=early) is None


def test_who_is_erased_is_persuadable_no_more(home: Home) -> None:
    uplift(home, LOCAL, "c1", now=AFTER, keep=True)
    rows = persuadables_of(home, open_model(home), "product-003")["persuadable:c1"][1]
    person = open_model(home).users[USER][int(rows[0])]
    erase_user(home, person, now=AFTER)
    model = open_model(home)
    left = persuadables_of(home, model, "product-003")["persuadable:c1"][1]
    assert person not in model.users[USER].gather(left).to_list()
    kept = [pl.read_parquet(p)[USER] for p in (home.root / "campaigns").glob("*.parquet")]
    assert not any(person in ids.to_list() for ids in kept)


def test_outcomes_that_may_still_come_are_waited_for(ran: Home) -> None:
    with pytest.raises(InvalidValue, match="outcomes still come until 2026-11-18"):
        uplift(ran, LOCAL, "c1", now=datetime(2026, 11, 12, tzinfo=UTC))


def test_what_a_later_model_knows_is_no_trait(home: Home) -> None:
    """The model that planned it is gone, and the champion has learned from what came of it."""
    shutil.rmtree(home.models / "v")
    artefacts.save(home, planted("w", seed=2, users=4000))
    versions.promote(home, "w")
    with pytest.raises(InvalidValue, match="the model that planned it is gone"):
        uplift(home, LOCAL, "c1", now=AFTER)


def test_an_unknown_campaign_is_told(ran: Home) -> None:
    with pytest.raises(UnknownEntity):
        uplift(ran, LOCAL, "c2", now=AFTER)


def test_the_command_tells_it_in_words(
    home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(
        "sys.argv", ["mokhatab", "--home", str(home.root), "uplift", "c1", "--keep"]
    )
    with pytest.raises(SystemExit) as ended:
        main()
    told = capsys.readouterr().out
    assert not ended.value.code
    assert "city=tehran" in told
    assert "worth addressing again" in told
    assert "kept as the segment persuadable:c1" in told
