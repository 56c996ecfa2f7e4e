"""The plan in numbers: curves fitted, money put on them, and what may come of it.

In: placements with their results, a request, limits. Out: cents, outcomes with intervals, the
proof, and the outcome of other budgets. Never: a disk.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import frames as f
from engine.operations.plan_goals import read_goal
from engine.operations.plan_inputs import Material
from engine.operations.plan_request import PlanRequest
from engine.planning.constraints import Limits
from engine.planning.draws import interval
from engine.planning.exploring import explore
from engine.planning.goal import Goal
from engine.planning.rounding import CENTS

Array = NDArray[Any]
FEW_POINTS, MANY_PLACES = 5, 5000
DRAWN = 2e-3  # a gap that cannot be seen in a picture


@dataclass(frozen=True)
class Forecast:
    """A plan by placement (n,): `best` cents without exploration, `cents` with it.

    `totals` are the sums with interval and proof, `curve` the outcome of other budgets.
    """

    best: Array
    cents: Array
    expected: Array
    lower: Array
    upper: Array
    marginal: Array
    impressions: Array
    clicks: Array
    totals: dict[str, Any]
    curve: list[dict[str, float]]
    notes: tuple[str, ...]


def forecast(material: Material, request: PlanRequest, limits: Limits) -> Forecast:
    """Fits curves, splits the budget, explores, and says what may come.

    Raises:
        PlanInfeasible: nothing can start within the budget.
    """
    goal = read_goal(material, request)
    plan = material.settings["plan"]
    found = goal.best(limits, risk=request.risk)
    share = plan.exploration if request.exploration is None else request.exploration
    cents = explore(found.cents, goal.worlds, limits, float(share))
    spend = cents / CENTS
    each, total = goal.outcomes(spend, seed=request.seed)
    expected, whole = goal.expected(spend)
    lower, upper = _ends(each, expected, plan.interval)
    low, high = _ends(total, np.array(whole), plan.interval)
    optimum = goal.value(found.cents / CENTS)
    totals = {
        f.EXPECTED: whole,
        f.LOWER: float(low),
        f.UPPER: float(high),
        "interval": plan.interval,
        "optimum": optimum,
        "objective": "mean" if request.risk <= 0 else f"mean of the worst {request.risk:g}",
        "value": found.value,
        "bound": found.bound,
        "gap": found.gap,
        "price": found.price,
        "exploration": float(share) if len(cents) > 1 else 0.0,
        "unit": goal.unit,
        "outcomes": goal.counted(spend),
    }
    impressions, clicks = goal.funnel(spend)
    notes = (*goal.notes, *_few_worlds(goal, request), *_left_over(limits, cents))
    return Forecast(
        found.cents, cents, expected, lower, upper, goal.marginal(spend), impressions, clicks,
        totals, _curve(goal, limits, material, request), notes,
    )  # fmt: skip


def _ends(outcomes: Array, expected: Array, share: float) -> tuple[Array, Array]:
    """The interval, widened to hold the mean, which a law with a long tail may leave outside."""
    lower, upper = interval(outcomes, share)
    return np.minimum(lower, expected), np.maximum(upper, expected)


def _few_worlds(goal: Goal, request: PlanRequest) -> tuple[str, ...]:
    worlds = goal.worlds.shape[1] if request.risk > 0 else 0
    if request.risk * worlds >= 1 or not worlds:
        return ()
    text = (
        f"A risk of {request.risk:g} is less than one of {worlds} drawn cases: the worst was taken."
    )
    return (text,)


def _left_over(limits: Limits, cents: Array) -> tuple[str, ...]:
    spent = int(cents.sum())
    if spent == limits.budget:
        return ()
    left = (limits.budget - spent) / CENTS
    least = np.bincount(limits.channel, limits.high, limits.channel_high.size)
    if np.minimum(least, limits.channel_high).sum() <= spent:
        return (f"{left:.2f} of the budget are left: every placement is at its maximum.",)
    sums = np.bincount(limits.channel, cents, limits.channel_high.size)
    off = np.concatenate([cents, sums]) == 0
    if (np.concatenate([limits.start, limits.channel_start])[off] > limits.budget - spent).any():
        return (f"{left:.2f} of the budget are left: what is off needs more to start.",)
    return (f"{left:.2f} of the budget are left: more brings nothing by what is believed.",)


def _curve(
    goal: Goal, limits: Limits, material: Material, request: PlanRequest
) -> list[dict[str, float]]:
    """The best outcome of budgets from nothing to twice the budget, each with its interval."""
    plan = material.settings["plan"]
    points = plan.curve_points if len(material.places) <= MANY_PLACES else FEW_POINTS
    rows: list[dict[str, float]] = []
    before = np.zeros(len(material.places))
    for budget in np.unique(np.linspace(0, 2 * limits.budget, int(points)).astype(np.int64)):
        spend = np.zeros(len(material.places))
        if budget > 0:
            case = with_budget(limits, int(budget))
            spend = goal.plain(case, near=before, close=DRAWN).cents / CENTS
        # What less money reaches is reached: plans are only as near to the best as their gap.
        spend = before = max(before, spend, key=lambda split: goal.value(split))
        _, total = goal.outcomes(spend, seed=request.seed)
        whole = goal.expected(spend)[1]
        low, high = _ends(total, np.array(whole), plan.interval)
        row = {"budget": int(budget) / CENTS, f.EXPECTED: whole}
        rows.append(row | {f.LOWER: float(low), f.UPPER: float(high)})
    return rows


def with_budget(limits: Limits, budget: int) -> Limits:
    """The same limits with another budget; minima shrink with it where it cannot hold them.

    A maximum that was only the budget itself moves along.
    """
    sums = np.bincount(limits.channel, limits.low, limits.channel_low.size)
    least = int(np.maximum(sums, limits.channel_low).sum())
    part = min(1.0, budget / least) if least else 1.0
    none = np.zeros_like(limits.start)

    def moved(high: Array) -> Array:
        return np.where(high >= limits.budget, budget, np.minimum(high, budget))

    return replace(
        limits,
        budget=budget,
        low=np.floor(limits.low * part).astype(np.int64),
        high=moved(limits.high),
        start=none,
        channel_low=np.floor(limits.channel_low * part).astype(np.int64),
        channel_high=moved(limits.channel_high),
        channel_start=np.zeros_like(limits.channel_start),
    )
