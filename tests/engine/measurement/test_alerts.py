"""Alerts: told where there is something to see, and silent where chance explains it."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from engine import settings
from engine.measurement.alerts import find_alerts
from engine.measurement.results import against_plan
from tests.engine.measurement.running import START, plan_of, results_of

CHOSEN = settings.load("results")


def alerts(plan, results, days):
    today = START + timedelta(days=days)
    found = against_plan(plan, results, today=today, settings=CHOSEN["pacing"])
    return find_alerts(found, plan, today=today, settings=CHOSEN)


def kinds(found):
    return {one["kind"] for one in found}


def test_a_campaign_as_planned_raises_nothing():
    plan = plan_of(3, 3, 20)
    for seed in range(5):
        assert alerts(plan, results_of(plan, 12, seed=seed), 12) == []


def test_chance_alone_seldom_raises_an_alert_on_a_placement():
    plan = plan_of(10, 10, 20)
    found = alerts(plan, results_of(plan, 14, spread=0.3), 14)
    assert len(found) <= 0.05 * 100


@pytest.mark.parametrize(("today", "silent"), [(7, False), (8, True), (25, True)])
def test_days_without_results_are_told_while_the_plan_runs(today, silent):
    plan = plan_of(days=20)
    found = alerts(plan, results_of(plan, 5), today)
    assert ("silence" in kinds(found)) == silent


def test_a_campaign_that_told_nothing_is_told_since_it_began():
    plan = plan_of(days=20)
    (one,) = alerts(plan, results_of(plan, 1).clear(), 4)
    assert one["says"] == "No results for 4 days, since it began."
    assert alerts(plan, results_of(plan, 20), 400) == []


def test_overspending_is_told_of_the_whole_and_of_placements_that_stand_out():
    plan = plan_of(2, 2, 20)
    rows = results_of(plan, 8)
    odd = (pl.col("channel") == "ch-1") & (pl.col("segment_id") == "seg-0")
    more = rows.with_columns(
        pl.when(odd).then(pl.col("spend") * 2).otherwise(pl.col("spend")).alias("spend")
    )
    found = [one for one in alerts(plan, more, 8) if one["kind"] == "overspend"]
    assert [one["segment_id"] for one in found] == [None, "seg-0"]
    alike = alerts(plan, results_of(plan, 8, pace=1.3), 8)
    assert [one["channel"] for one in alike if one["kind"] == "overspend"] == [None]


def test_more_than_the_budget_is_told_first():
    plan = plan_of(days=10)
    found = alerts(plan, results_of(plan, 10, pace=1.5), 10)
    assert found[0]["kind"] == "budget"
    assert "2,000.00 more than the budget of 4,000.00" in found[0]["says"]


def test_money_where_nothing_was_planned_is_told():
    plan = plan_of()
    strange = results_of(plan, 1).head(1).with_columns(pl.lit("tv").alias("channel"))
    found = alerts(plan, pl.concat([results_of(plan, 4), strange]), 4)
    assert [(one["kind"], one["channel"]) for one in found] == [("unplanned", "tv")]
    assert not found[0]["says"].endswith("on 1 days.")


def test_a_cost_that_doubles_is_told_and_one_of_few_outcomes_is_not():
    plan = plan_of(days=40)
    rows = results_of(plan, 40)
    late = pl.col("date") >= START + timedelta(days=20)
    fewer = pl.when(late).then(pl.col("clicks") // 2).otherwise(pl.col("clicks"))
    found = alerts(plan, rows.with_columns(fewer.alias("clicks")), 40)
    drift = [one for one in found if one["kind"] == "drift"]
    assert drift[0]["channel"] is None
    assert drift[0]["value"] == pytest.approx(2 * drift[0]["against"], rel=0.1)
    assert len(drift) == 5
    scarce = rows.with_columns((fewer // 40).alias("clicks"))
    assert "drift" not in kinds(alerts(plan, scarce, 40))


def test_a_click_rate_far_from_the_plan_is_told_where_many_saw_it():
    plan = plan_of()
    rows = results_of(plan, 8).with_columns(impressions=pl.col("clicks") * 200)
    found = [one for one in alerts(plan, rows, 8) if one["kind"] == "clicks"]
    assert [one["channel"] for one in found] == [None]
    assert found[0]["says"] == "0.50% of impressions are clicked; planned were 1.00%."
    one = (pl.col("channel") == "ch-1") & (pl.col("segment_id") == "seg-0")
    times = pl.when(one).then(300).otherwise(100)
    odd = results_of(plan, 8).with_columns(impressions=pl.col("clicks") * times)
    found = [one for one in alerts(plan, odd, 8) if one["kind"] == "clicks"]
    assert found[-1]["segment_id"] == "seg-0"
    assert {one["channel"] for one in found} <= {None, "ch-1"}
    few = rows.with_columns(clicks=pl.lit(0, pl.Int64), impressions=pl.lit(5, pl.Int64))
    assert "clicks" not in kinds(alerts(plan, few, 8))


def test_of_very_many_placements_some_are_told_and_the_rest_is_counted():
    plan = plan_of(10, 10, 20)
    odd = pl.col("segment_id").is_in(["seg-1", "seg-2"])
    spend = pl.when(odd).then(pl.col("spend") * 3).otherwise(pl.col("spend") * 0.5)
    found = alerts(plan, results_of(plan, 8).with_columns(spend.alias("spend")), 8)
    most = int(CHOSEN["alerts"].most)
    assert len(found) == most + 1
    assert found[-1]["says"] == f"{20 - most} more placements need a look."
    assert all(set(one) == set(found[0]) for one in found)
