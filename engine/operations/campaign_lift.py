"""What a campaign changed: those addressed beside those held out, by intention to treat.

In: a campaign that runs or ran, its people, the event log. Out: an effect with its interval.
Never: an interval that looking at it early makes too narrow, or somebody who may not be measured.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine import settings
from engine.errors import InvalidValue, SegmentTooSmall
from engine.frames import USER
from engine.measurement.holdout import mismatch
from engine.measurement.lift import Lift, Side, compare
from engine.measurement.sequential import Verdict, always_valid
from engine.operations.campaign_audience import (
    acted,
    acts_before,
    outcome_acts,
    window_of,
)
from engine.operations.campaign_ledger import visible
from engine.operations.campaign_life import OutOfStep
from engine.operations.members import Actor
from engine.operations.permits import agreed_by_default
from engine.privacy.consent import MEASURE, SELECT, keep_consented
from engine.store.campaign_audiences import HELD_OUT, read_audience
from engine.store.campaigns import Campaign
from engine.store.catalog import open_catalog
from engine.store.consents import read_consents
from engine.store.forgotten import without_forgotten
from engine.store.home import Home

Array = NDArray[Any]


def lift(home: Home, actor: Actor, id: str, *, now: datetime) -> dict[str, Any]:
    """What the campaign changed, as far as it is known now.

    The outcome of a person is whether they did one of the goal's acts on the product from the
    first day until some days after the last. Until these have passed the interval is one that
    holds at every look (`sequential`); then it is the `fixed` one. `adjusted` is the fixed effect
    with what people did before taken into account.

    Raises:
        Forbidden, UnknownEntity: as `campaigns.show`.
        OutOfStep: it never ran.
        InvalidValue: too few people are left on a side, or sides are not as they were split.
    """
    campaign = visible(home, actor, id, "lift.read")
    people = measured(home, campaign)
    start, end = window_of(home, campaign)
    held = people[HELD_OUT].to_numpy()
    _check_split(home, campaign, held)
    did = acted(home, campaign, people[USER], (start, min(now, end))).astype(np.float64)
    before = acts_before(home, campaign, people[USER])
    chosen = settings.load("measurement", home.root)
    level, few = float(chosen["lift"].level), int(chosen["lift"].few)
    found = compare(did, held, level=level, few=few)
    complete = now >= end
    answer = {
        "campaign_id": campaign.id,
        "product_id": campaign.product_id,
        "goal": campaign.goal,
        "status": campaign.status,
        "outcomes": outcome_acts(home, campaign.goal),
        "since": start.isoformat(),
        "until": end.isoformat(),
        "complete": complete,
        "level": level,
        "exposed": _side(found.exposed),
        "held_out": _side(found.held_out),
        "effect": found.effect,
        **_relative(found),
        "adjusted": _adjusted(did, held, before, level) if complete else None,
        "detectable": (campaign.audience or {}).get("detectable"),
    }
    if complete:
        return answer | _fixed(found)
    seen = always_valid(
        found,
        planned=_planned(campaign),
        level=level,
        seen=float(did.sum()),
        least=int(chosen["sequential"].least),
    )
    return answer | _sequential(seen, found)


def measured(home: Home, campaign: Campaign) -> pl.DataFrame:
    """People of the audience whose reactions may be counted, with their side.

    Raises:
        OutOfStep: the campaign never ran.
    """
    people = audience_of(home, campaign)
    if campaign.status in ("draft", "planned", "approved") or people is None:
        raise OutOfStep(campaign, "measure")
    return consented(home, people, MEASURE)


def audience_of(home: Home, campaign: Campaign) -> pl.DataFrame | None:
    """user_id and held_out of everybody in the audience that was approved, if one was."""
    file = (campaign.audience or {}).get("file")
    return None if file is None else read_audience(home, file)


def consented(home: Home, people: pl.DataFrame, purpose: str) -> pl.DataFrame:
    """Those of whom a purpose holds now, and who were not erased."""
    with open_catalog(home) as catalog:
        records = read_consents(catalog)
    default = agreed_by_default(home, purpose)
    left = keep_consented(people.lazy(), records, purpose=purpose, default=default)
    return without_forgotten(home, left, USER).collect().sort(USER)


def addressed(home: Home, actor: Actor, id: str) -> pl.DataFrame:
    """user_id of whom the campaign addresses: nobody held out, nobody who withdrew since.

    Raises:
        Forbidden, UnknownEntity: the actor may not hand audiences out, or not see the campaign.
        OutOfStep: it was not approved.
        SegmentTooSmall: too few are left.
    """
    campaign = visible(home, actor, id, "export.write")
    people = audience_of(home, campaign)
    if people is None or campaign.status not in ("approved", "running"):
        raise OutOfStep(campaign, "hand out its audience")
    left = consented(home, people.filter(~pl.col(HELD_OUT)), SELECT).select(USER)
    least = int(settings.load("audiences")["segments"].minimum_people)
    if left.height < least:
        raise SegmentTooSmall(least)
    return left


def _check_split(home: Home, campaign: Campaign, held: Array) -> None:
    """Raises InvalidValue where one side lost people as chance does not: no effect is told then."""
    count = int(held.sum())
    if min(count, held.size - count) < 2:
        raise InvalidValue("audience", "fewer than two people are left on a side")
    suspicious = float(settings.load("measurement", home.root)["holdout"].suspicious)
    likely = mismatch(held.size, count, campaign.holdout_share)
    if likely < suspicious:
        raise InvalidValue(
            "audience",
            f"{count} of {held.size} people are held out, not {campaign.holdout_share:.0%}: one "
            "side lost people, and what is left cannot be compared",
        )


def _planned(campaign: Campaign) -> float:
    """Outcomes of both sides that were foreseen when it was approved, before the first look."""
    told = campaign.audience or {}
    return float(told["people"] * told["rate"] + told["assigned"] * told["expected_effect"])


def _side(side: Side) -> dict[str, Any]:
    return {"people": side.people, "rate": side.mean, "acted": round(side.mean * side.people)}


def _relative(found: Lift) -> dict[str, Any]:
    names = ("relative", "relative_lower", "relative_upper")
    return {name: asdict(found)[name] for name in names}


def _fixed(found: Lift) -> dict[str, Any]:
    return {
        "kind": "fixed",
        "method": found.method,
        **_bounds(found.lower, found.upper, found),
        "decided": "up" if found.lower > 0 else "down" if found.upper < 0 else "open",
        "p_value": None,
    }


def _sequential(seen: Verdict, found: Lift) -> dict[str, Any]:
    return {
        "kind": "sequential",
        "method": "always-valid",
        **_bounds(seen.lower, seen.upper, found),
        "decided": seen.decided,
        "p_value": seen.p_value,
        # The relative interval holds at the end only.
        "relative_lower": None,
        "relative_upper": None,
    }


def _bounds(lower: float, upper: float, found: Lift) -> dict[str, Any]:
    """The interval, and how many people of those addressed acted because of the campaign."""
    people = found.exposed.people
    low, high = (bound if math.isfinite(bound) else None for bound in (lower, upper))
    return {
        "lower": low,
        "upper": high,
        "moved": {
            "people": found.effect * people,
            "lower": None if low is None else low * people,
            "upper": None if high is None else high * people,
        },
    }


def _adjusted(did: Array, held: Array, before: Array, level: float) -> dict[str, Any] | None:
    """The effect by CUPED; nothing where everybody did the same before."""
    if not np.ptp(before, axis=0).any():
        return None
    found = compare(did, held, level=level, baseline=before)
    return {name: asdict(found)[name] for name in ("effect", "lower", "upper", "explained")}
