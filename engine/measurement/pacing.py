"""Where a campaign is going: ahead or behind, what will be spent, and what that will bring.

In: planned and actual by day, the plan, the day it is. Out: a status, and the end with intervals.
Never: chance; the intervals are of normal and gamma laws in closed form.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from statistics import NormalDist
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.frames import DATE, EXPECTED, LOWER, UPPER
from engine.measurement.results import ACTUAL, PLANNED, PLANNED_SPEND, PROMISED, SPEND
from engine.settings import Section

Array = NDArray[Any]
AHEAD, BEHIND, ON_TRACK = "ahead", "behind", "on track"
NEVER: dict[str, str | None] = dict.fromkeys(("ends_on", "earliest", "latest"))
FARTHEST = 3660
"""Days after the plan's end up to which the end of the money is looked for."""


@dataclass(frozen=True)
class Pace:
    """What a day's money is of what was planned, and how unsure that is.

    `mean` of the ratio, `error` its standard error, `spread` the standard deviation of one day.
    """

    mean: float
    error: float
    spread: float


def project(
    found: dict[str, Any],
    plan: dict[str, Any],
    *,
    today: date,
    settings: Section,
    ended: date | None = None,
) -> dict[str, Any]:
    """Status of money and goal, and what both come to at the plan's last day.

    The remaining days keep the plan's own pacing, weekdays and all. Their pace is that of the last
    days, shrunk to the plan's for `prior_days` of it; the yield of money is shrunk to the plan's by
    the plan's own doubt (both normal-normal: Gelman et al., Bayesian Data Analysis, 2013, 2.5).

    Args:
        found: the answer of `results.against_plan`.
        plan: the same plan.
        today: the day it is.
        settings: section `pacing`.
        ended: the day the campaign ended, after which nothing is spent; None: it goes on.

    Returns:
        `spend` and `goal`, each with `status`, `actual` and `planned` up to `through`, and
        `projected`, `lower`, `upper` at the end; `spend` has `ends_on` with `earliest` and
        `latest`, the days on which the budget is used up (None: not within ten years, or it
        ended).
    """
    through = None if found["through"] is None else date.fromisoformat(found["through"])
    days = found["days"].filter(pl.col(DATE) <= (through or date.min))
    rest = [(day, spend) for day, spend in _rest(plan, through) if day <= (ended or day)]
    pace = read_pace(days, settings)
    z = NormalDist().inv_cdf(0.5 + float(settings.interval) / 2)
    return {
        "through": found["through"],
        "days": len(plan["pacing"]),
        "days_told": int(days.filter(pl.col("told_days") > 0).height),
        "days_left": sum(day > today for day, _ in rest),
        "interval": float(settings.interval),
        "pace": {"value": pace.mean, **_between(pace.mean, pace.error, z)},
        "spend": _spend(found, plan, (rest, pace, z), settings) | (NEVER if ended else {}),
        "goal": _goal(found, plan, (rest, pace, z), settings),
    }


def read_pace(days: pl.DataFrame, settings: Section) -> Pace:
    """The ratio of spend to plan over the last days with both, shrunk to one."""
    known = days.filter((pl.col(PLANNED_SPEND) > 0) & (pl.col("told_days") > 0))
    known = known.tail(int(settings.recent_days))
    prior, usual = float(settings.prior_days), float(settings.daily_spread)
    if known.is_empty():
        return Pace(1.0, usual / max(prior, 1.0) ** 0.5, usual)
    planned, spent = known[PLANNED_SPEND].to_numpy(), known[SPEND].to_numpy()
    typical = float(planned.mean())
    mean = (prior * typical + spent.sum()) / (prior * typical + planned.sum())
    own = spent.sum() / planned.sum()
    squares = float(((spent / planned - own) ** 2).sum())
    count = len(planned)
    spread = ((prior * usual**2 + squares) / (prior + max(count - 1, 0) or 1.0)) ** 0.5
    return Pace(float(mean), spread / (prior + count) ** 0.5, spread)


def _rest(plan: dict[str, Any], through: date | None) -> list[tuple[date, float]]:
    """The days of the plan after the last one with results, with their money."""
    paced = [(date.fromisoformat(day["date"]), float(day["spend"])) for day in plan["pacing"]]
    return [(day, spend) for day, spend in paced if through is None or day > through]


def _between(mean: float, error: float, z: float) -> dict[str, float]:
    return {LOWER: max(0.0, mean - z * error), UPPER: mean + z * error}


def _status(actual: float, planned: float, settings: Section) -> str | None:
    if planned <= 0:
        return None
    share = actual / planned - 1.0
    if abs(share) <= float(settings.tolerance):
        return ON_TRACK
    return AHEAD if share > 0 else BEHIND


def _spend(
    found: dict[str, Any],
    plan: dict[str, Any],
    coming: tuple[list[tuple[date, float]], Pace, float],
    settings: Section,
) -> dict[str, Any]:
    rest, pace, z = coming
    total = found["total"]
    spent, left = float(total[SPEND]), np.array([spend for _, spend in rest])
    mean, error = _money_ahead(left, pace)
    ends = [
        _used_up(plan, rest, spent, max(pace.mean + side * z * pace.error, 0.0))
        for side in (0, 1, -1)
    ]
    return {
        "status": _status(spent, float(total[PLANNED_SPEND]), settings),
        "actual": spent,
        "planned": float(total[PLANNED_SPEND]),
        "budget": float(plan["budget"]),
        "projected": spent + mean,
        LOWER: spent + max(0.0, mean - z * error),
        UPPER: spent + mean + z * error,
        "ends_on": ends[0],
        "earliest": ends[1],
        "latest": ends[2],
    }


def _money_ahead(left: Array, pace: Pace) -> tuple[float, float]:
    """Mean and standard deviation of what the remaining days spend."""
    whole = float(left.sum())
    variance = (pace.error * whole) ** 2 + pace.spread**2 * float((left**2).sum())
    return pace.mean * whole, variance**0.5


def _used_up(
    plan: dict[str, Any], rest: list[tuple[date, float]], spent: float, pace: float
) -> str | None:
    """The day on which the budget is used up at a pace; after the plan's end by its mean day."""
    left = float(plan["spent"]) - spent
    last = date.fromisoformat(plan["pacing"][-1]["date"])
    if left <= 0:
        return (rest[0][0] - timedelta(days=1) if rest else last).isoformat()
    for day, spend in rest:
        left -= pace * spend
        if left <= 0.005:
            return day.isoformat()
    daily = pace * float(plan["spent"]) / len(plan["pacing"])
    more = int(np.ceil(left / daily)) if daily > 0 else FARTHEST + 1
    return (last + timedelta(days=more)).isoformat() if more <= FARTHEST else None


def _goal(
    found: dict[str, Any],
    plan: dict[str, Any],
    coming: tuple[list[tuple[date, float]], Pace, float],
    settings: Section,
) -> dict[str, Any]:
    rest, pace, z = coming
    total, promised = found["total"], plan["unit"] in PROMISED
    actual = float(total[ACTUAL])
    told = {
        "outcome": found["outcome"],
        "unit": plan["unit"],
        "actual": actual,
        "planned": total[PLANNED],
        LOWER + "_now": total[LOWER],
        UPPER + "_now": total[UPPER],
        "status": {"below": BEHIND, "above": AHEAD, "inside": ON_TRACK}.get(total["lies"]),
        "whole": float(plan[EXPECTED]) if promised else None,
    }
    per_money = _yield(found, plan, settings) if promised else _plain_yield(total)
    if per_money is None:
        return told | {"projected": None, LOWER: None, UPPER: None}
    rate, error = per_money
    money, doubt = _money_ahead(np.array([spend for _, spend in rest]), pace)
    mean = rate * money
    own = mean if found["outcome"] not in ("revenue",) else 0.0
    days = float(settings.outcome_spread) ** 2 * mean**2 / max(len(rest), 1)
    variance = (rate * doubt) ** 2 + (error * money) ** 2 + own + days
    low, high = _gamma_ends(mean, variance, z)
    return told | {"projected": actual + mean, LOWER: actual + low, UPPER: actual + high}


def _yield(
    found: dict[str, Any], plan: dict[str, Any], settings: Section
) -> tuple[float, float] | None:
    """Outcomes for each unit of money with their error: the plan's, as far as results agree."""
    spent, total = float(plan["spent"]), found["total"]
    if spent <= 0 or plan[EXPECTED] <= 0:
        return None
    usual = float(plan[EXPECTED]) / spent
    span = 2 * NormalDist().inv_cdf(0.5 + float(plan.get("interval", 0.8)) / 2)
    doubt = max((float(plan[UPPER]) - float(plan[LOWER])) / span / float(plan[EXPECTED]), 1e-6)
    expected = usual * float(total[SPEND])
    if expected <= 0:
        return usual, usual * doubt
    days = max(int(total["told_days"]), 1)
    noise = 1 / expected + float(settings.outcome_spread) ** 2 / days
    weight = 1 / (doubt**2) + 1 / noise
    ratio = (1 / doubt**2 + float(total[ACTUAL]) / expected / noise) / weight
    return usual * ratio, usual * weight**-0.5


def _plain_yield(total: dict[str, Any]) -> tuple[float, float] | None:
    """The same of results alone, where the plan promised nothing that is counted."""
    spent, actual = float(total[SPEND]), float(total[ACTUAL])
    if spent <= 0:
        return None
    return actual / spent, max(actual, 1.0) ** 0.5 / spent


def _gamma_ends(mean: float, variance: float, z: float) -> tuple[float, float]:
    """Ends of a gamma law's interval (Wilson and Hilferty, 1931)."""
    if mean <= 0:
        return 0.0, 0.0
    ninth = variance / (9 * mean**2)
    low, high = (max(0.0, 1 - ninth + side * ninth**0.5) ** 3 for side in (-z, z))
    return mean * low, mean * high
