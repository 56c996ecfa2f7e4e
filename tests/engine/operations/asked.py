"""Plans asked for in tests: a planted market, a month of its results, requests about it.

In: wishes. Out: requests. Never: a plan.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import polars as pl

from engine.operations.plan_request import PlanRequest
from tests.engine.planning.markets import START, Market, plant_market

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NETWORKS = ("instagram", "telegram", "youtube", "x")
GOALS = ("awareness", "traffic", "sales", "loyalty")


@cache
def market() -> Market:
    return plant_market(3)


@cache
def results() -> pl.DataFrame:
    random = np.random.default_rng(0)
    return pl.concat(
        market().play(
            random.lognormal(3, 0.6, len(market().places)),
            1,
            first=START + timedelta(day),
            seed=day,
        )
        for day in range(30)
    )


def ask(goal: str = "sales", **wanted) -> PlanRequest:
    usual = {"budget": 5000.0, "days": 7, "results": results(), "now": NOW, "posts": 0}
    return PlanRequest(goal=goal, **(usual | wanted))


def cents(rows) -> int:
    return sum(round(row["spend"] * 100) for row in rows)


def spent_on(plan, place) -> float:
    return sum(
        row["spend"]
        for row in plan["allocation"]
        if place in (row["channel"], (row["channel"], row["segment_id"]))
    )
