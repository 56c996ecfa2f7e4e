"""The report of a campaign: the same figures as its results, at any point of its life."""

from __future__ import annotations

import json
from datetime import timedelta

import polars as pl
import pytest

from engine.errors import Forbidden, UnknownEntity
from engine.operations.members import Actor
from engine.operations.reports import Wish, report
from engine.store.home import Home
from engine.store.results import record_results
from tests.engine.measurement.running import plan_of, results_of
from tests.engine.operations.reported import MORNING, OWNER, open_campaign, play

NOW = MORNING + timedelta(days=9)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.delenv("MOKHATAB_DATABASE_URL", raising=False)
    return Home(tmp_path / "home")


def told(home, actor=OWNER, **wish):
    return report(home, actor, "c", Wish(wish.pop("now", NOW), **wish))


def test_a_report_is_what_the_results_say_and_is_plain_json(home):
    open_campaign(home)
    play(home)
    found = told(home)
    rows = results_of(plan_of(), 9)
    assert found["results"]["total"]["spend"] == pytest.approx(rows["spend"].sum())
    assert found["pacing"]["goal"]["actual"] == rows["clicks"].sum()
    assert found["results"]["rows"] == rows.height == found["results"]["cells"]
    assert found["steps"][0]["step"] == "channels"
    assert [line["what"] for line in found["audit"]] == ["start", "create"]
    assert json.loads(json.dumps(found)) == found


def test_a_correction_changes_the_report(home):
    open_campaign(home)
    play(home)
    before = told(home)["results"]["total"]["spend"]
    rows = results_of(plan_of(), 1).with_columns(spend=pl.lit(0.0))
    record_results(home, [rows], now=NOW)
    assert told(home)["results"]["total"]["spend"] == pytest.approx(
        before - results_of(plan_of(), 1)["spend"].sum()
    )


def test_results_of_other_campaigns_do_not_count(home):
    open_campaign(home)
    play(home)
    before = told(home)["results"]["total"]
    record_results(home, [results_of(plan_of(), 5, campaign="d")], now=NOW)
    assert told(home)["results"]["total"] == before


def test_every_placement_and_day_is_told_where_asked(home):
    open_campaign(home)
    play(home)
    detail = told(home, detail=True)["results"]["placement_days"]
    assert len(detail) == 4 * 9
    assert {"channel", "segment_id", "date", "planned", "actual", "lower", "upper"} <= set(
        detail[0]
    )
    assert "placement_days" not in told(home)["results"]


def test_a_draft_has_steps_and_no_figures(home):
    open_campaign(home, plan=None, status="draft", recommended={}, chosen={})
    found = told(home)
    assert found["results"] is found["pacing"] is None
    assert found["alerts"] == []


@pytest.mark.parametrize("status", ["running", "finished", "cancelled"])
def test_silence_is_told_while_it_runs_only(home, status):
    open_campaign(home, status=status)
    play(home, days=3)
    kinds = {one["kind"] for one in told(home)["alerts"]}
    assert ("silence" in kinds) == (status == "running")


@pytest.mark.parametrize("status", ["finished", "cancelled"])
def test_nothing_is_spent_after_the_end(home, status):
    open_campaign(home, status=status)  # on the morning of the first day
    play(home, days=3)
    spend, goal = told(home)["pacing"]["spend"], told(home)["pacing"]["goal"]
    assert spend["projected"] == spend["lower"] == spend["upper"] == spend["actual"] > 0
    assert spend["ends_on"] is spend["earliest"] is spend["latest"] is None
    assert goal["projected"] == goal["lower"] == goal["upper"] == goal["actual"]


def test_another_teams_campaign_has_no_report(home):
    open_campaign(home, team="books")
    with pytest.raises(UnknownEntity):
        told(home, Actor("eve", "viewer", ("shoes",)))
    with pytest.raises(Forbidden):
        told(home, Actor("eve", "nobody", ("books",)))
    assert told(home, Actor("ada", "viewer", ("books",)))["campaign"]["team"] == "books"


def test_why_nothing_could_be_measured_is_told(home):
    open_campaign(home)
    play(home)
    assert "reason" in told(home)["lift"]
    assert told(home, measured=False)["lift"] is None
