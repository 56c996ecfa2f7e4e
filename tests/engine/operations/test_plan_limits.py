"""Limits of plans: least amounts of those that are on for every goal, and words for quarrels."""

from __future__ import annotations

import pytest

from engine.errors import PlanInfeasible
from engine.operations.plans import make_plan
from engine.store.home import Home
from tests.engine.operations.asked import ask, cents, market, spent_on

EVERY = dict.fromkeys(market().places, 900.0)
WAYS = [{"goal": "awareness"}, {"risk": 0.2}, {"goal": "traffic", "risk": 0.1}]


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path)


@pytest.mark.parametrize(
    ("way", "exploration"),
    [
        (WAYS[0], 0.4),
        (WAYS[1], 0.0),
        (WAYS[2], 0.4),
        pytest.param(WAYS[0], 0.0, marks=pytest.mark.slow),
        pytest.param(WAYS[1], 0.4, marks=pytest.mark.slow),
        pytest.param(WAYS[2], 0.0, marks=pytest.mark.slow),
    ],
)
def test_starts_are_kept_for_reach_and_for_bad_cases_too(home, way, exploration):
    plan = make_plan(
        home, ask(starts=EVERY | {"channel-3": 1900.0}, exploration=exploration, **way)
    )
    spends = [row["spend"] for row in plan["allocation"]]
    assert all(spend == 0 or spend >= 900 for spend in spends)
    assert spent_on(plan, "channel-3") == 0 or spent_on(plan, "channel-3") >= 1900
    assert cents(plan["allocation"]) == 500_000
    free = make_plan(home, ask(exploration=exploration, **way))
    assert plan["value"] <= free["bound"] * (1 + 1e-9)
    assert plan["bound"] <= free["bound"] * (1 + 1e-9)


@pytest.mark.parametrize("way", [{}, *WAYS])
def test_a_budget_below_every_start_is_no_plan_of_nothing(home, way):
    with pytest.raises(PlanInfeasible, match=r"needs 9000\.00 of a budget of 5000\.00"):
        make_plan(home, ask(starts=dict.fromkeys(market().places, 9000.0), **way))
