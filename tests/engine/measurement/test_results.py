"""Planned beside actual: sums that agree, intervals that hold, and what belongs to whom."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from engine import settings
from engine.measurement.results import against_plan, gamma_quantile
from tests.engine.measurement.running import START, plan_of, results_of

PACING = settings.load("results")["pacing"]
LATER = START + timedelta(days=400)


def told(plan, results, today=LATER):
    return against_plan(plan, results, today=today, settings=PACING)


def test_a_campaign_as_planned_is_inside_everywhere_and_sums_agree():
    plan = plan_of()
    found = told(plan, results_of(plan, 8, seed=None))
    assert found["through"] == "2026-01-12"
    assert found["outcome"] == "clicks"
    assert set(found["days"]["lies"]) == set(found["placements"]["lies"]) == {"inside"}
    for name in ("spend", "planned_spend", "actual", "planned"):
        for frame in ("days", "placements", "placement_days"):
            assert found[frame][name].sum() == pytest.approx(found["total"][name])
    assert found["total"]["planned_spend"] == pytest.approx(found["total"]["spend"], abs=0.5)
    assert found["placement_days"].height == 4 * 8


def test_a_days_plan_follows_the_pacing_of_the_plan():
    plan = plan_of()
    days = told(plan, results_of(plan, 20))["days"]
    assert days["planned_spend"].to_list() == pytest.approx(
        [day["spend"] for day in plan["pacing"]]
    )
    assert days["planned"].sum() == pytest.approx(plan["expected"])


def test_what_brings_half_is_below_and_what_brings_double_is_above():
    plan = plan_of()
    for returns, lies in ((0.4, "below"), (2.0, "above")):
        found = told(plan, results_of(plan, 12, returns=returns))
        assert found["total"]["lies"] == lies
        assert set(found["placements"]["lies"]) == {lies}


@pytest.mark.parametrize("spread", [0.0, 0.3])
def test_intervals_hold_most_of_what_a_true_plan_brings(spread):
    """At least so many as they say: they allow for days that differ more than these do."""
    plan = plan_of(5, 4, 20)
    for row in plan["allocation"]:
        row |= {"lower": row["expected"] * 0.98, "upper": row["expected"] * 1.02}
    cells = pl.concat(
        told(plan, results_of(plan, 20, spread=spread, seed=seed))["placement_days"]
        for seed in range(5)
    )
    inside = (cells["lies"] == "inside").mean()
    assert inside >= PACING.interval - 0.01


def test_gamma_quantiles_are_those_of_the_law():
    random = np.random.default_rng(0)
    for mean, variance in ((50.0, 80.0), (1000.0, 60000.0), (5.0, 9.0)):
        draws = random.gamma(mean**2 / variance, variance / mean, 200_000)
        frame = pl.DataFrame({"m": [mean], "v": [variance]})
        for z, share in ((-1.2816, 0.1), (1.2816, 0.9)):
            found = frame.select(gamma_quantile(pl.col("m"), pl.col("v"), z)).item()
            assert found == pytest.approx(np.quantile(draws, share), rel=0.03)


def test_results_of_a_whole_channel_are_its_only_placements():
    plan = plan_of(2, 1, 10)
    rows = results_of(plan, 5).with_columns(pl.lit(None, pl.String).alias("segment_id"))
    found = told(plan, rows)
    assert found["placements"]["segment_id"].to_list() == ["seg-0", "seg-0"]
    several = told(plan_of(2, 2, 10), rows)["placements"]
    whole = several.filter(pl.col("segment_id").is_null())
    assert whole["spend"].sum() == pytest.approx(several["spend"].sum())
    assert whole["planned_spend"].sum() == 0


def test_results_of_the_future_and_of_no_day_are_left_out():
    plan = plan_of()
    rows = results_of(plan, 8)
    early = told(plan, rows, START + timedelta(days=2))
    assert early["through"] == "2026-01-07"
    none = told(plan, rows.clear())
    assert none["through"] is None
    assert none["total"]["spend"] == 0
    assert none["days"].is_empty()


def test_money_outside_of_the_plan_is_seen_with_nothing_planned():
    plan = plan_of()
    strange = results_of(plan, 1).head(1).with_columns(pl.lit("tv").alias("channel"))
    early = results_of(plan, 1).head(1).with_columns(pl.lit(START - timedelta(3)).alias("date"))
    found = told(plan, pl.concat([results_of(plan, 2), strange, early]))
    odd = found["placement_days"].filter(pl.col("planned_spend") == 0)
    assert odd.height == 2
    assert odd["planned"].null_count() == 2
    assert found["days"]["date"].min() == START - timedelta(3)


def test_a_goal_that_results_do_not_count_promises_nothing():
    plan = plan_of(unit="repeat buyers")
    rows = results_of(plan, 5).with_columns(conversions=pl.col("clicks") // 10)
    found = told(plan, rows)
    assert found["outcome"] == "conversions"
    assert found["total"]["planned"] is None
    assert found["total"]["lies"] is None
    people = told(plan_of(unit="people"), results_of(plan, 5))
    assert people["outcome"] == "impressions"
    assert people["total"]["planned"] > 0


def test_sales_that_are_amounts_are_counted_as_the_plan_counted_them():
    plan = plan_of(unit="sales")
    rows = results_of(plan, 5).with_columns(
        conversions=pl.col("clicks"), sales=pl.col("clicks") * 19.99
    )
    assert told(plan, rows)["outcome"] == "conversions"
    note = "Sales in the results are amounts: conversions were counted, each worth its amount."
    assert told(plan | {"notes": [note]}, rows)["outcome"] == "sales"
    assert told(plan, rows.with_columns(sales=pl.col("sales").round()))["outcome"] == "sales"
    revenue = plan_of(unit="revenue") | {"notes": [note]}
    assert told(revenue, rows)["outcome"] == "sales"
    paid = rows.with_columns(revenue=pl.col("clicks") * 1.0)
    assert told(plan_of(unit="revenue"), paid)["outcome"] == "revenue"
    unsold = paid.with_columns(sales=pl.lit(None, pl.Float64))
    assert told(revenue, unsold)["outcome"] == "revenue"
    assert told(revenue, unsold)["total"]["actual"] == paid["revenue"].sum()
