"""Plans as a verb: every basis, every goal, limits, proof, and what cannot be planned."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import EngineError, InvalidValue, NotTrained, PlanInfeasible, UnknownEntity
from engine.frames import RESULTS
from engine.operations.plans import make_plan
from engine.store.home import Home
from engine.store.results import record_results
from tests.engine.operations.asked import (
    GOALS,
    NETWORKS,
    NOW,
    ask,
    cents,
    market,
    results,
    spent_on,
)
from tests.engine.planning.markets import START


def on_networks() -> pl.DataFrame:
    """The same results under names of networks whose hours are known."""
    names = dict(zip([f"channel-{at}" for at in range(4)], NETWORKS, strict=True))
    return results().with_columns(pl.col("channel").replace(names))


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path)


@pytest.mark.parametrize("goal", GOALS)
def test_a_plan_has_the_shape_that_is_promised(home, goal):
    plan = make_plan(home, ask(goal, results=on_networks(), posts=3))
    assert plan["goal"] == goal
    assert plan["basis"] == "results"
    assert cents(plan["allocation"]) == cents(plan["pacing"]) == 500_000
    assert [row["date"] for row in plan["pacing"]][:2] == ["2026-03-02", "2026-03-03"]
    assert len(plan["pacing"]) == 7
    assert plan["lower"] <= plan["expected"] <= plan["upper"]
    assert plan["expected"] <= plan["bound"]
    assert plan["optimum"] == pytest.approx(plan["bound"], rel=1e-3)
    assert 0 <= plan["gap"] < 1e-3
    spends = [row["spend"] for row in plan["allocation"]]
    assert spends == sorted(spends, reverse=True)
    assert all(row["lower"] <= row["expected"] <= row["upper"] for row in plan["allocation"])
    assert len(plan["schedule"]) == 3
    assert plan["channels"]
    budgets = [point["budget"] for point in plan["curve"]]
    assert (budgets[0], budgets[-1]) == (0.0, 10_000.0)
    outcomes = [point["expected"] for point in plan["curve"]]
    assert outcomes == sorted(outcomes)


def test_a_plan_beats_an_equal_split_and_comes_near_the_oracle(home):
    plan = make_plan(home, ask())
    truth = market().sales(market().spends(plan), 7)
    equal = market().sales(np.full(len(market().places), 5000.0 / len(market().places)), 7)
    best = market().oracle(5000.0, 7)
    assert truth > equal
    assert truth > 0.96 * best
    assert plan["lower"] * 0.9 < truth < plan["upper"] * 1.1


def test_the_same_request_gives_the_same_plan(home):
    assert make_plan(home, ask(seed=4)) == make_plan(home, ask(seed=4))


def test_the_order_of_results_changes_nothing(home):
    first = make_plan(home, ask())
    again = make_plan(home, ask(results=results().sample(fraction=1.0, shuffle=True, seed=3)))
    assert first["allocation"] == again["allocation"]


def test_results_of_the_log_count_and_a_file_that_it_holds_counts_once(home):
    columns = ["date", "channel", "segment_id", "impressions", "clicks", "spend", "sales"]
    given = results().select(columns)
    record_results(home, [given], now=NOW)
    logged = make_plan(home, ask(results=None))
    both = make_plan(home, ask(results=given))
    assert logged["allocation"] == both["allocation"]
    assert logged["allocation"] == make_plan(Home(home.root / "other"), ask())["allocation"]


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    budget=st.floats(10, 1e6),
    days=st.integers(1, 40),
    share=st.floats(0, 0.4),
    exploration=st.floats(0, 0.5),
)
def test_limits_hold_and_sums_are_exact_whatever_is_asked(home, budget, days, share, exploration):
    first, second = market().places[0], market().places[7]
    plan = make_plan(
        home,
        ask(
            budget=budget,
            days=days,
            minima={first: share * budget},
            maxima={"channel-2": 0.3 * budget},
            locks={second: 0.1 * budget},
            exploration=exploration,
        ),
    )
    assert cents(plan["allocation"]) == round(plan["spent"] * 100) == cents(plan["pacing"])
    assert plan["spent"] <= plan["budget"] <= budget
    assert spent_on(plan, first) >= share * budget - 0.01
    assert spent_on(plan, "channel-2") <= 0.3 * budget + 0.01
    assert spent_on(plan, second) == pytest.approx(0.1 * budget, abs=0.011)
    assert plan["gap"] >= 0


def test_statuses_say_what_holds_a_placement(home):
    places = market().places
    plan = make_plan(
        home,
        ask(
            locks={places[0]: 100.0},
            minima={("channel-0", "segment-1"): 900.0},
            maxima={places[-1]: 50.0, "channel-1": 0.0},
            exploration=0.0,
        ),
    )
    status = {(row["channel"], row["segment_id"]): row["status"] for row in plan["allocation"]}
    assert status[places[0]] == "locked"
    assert status["channel-0", "segment-1"] == "at minimum"
    assert status[places[-1]] in ("at maximum", "off")
    assert {status[place] for place in places if place[0] == "channel-1"} == {"off"}


def test_starts_are_kept_or_the_placement_is_off(home):
    starts = dict.fromkeys(market().places[::3], 400.0) | {"channel-3": 1500.0}
    plan = make_plan(home, ask(starts=starts))
    held = [spent_on(plan, place) for place in starts]
    assert all(spend == 0 or spend >= 400 for spend in held)
    assert spent_on(plan, "channel-3") == 0 or spent_on(plan, "channel-3") >= 1500


def test_a_careful_plan_says_so_and_spreads_no_less(home):
    mean = make_plan(home, ask(exploration=0.0))
    careful = make_plan(home, ask(risk=0.1, exploration=0.0))
    assert careful["objective"] == "mean of the worst 0.1"
    assert careful["value"] < mean["value"]
    assert careful["gap"] < 0.02
    assert cents(careful["allocation"]) == 500_000


def test_exploration_tries_what_the_best_plan_leaves_out(home):
    named = pl.concat([results().filter(pl.col("channel") != "channel-3"), market().named()])
    without = make_plan(home, ask(results=named, exploration=0.0, budget=500.0))
    curious = make_plan(home, ask(results=named, exploration=0.3, budget=500.0))
    assert curious["basis"] == "mixed"
    assert spent_on(curious, "channel-3") >= spent_on(without, "channel-3")
    assert sum(r["spend"] > 0 for r in curious["allocation"]) > sum(
        r["spend"] > 0 for r in without["allocation"]
    )
    assert curious["expected"] <= curious["bound"]


def test_no_history_at_all_is_a_plan_from_usual_prices_that_says_so(home):
    plan = make_plan(home, ask(results=None))
    assert plan["basis"] == "prior"
    assert "Without any results" in plan["notes"][0]
    assert cents(plan["allocation"]) == 500_000
    assert plan["upper"] - plan["lower"] > plan["expected"]


def test_revenue_counts_what_a_sale_brings(home):
    paid = results().with_columns(
        revenue=pl.col("sales")
        * pl.when(pl.col("segment_id") == "segment-2").then(90.0).otherwise(10.0)
    )
    sales = make_plan(home, ask(results=paid, exploration=0.0))
    money = make_plan(home, ask(results=paid, measure="revenue", exploration=0.0))
    assert money["unit"] == "revenue"
    assert sales["outcomes"] == pytest.approx(sales["expected"])
    assert money["outcomes"] * 10 < money["expected"] < money["outcomes"] * 90

    def share(plan) -> float:
        return sum(r["spend"] for r in plan["allocation"] if r["segment_id"] == "segment-2")

    assert share(money) > 1.5 * share(sales)


def test_sales_that_are_amounts_are_told_as_revenue_and_counted_beside(home):
    paid = results().with_columns(conversions=pl.col("sales").cast(pl.Int64))
    paid = paid.with_columns(sales=pl.col("sales") * 35.5)
    plan = make_plan(home, ask(results=paid, exploration=0.0))
    assert plan["unit"] == "revenue"
    assert plan["expected"] == pytest.approx(35.5 * plan["outcomes"], rel=0.2)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"budget": 0.0}, InvalidValue, "budget"),
        ({"budget": -5.0}, InvalidValue, "budget.*negative"),
        ({"budget": float("nan")}, InvalidValue, "budget"),
        ({"days": 0}, InvalidValue, "days"),
        ({"goal": "fame"}, InvalidValue, "goal"),
        ({"risk": 1.0}, InvalidValue, "risk"),
        ({"minima": {"channel-0": 6000.0}}, PlanInfeasible, "channel-0"),
        ({"locks": {("channel-0", "segment-99"): 1.0}}, UnknownEntity, "segment-99"),
        ({"locks": {"channel-0": -1.0}}, InvalidValue, "channel-0"),
        ({"channels": ("radio",)}, UnknownEntity, "radio"),
        ({"product_id": "p001"}, NotTrained, "retrain"),
        ({"now": datetime.combine(START, time(), UTC)}, InvalidValue, "after 2026-01-05"),
    ],
)
def test_what_cannot_be_planned_is_refused_by_name_and_nothing_is_stored(
    home, change, error, words
):
    with pytest.raises(error, match=words):
        make_plan(home, ask(**change))
    assert not any(home.root.iterdir())


@pytest.mark.parametrize(
    "bad",
    [
        {"spend": -1.0},
        {"clicks": 10**9},
        {"date": date(2027, 1, 1)},
        {"currency": "USD"},
    ],
)
def test_results_that_cannot_be_true_stop_a_plan(home, bad):
    rows = results().with_columns(currency=pl.lit("EUR"))
    row = rows.head(1).with_columns(
        **{name: pl.lit(value).cast(rows.schema[name]) for name, value in bad.items()}
    )
    with pytest.raises(EngineError):
        make_plan(home, ask(results=pl.concat([rows, row])))


def test_a_bad_row_that_the_log_holds_is_left_out_of_plans_which_say_so(home):
    rows = results().with_columns(currency=pl.lit("EUR"))
    lies = [{"spend": -1.0}, {"clicks": 10**9}, {"currency": "USD"}]
    for at, lie in enumerate(lies):
        changed = {name: pl.lit(value).cast(rows.schema[name]) for name, value in lie.items()}
        row = rows.head(1).with_columns(pl.lit(f"lie-{at}").alias("campaign_id"), **changed)
        record_results(home, [row], now=NOW)
    plan = make_plan(home, ask(currency="EUR", results=rows))
    assert plan["notes"][:3] == [
        "Past results left out: 1 (spend is negative).",
        "Past results left out: 1 (clicks is above the impressions).",
        "Past results left out: 1 (not in EUR).",
    ]
    assert plan["allocation"] == make_plan(home, ask(currency="EUR", results=rows))["allocation"]
    assert make_plan(home, ask(currency="EUR", results=None))["basis"] == "prior"


def test_a_file_replaces_what_the_log_says_of_the_same_days(home):
    columns = [name for name in results().columns if name in RESULTS.columns]
    held = results().select(columns)
    record_results(home, [held], now=NOW)
    better = held.with_columns(spend=pl.col("spend") * 2)
    both = make_plan(home, ask(results=better))
    record_results(home, [better], now=NOW)
    assert both["allocation"] == make_plan(home, ask(results=None))["allocation"]


@pytest.mark.slow
def test_a_million_placements_are_refused_with_what_to_do(home):
    count = 1_000_000
    many = pl.DataFrame({"segment_id": np.arange(count)}).select(
        pl.lit(date(2026, 2, 1)).alias("date"),
        pl.lit("instagram").alias("channel"),
        pl.col("segment_id").cast(pl.String),
        pl.lit(1.0).alias("spend"),
        pl.lit(1.0).alias("sales"),
    )
    with pytest.raises(InvalidValue, match="1000000 are more than the 100000"):
        make_plan(home, ask(results=many))
    both = pl.concat([many, results().select(many.columns)])
    few = make_plan(home, ask(results=both, channels=("channel-0",)))
    assert cents(few["allocation"]) == 500_000


def test_one_placement_gets_all_of_it(home):
    one = results().filter(
        (pl.col("channel") == "channel-0") & (pl.col("segment_id") == "segment-1")
    )
    plan = make_plan(home, ask(results=one))
    assert [row["spend"] for row in plan["allocation"]] == [5000.0]


def test_placements_without_any_sale_still_make_a_plan(home):
    plan = make_plan(home, ask(results=results().with_columns(sales=pl.lit(0.0))))
    assert cents(plan["allocation"]) == 500_000
    assert plan["lower"] == 0
    assert np.isfinite(plan["expected"])


def test_days_take_turns_where_money_explores_and_are_even_where_it_does_not(home):
    turns = [row["spend"] for row in make_plan(home, ask())["pacing"]]
    assert turns[0] > turns[1] < turns[2]
    assert turns[0] - turns[1] == pytest.approx(0.3 * 5000 / 7, abs=0.02)
    even = [row["spend"] for row in make_plan(home, ask(exploration=0.0))["pacing"]]
    assert max(even) - min(even) < 0.011


@pytest.mark.slow
def test_thirty_thousand_placements_with_results_are_planned(home):
    places = 30_000
    random = np.random.default_rng(1)
    rows = pl.DataFrame(
        {
            "date": [date(2026, 2, 1)] * places + [date(2026, 2, 2)] * places,
            "channel": [f"c{at % 10}" for at in range(places)] * 2,
            "segment_id": [f"s{at // 10}" for at in range(places)] * 2,
            "impressions": np.full(2 * places, 1000),
            "clicks": random.poisson(10, 2 * places),
            "spend": random.lognormal(2, 0.5, 2 * places),
            "sales": random.poisson(1.0, 2 * places).astype(float),
        }
    )
    plan = make_plan(home, ask(results=rows, budget=100_000.0))
    assert cents(plan["allocation"]) == 10_000_000
    assert plan["gap"] < 1e-3
