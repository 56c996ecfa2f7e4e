"""The six steps of a campaign: what is recommended for each, and what was chosen instead.

In: a campaign, an open model, results of the past. Out: the campaign with its plan, and both sides
of every step. Never: a choice overwritten by a recommendation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from engine import settings
from engine.errors import PlanInfeasible
from engine.frames import CHANNEL, SEGMENT, USER
from engine.operations.audiences import best_segments
from engine.operations.campaign_audience import (
    choose_people,
    expected_of,
    foresee,
    outcome_acts,
    warning_of,
    window_of,
)
from engine.operations.campaign_fields import STEPS
from engine.operations.campaign_money import read_currency, settle_plan
from engine.operations.campaign_team import recommend_team
from engine.operations.outlets import Wish, product_channels
from engine.operations.persuadables import persuadables_of
from engine.operations.plan_inputs import gather
from engine.operations.plan_request import Place, PlanRequest
from engine.operations.plans import make_plan
from engine.store.artefacts import Model
from engine.store.campaigns import Campaign
from engine.store.home import Home

MOVED = "an earlier campaign of this product moved these people more than others"


@dataclass(frozen=True)
class Bench:
    """What a campaign is planned with."""

    home: Home
    model: Model
    now: datetime


def draw_up(bench: Bench, campaign: Campaign) -> Campaign:
    """The campaign with a plan, what is recommended and chosen in each step, and warnings.

    Where something was chosen by hand, a plan without it is made too: its split and its outcome
    are the recommendation of the budget.

    Raises:
        UnknownEntity: product, channel or segment is not known.
        SegmentTooSmall: the audience is too small.
        PlanInfeasible: no plan keeps to what was chosen.
        FrameError, InvalidValue: past results cannot be planned with, as in another currency.
    """
    networks = _networks(bench, campaign)
    segments = _segments(bench, campaign)
    best = tuple(one[CHANNEL] for one in networks), tuple(one[SEGMENT] for one in segments)
    used = campaign.channels or best[0], campaign.segments or best[1]
    rows = choose_people(bench.home, bench.model, campaign, used[1])
    plan = _plan(bench, campaign, used, bound=True)
    free = used == best and not campaign.locks
    usual = plan if free else _plan(bench, campaign, best, bound=False)
    told = foresee(
        bench.home,
        campaign,
        bench.model.users[USER].gather(rows),
        expected=expected_of(plan),
        now=bench.now,
    )
    warning = warning_of(told)
    recommended = {
        "channels": {"channels": list(best[0]), "why": networks},
        "budget": _budget(bench, campaign, usual) | _split(usual),
        "team": recommend_team(bench.home, campaign),
        "audience": {"segments": list(best[1]), "exclusions": [], "why": segments},
        "promotion": {"schedule": usual["schedule"]},
        "results": _measuring(bench.home, campaign, usual=True),
    }
    made = replace(
        campaign,
        plan=plan,
        recommended=recommended,
        audience=told,
        warnings=(warning,) if warning else (),
    )
    return replace(made, chosen=chosen_of(bench.home, made))


def chosen_of(home: Home, campaign: Campaign) -> dict[str, Any]:
    """What holds in each step: what was chosen by hand, else what is recommended."""
    told = campaign.recommended
    if not told:
        return {}
    own = {"exclusions": list(campaign.exclusions)}
    plan = campaign.plan or {}
    money = {"amount": str(campaign.budget), "currency": campaign.currency}
    return {
        "channels": {"channels": list(campaign.channels) or told["channels"]["channels"]},
        "budget": money | {"locks": dict(campaign.locks)} | (_split(plan) if plan else {}),
        "team": told["team"] | dict(campaign.responsible),
        "audience": {"segments": list(campaign.segments) or told["audience"]["segments"]} | own,
        "promotion": {
            "schedule": [dict(slot) for slot in campaign.schedule]
            or plan.get("schedule", told["promotion"]["schedule"])
        },
        "results": _measuring(home, campaign, usual=False),
    }


def side_by_side(campaign: Campaign) -> list[dict[str, Any]]:
    """For each of the six steps: recommended, chosen, and whether somebody decided otherwise."""
    return [
        {
            "step": step,
            "recommended": campaign.recommended.get(step),
            "chosen": campaign.chosen.get(step),
            "overridden": overridden(campaign, step),
        }
        for step in STEPS
    ]


def overridden(campaign: Campaign, step: str) -> bool:
    """Whether what was chosen in a step differs from what is recommended there."""
    told, chosen = campaign.recommended.get(step), campaign.chosen.get(step)
    if not told or not chosen:
        return False
    if step == "budget":
        return bool(campaign.locks) or Decimal(told["amount"]) != campaign.budget
    if step == "promotion":  # else it follows from the channels and the money
        return bool(campaign.schedule) or campaign.posts is not None
    same = {name: told[name] for name in chosen if name in told}
    return bool(same != {name: chosen[name] for name in same})


def _networks(bench: Bench, campaign: Campaign) -> list[dict[str, Any]]:
    """Networks that fit best and are for sale, with the reason of each."""
    wish = Wish(campaign.goal, buyers=campaign.market, budget=float(campaign.budget))
    found = product_channels(bench.home, bench.model, campaign.product_id, wish)["channels"]
    most = int(settings.load("campaigns", bench.home.root)["recommend"].networks)
    sold = [one for one in found if one["usable"] and one["price_model"] != "not sold"]
    kept = ("channel", "score", "lower", "upper", "reason", "cautions")
    return [{name: one[name] for name in kept} for one in (sold or found)[:most]]


def _segments(bench: Bench, campaign: Campaign) -> list[dict[str, Any]]:
    """The best segments for the goal, as many as a plan holds, with the reason of each."""
    most = int(settings.load("planning", bench.home.root)["plan"].segments)
    found = best_segments(bench.model, campaign.product_id, goal=campaign.goal)["segments"]
    moved = persuadables_of(bench.home, bench.model, campaign.product_id, team=campaign.team)
    found = found[:most] + [
        {SEGMENT: id, "name": name, "size": rows.size, "reason": MOVED}
        for id, (name, rows) in moved.items()
    ]
    left = [one for one in found if one[SEGMENT] not in campaign.exclusions]
    return [{name: one[name] for name in (SEGMENT, "name", "size", "reason")} for one in left]


def _plan(
    bench: Bench, campaign: Campaign, used: tuple[tuple[str, ...], tuple[str, ...]], *, bound: bool
) -> dict[str, Any]:
    """A plan over channels and segments, its money whole units of the currency."""
    _, digits = read_currency(bench.home, campaign.currency)
    locks = dict(campaign.locks) if bound else {}
    request = PlanRequest(
        campaign.goal,
        float(campaign.budget),
        campaign.days,
        start=campaign.start,
        product_id=campaign.product_id,
        channels=used[0],
        locks={_place(place): float(amount) for place, amount in locks.items()},
        currency=campaign.currency,
        posts=campaign.posts,
        team=campaign.team,
        now=bench.now,
    )
    request = replace(request, maxima=_others(bench, request, used[1]))
    plan = make_plan(bench.home, request, model=bench.model)
    return settle_plan(plan, campaign.budget, digits, locks)


def _place(place: str) -> Place:
    channel, slash, segment = place.partition("/")
    return (channel, segment) if slash else channel


def _others(bench: Bench, request: PlanRequest, segments: tuple[str, ...]) -> dict[Place, float]:
    """Nothing for placements that are not of the audience, such as those of past results.

    Raises:
        PlanInfeasible: none is left.
    """
    places = gather(bench.home, request, bench.model).places
    others = [place for place in places if place[1] not in segments]
    if len(others) == len(places):
        raise PlanInfeasible(
            f"none of the segments {', '.join(segments)} can be bought by itself: a plan knows "
            "those that `mokhatab segments` names for this product and goal"
        )
    return {place: 0.0 for place in others if place not in request.locks}


def _split(plan: Mapping[str, Any]) -> dict[str, Any]:
    """What goes to each channel, and what the whole should bring."""
    unit = Decimal(plan["money"]["unit"])
    sums: dict[str, Decimal] = {}
    for row in plan["allocation"]:
        amount = Decimal(repr(row["spend"])).quantize(unit)
        sums[row[CHANNEL]] = sums.get(row[CHANNEL], Decimal(0)) + amount
    return {
        "by_channel": {name: str(amount) for name, amount in sums.items() if amount},
        **{name: plan[name] for name in ("expected", "lower", "upper", "unit")},
    }


def _budget(bench: Bench, campaign: Campaign, plan: dict[str, Any]) -> dict[str, Any]:
    """The largest budget of the plan's curve whose last money still pays, by the settings."""
    least = float(settings.load("campaigns", bench.home.root)["recommend"].marginal_share)
    unit = Decimal(plan["money"]["unit"])
    points = [point for point in plan["curve"] if point["budget"] > 0]
    amount, before = Decimal(repr(float(points[0]["budget"]))), (0.0, 0.0)
    for point in points:
        gained = point["expected"] - before[1]
        slope = gained / max(point["budget"] - before[0], 1e-12)
        if slope * point["budget"] < least * point["expected"]:
            break
        amount = Decimal(repr(float(point["budget"])))
        before = point["budget"], point["expected"]
    return {"amount": str(amount.quantize(unit)), "currency": campaign.currency}


def _measuring(home: Home, campaign: Campaign, *, usual: bool) -> dict[str, Any]:
    share = float(settings.load("measurement", home.root)["holdout"].share)
    seen = replace(campaign, window_days=None) if usual else campaign
    return {
        "holdout_share": share if usual else campaign.holdout_share,
        "outcomes": outcome_acts(home, campaign.goal),
        "until": window_of(home, seen)[1].isoformat(),
    }
