"""Where a campaign goes: status, the end of the money, the goal; intervals that hold."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from engine import settings
from engine.measurement.pacing import project
from engine.measurement.results import against_plan
from tests.engine.measurement.running import START, plan_of, results_of

PACING = settings.load("results")["pacing"]


def projected(plan, results, days):
    today = START + timedelta(days=days)
    found = against_plan(plan, results, today=today, settings=PACING)
    return project(found, plan, today=today, settings=PACING)


@pytest.mark.parametrize(
    ("pace", "status"), [(1.0, "on track"), (1.04, "on track"), (1.3, "ahead"), (0.7, "behind")]
)
def test_money_is_ahead_behind_or_on_track(pace, status):
    plan = plan_of()
    found = projected(plan, results_of(plan, 8, pace=pace), 8)
    assert found["spend"]["status"] == status


@pytest.mark.parametrize(
    ("returns", "status"), [(1.0, "on track"), (0.4, "behind"), (2.0, "ahead")]
)
def test_the_goal_is_told_beside_the_interval_of_the_plan(returns, status):
    plan = plan_of()
    assert projected(plan, results_of(plan, 10, returns=returns), 10)["goal"]["status"] == status


def test_who_spends_double_is_done_in_half_the_time():
    plan = plan_of(days=20)
    found = projected(plan, results_of(plan, 6, pace=2.0), 6)["spend"]
    assert found["earliest"] <= found["ends_on"] <= found["latest"]
    end = date.fromisoformat(found["ends_on"])
    assert abs((end - START).days + 1 - 10) <= 1
    assert found["projected"] > 1.7 * plan["budget"]


def test_who_spends_half_ends_long_after_the_plan():
    plan = plan_of(days=20)
    found = projected(plan, results_of(plan, 10, pace=0.5), 10)["spend"]
    assert found["ends_on"] > plan["pacing"][-1]["date"]
    assert found["projected"] == pytest.approx(plan["budget"] * 0.55, rel=0.1)
    nothing = projected(plan, results_of(plan, 20, pace=0.0), 20)["spend"]
    assert nothing["projected"] == 0


def test_budget_that_is_spent_ended_on_the_last_day_that_is_known():
    plan = plan_of(days=10)
    found = projected(plan, results_of(plan, 10, pace=1.2), 20)
    assert found["spend"]["ends_on"] == plan["pacing"][-1]["date"]
    assert found["days_left"] == 0
    assert found["spend"]["lower"] == found["spend"]["upper"] == found["spend"]["actual"]
    assert found["goal"]["projected"] == found["goal"]["actual"]


def test_without_results_the_plan_is_what_is_projected():
    plan = plan_of()
    found = projected(plan, results_of(plan, 1).clear(), 0)
    assert found["through"] is None
    assert found["spend"]["status"] is None
    assert found["spend"]["projected"] == pytest.approx(plan["budget"])
    assert found["goal"]["projected"] == pytest.approx(plan["expected"])
    assert found["goal"]["lower"] < plan["expected"] < found["goal"]["upper"]


def test_a_few_days_move_the_projection_less_than_many():
    plan = plan_of(days=40)
    few, many = (
        projected(plan, results_of(plan, days, pace=0.6), days)["pace"]["value"] for days in (1, 14)
    )
    assert 0.6 < many < few < 1.0


def test_intervals_of_the_end_hold_the_end():
    """Campaigns that spend and bring at their own rate: what comes in the end lies within."""
    plan, held = plan_of(2, 2, 20), {"spend": 0, "goal": 0}
    plan |= {"lower": plan["expected"] * 0.8, "upper": plan["expected"] * 1.2}
    runs = 60
    for seed in range(runs):
        truth = {
            "pace": 0.8 + 0.4 * seed / runs,
            "returns": 0.85 + 0.3 * ((seed * 7) % runs) / runs,
        }
        whole = results_of(plan, 20, seed=seed, spread=0.2, **truth)
        known = whole.filter(whole["date"] < START + timedelta(days=8))
        found = projected(plan, known, 8)
        ends = {"spend": whole["spend"].sum(), "goal": whole["clicks"].sum()}
        for name, end in ends.items():
            held[name] += found[name]["lower"] <= end <= found[name]["upper"]
    assert held["spend"] / runs >= 0.75
    assert held["goal"] / runs >= 0.75


def test_a_goal_that_was_not_promised_is_projected_from_results_alone():
    plan = plan_of(unit="repeat buyers", days=20)
    rows = results_of(plan, 10)
    rows = rows.with_columns(conversions=rows["clicks"] // 10)
    goal = projected(plan, rows, 10)["goal"]
    assert goal["whole"] is None
    assert goal["status"] is None
    assert goal["projected"] == pytest.approx(2 * goal["actual"], rel=0.05)
