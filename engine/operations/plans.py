"""Where the money goes: from results, a model or neither to a plan that says how sure it is.

In: a home, a request. Out: the answer that pages, tables and programs show.
Never: a sum beside the budget, or a promise without an interval.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine import frames as f
from engine.errors import counted
from engine.operations.outlets import ground_of, hours_of
from engine.operations.past_lift import caused
from engine.operations.plan_forecast import Forecast, forecast
from engine.operations.plan_inputs import Material, gather
from engine.operations.plan_notes import asked_notes, closed_notes, market_notes, repeated_notes
from engine.operations.plan_request import PlanRequest
from engine.planning.constraints import Limits, Wishes, read_limits
from engine.planning.rounding import CENTS, round_parts
from engine.planning.timing import Team, hour_response, plan_schedule
from engine.store.artefacts import Model
from engine.store.home import Home

Array = NDArray[Any]
SCHEDULED = 12  # channels of a schedule at most; more would be no schedule that a team can keep


def make_plan(home: Home, request: PlanRequest, *, model: Model | None = None) -> dict[str, Any]:
    """Splits a budget over placements so that the goal is met best, and proves it.

    It works from results alone, from a model and a product, from both, and from facts about
    channels where there is neither; `basis` and `notes` say which.

    Args:
        model: one that is open already; missing, the champion of the home, if there is one.

    Raises:
        NotTrained: a product is named, and there is no model.
        UnknownEntity: the product, a channel or a placement of a limit is not known.
        FrameError, InvalidValue: results or limits cannot be meant.
        PlanInfeasible: no plan can keep the limits; the reason names those that quarrel.
    """
    material = gather(home, request, model)
    incremental = _incremental(home, request, material)
    wishes = Wishes(request.minima, request.maxima, request.locks, request.starts)
    limits = read_limits(material.places, request.budget, wishes)
    found = forecast(material, request, limits)
    spent = int(found.cents.sum())
    days = _paced(material, request, spent)
    return {
        "goal": request.goal,
        "measure": request.measure if request.goal == "sales" else None,
        "currency": request.currency,
        "budget": limits.budget / CENTS,
        "spent": spent / CENTS,
        "days": request.days,
        "start": material.start.isoformat(),
        "product_id": request.product_id,
        "model_version": material.model.version if material.model else None,
        "as_of": material.model.as_of if material.model else None,
        "basis": material.basis,
        "notes": [
            *material.notes,
            *(() if request.results is None else repeated_notes(request.results)),
            *found.notes,
            *asked_notes(request, limits, material.now.date()),
            *closed_notes(limits),
            *market_notes(material, found.cents, request.currency),
            *_caused_notes(incremental),
        ],
        "allocation": _rows(material, limits, found),
        **found.totals,
        "incremental": incremental,
        "curve": found.curve,
        "pacing": [
            {"date": (material.start + timedelta(days=day)).isoformat(), "spend": cents / CENTS}
            for day, cents in enumerate(days.tolist())
        ],
        **_week(home, request, material, found),
        "channels": material.channels,
    }


def _incremental(home: Home, request: PlanRequest, material: Material) -> dict[str, Any] | None:
    """What of the plan's outcomes would not come anyway, by people held out; see `caused`."""
    if request.product_id is None:
        return None
    return caused(home, request.product_id, request.goal, now=material.now, team=request.team)


def _caused_notes(told: dict[str, Any] | None) -> tuple[str, ...]:
    if told is None:
        return ()
    times = counted(told["campaigns"], "past campaign")
    return (
        f"Beside people held out, {told['share']:.0%} ({told[f.LOWER]:.0%} to "
        f"{told[f.UPPER]:.0%}) of what came in {times} of this product was caused there.",
    )


def _paced(material: Material, request: PlanRequest, spent: int) -> Array:
    """Cents of each day: even, or a little more and less in turns, so that results teach.

    At one spend alone nothing tells where a placement saturates. Turns of days fall on every
    weekday alike within two weeks; without exploration days are even.
    """
    plan = material.settings["plan"]
    share = plan.exploration if request.exploration is None else request.exploration
    wave = np.where(np.arange(request.days) % 2 == 0, 1.0, -1.0) * plan.wave * (share > 0)
    wave[request.days - request.days % 2 :] = 0.0
    parts = spent / request.days * (1.0 + wave)
    none = np.zeros(request.days, np.int64)
    return round_parts(parts, spent, none, np.full(request.days, spent, np.int64))


def _rows(material: Material, limits: Limits, found: Forecast) -> list[dict[str, Any]]:
    """Placements with spend first, by spend falling, then by name."""
    order = np.lexsort((np.arange(len(material.places)), -found.cents))
    status = _statuses(limits, found)
    total = max(int(found.cents.sum()), 1)
    return [
        {
            f.CHANNEL: material.places[at][0],
            f.SEGMENT: material.places[at][1],
            f.NAME: material.names.get(material.places[at][1], material.places[at][1]),
            "spend": int(found.cents[at]) / CENTS,
            "share": int(found.cents[at]) / total,
            f.EXPECTED: float(found.expected[at]),
            f.LOWER: float(found.lower[at]),
            f.UPPER: float(found.upper[at]),
            "marginal": float(found.marginal[at]),
            "impressions": float(found.impressions[at]),
            "clicks": float(found.clicks[at]),
            "tried": bool(material.tried[at]),
            "status": str(status[at]),
        }
        for at in order.tolist()
    ]


def _statuses(limits: Limits, found: Forecast) -> Array:
    """What decided each placement's money: a limit of its own or of its channel, or neither."""
    cents, channels = found.cents, limits.channel_high.size
    exploring = (cents > 0) & (found.best * 2 < cents)
    together = np.bincount(limits.channel, cents, channels).astype(np.int64)
    full = (together == limits.channel_high) & (limits.channel_high < limits.budget)
    bare = (together == limits.channel_low) & (limits.channel_low > 0)
    fixed = limits.locked | (full & bare)[limits.channel]
    capped = (cents == limits.high) & (limits.high < limits.budget) | full[limits.channel]
    floored = (cents == limits.low) & (limits.low > 0) | bare[limits.channel]
    return np.select(
        [
            fixed & (limits.locked | (cents > 0)),
            cents == 0,
            exploring,
            floored,
            capped,
        ],
        ["locked", "off", "exploration", "at minimum", "at maximum"],
        "free",
    )


def _week(
    home: Home, request: PlanRequest, material: Material, found: Forecast
) -> dict[str, list[dict[str, Any]]]:
    """Posts of the first week on the channels that get most, weighed by their money.

    Beside them the response of every hour on the channels that have a post.
    """
    spend: dict[str, int] = {}
    for (channel, _), cents in zip(material.places, found.cents.tolist(), strict=True):
        spend[channel] = spend.get(channel, 0) + cents
    used = sorted((c for c in spend if spend[c] > 0), key=lambda c: (-spend[c], c))[:SCHEDULED]
    if not used or request.posts == 0:
        return {"schedule": [], "hours": []}
    ground = ground_of(home)
    hours = hours_of(home, ground, material.now)
    known = {*ground.channels, *hours[f.CHANNEL].unique()}
    used = [channel for channel in used if channel in known]
    if not used:
        return {"schedule": [], "hours": []}
    places = [(channel, None) for channel in used]
    response = hour_response(hours, placements=places, ground=ground)
    mean = sum(spend[channel] for channel in used) / len(used)
    posts = plan_schedule(
        response,
        start=material.start,
        ground=ground,
        team=Team(posts=request.posts),
        weights={(channel, None): spend[channel] / mean for channel in used},
    )
    posted = {post[f.CHANNEL] for post in posts}
    hours = response.filter(pl.col(f.CHANNEL).is_in(posted))
    return {"schedule": posts, "hours": hours.to_dicts()}
