"""The people of a campaign: who would be addressed, how often they act anyway, what can be seen.

In: a campaign, an open model, the event log. Out: rows of users, their split, what can be told.
Never: somebody who withdrew, fewer people than may be addressed, or an id in an answer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from hashlib import blake2b
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine import settings
from engine.errors import InvalidValue, SegmentTooSmall, UnknownEntity
from engine.frames import ACTION, PRODUCT, SEGMENT, SIZE, USER
from engine.measurement.holdout import assign
from engine.measurement.lift import detectable
from engine.operations.lookup import near_ids, product_row
from engine.operations.persuadables import PREFIX, persuadables_of
from engine.operations.plan_crowd import members_of
from engine.operations.plan_request import PlanRequest
from engine.operations.showings import acts_and_showings
from engine.operations.withholding import closed
from engine.planning.history import EVERYBODY
from engine.store.artefacts import Model
from engine.store.campaign_audiences import HELD_OUT
from engine.store.campaigns import Campaign
from engine.store.catalog import pepper
from engine.store.eventlog import scan_events
from engine.store.home import Home

Array = NDArray[Any]
MIDNIGHT = time(tzinfo=UTC)


def choose_people(home: Home, model: Model, campaign: Campaign, segments: Sequence[str]) -> Array:
    """Rising rows of the members of some segments, less those of the excluded ones.

    Who acted on the product already is left out, except where the goal is their loyalty; and so
    is everybody who may not be selected.

    Raises:
        UnknownEntity: the model knows no such product or segment.
        SegmentTooSmall: too few people are left, or would be once the holdout is set aside.
    """
    product = product_row(model, campaign.product_id)
    parts = _members(home, model, campaign, {*segments, *campaign.exclusions})
    chosen = np.zeros(model.users.height, bool)
    for segment in segments:
        chosen[parts[segment]] = True
    for segment in campaign.exclusions:
        chosen[parts[segment]] = False
    chosen[closed(model, product, include_known=campaign.goal == "loyalty")] = False
    rows = np.flatnonzero(chosen)
    least = int(settings.load("audiences")["segments"].minimum_people)
    if rows.size * (1 - campaign.holdout_share) < least:
        raise SegmentTooSmall(least)
    return rows


def _members(home: Home, model: Model, campaign: Campaign, wanted: set[str]) -> dict[str, Array]:
    product = product_row(model, campaign.product_id)
    best = model.segments.best.filter(
        (pl.col("product") == product) & (pl.col("goal") == campaign.goal)
    )
    request = PlanRequest(campaign.goal, 1.0, 1, product_id=campaign.product_id)
    sizes = {row[SEGMENT]: row for row in best.select(SEGMENT, SIZE).iter_rows(named=True)}
    found = members_of(model, wanted, request, sizes)
    if any(segment.startswith(PREFIX) for segment in wanted):
        kept = persuadables_of(home, model, campaign.product_id, team=campaign.team)
        found |= {segment: rows for segment, (_, rows) in kept.items() if segment in wanted}
    for segment in sorted(wanted - set(found)):
        known = pl.Series([*sizes, *model.segments.table[SEGMENT], EVERYBODY]).unique().sort()
        raise UnknownEntity("segment", segment, near_ids(segment, known))
    return found


def split_people(home: Home, model: Model, campaign: Campaign, rows: Array) -> pl.DataFrame:
    """user_id and held_out of these rows, the same split whenever it is asked for."""
    ids = model.users[USER].gather(rows)
    held = assign(ids, campaign.id, salt=salt_of(home), share=campaign.holdout_share)
    return pl.DataFrame({USER: ids, HELD_OUT: held})


def salt_of(home: Home) -> bytes:
    """What makes the split of this home another than that of every other: 32 secret bytes."""
    return blake2b(pepper(home)[:64], person=b"holdout", digest_size=32).digest()


def outcome_acts(home: Home, goal: str) -> list[str]:
    """Acts that count as an outcome for a goal.

    Raises:
        InvalidValue: the settings name an act that there is none of.
    """
    acts = str(settings.load("campaigns", home.root)["outcomes"].values[goal]).split()
    known = settings.load_rows("actions", home.root)
    for act in acts:
        if act not in known:
            raise InvalidValue(f"outcomes.{goal}", f"{act!r} is no act")
    return acts


def window_of(home: Home, campaign: Campaign) -> tuple[datetime, datetime]:
    """From when until when outcomes count: the days of the campaign in UTC, and some after."""
    days = campaign.window_days
    if days is None:
        days = int(settings.load("campaigns", home.root)["outcomes"].window_days)
    end = datetime.combine(campaign.end, MIDNIGHT) + timedelta(days=1 + days)
    return datetime.combine(campaign.start, MIDNIGHT), end


def window_before(
    home: Home, campaign: Campaign, now: datetime | None = None
) -> tuple[datetime, datetime]:
    """As long a time before the campaign as it counts, within the settings' limit."""
    start, end = window_of(home, campaign)
    most = int(settings.load("campaigns", home.root)["outcomes"].most_days_before)
    until = start if now is None else min(start, now)
    return until - min(end - start, timedelta(days=most)), until


def acted(
    home: Home, campaign: Campaign, ids: pl.Series, window: tuple[datetime, datetime]
) -> NDArray[np.bool_]:
    """(n,): whether each person did an outcome's act on the product in a time, its end left out."""
    since, until = window
    acts = acts_and_showings(home, scan_events(home, since, until))[0].filter(
        pl.col(PRODUCT) == campaign.product_id,
        pl.col(ACTION).is_in(outcome_acts(home, campaign.goal)),
    )
    people = acts.select(USER).unique().collect()[USER]
    found: NDArray[np.bool_] = ids.is_in(people.implode()).to_numpy()
    return found


def acts_before(home: Home, campaign: Campaign, ids: pl.Series) -> Array:
    """(n, 2) float64: what people did before the campaign, which chance alone divided.

    Whether they did an outcome's act on the product, and the logarithm of one more than their acts
    of any kind.
    """
    window = window_before(home, campaign)
    counts = scan_events(home, *window).group_by(USER).agg(pl.len().alias("acts")).collect()
    acts = ids.to_frame(USER).join(counts, on=USER, how="left", maintain_order="left")["acts"]
    busy = np.log1p(acts.fill_null(0).to_numpy().astype(np.float64))
    return np.column_stack([acted(home, campaign, ids, window), busy])


def foresee(
    home: Home, campaign: Campaign, ids: pl.Series, *, expected: float, now: datetime
) -> dict[str, Any]:
    """What the campaign is expected to change, and what change could be told from chance.

    `rate` is the part of the audience that would act anyway: of as long a time before it, half a
    person added, so that it is never nothing; a shorter time is drawn out to the campaign's.
    `expected_effect` is what the plan brings for each person addressed, `measurable` whether it
    is at least the `detectable` one.
    """
    since, until = window_before(home, campaign, now)
    start, end = window_of(home, campaign)
    before = float(acted(home, campaign, ids, (since, until)).sum())
    part = (before + 0.5) / (ids.len() + 1)
    rate = 1 - (1 - part) ** ((end - start) / (until - since))
    chosen = settings.load("measurement", home.root)["lift"]
    assigned = ids.len() * (1 - campaign.holdout_share)
    effect = min(expected / assigned, 1 - rate)
    least = _detectable(ids.len(), campaign.holdout_share, rate, chosen)
    return {
        "people": ids.len(),
        "holdout_share": campaign.holdout_share,
        "outcomes": outcome_acts(home, campaign.goal),
        "rate": rate,
        "expected_effect": effect,
        "detectable": least if math.isfinite(least) else None,
        "measurable": effect >= least,
        "level": chosen.level,
        "power": chosen.power,
    }


def _detectable(people: int, share: float, rate: float, chosen: settings.Section) -> float:
    if people * min(share, 1 - share) < 1:
        return math.inf
    return detectable(people, share, rate=rate, level=chosen.level, power=chosen.power)


def expected_of(plan: Mapping[str, Any]) -> float:
    """Outcomes that a plan is expected to cause: those that would come anyway are no effect."""
    caused = plan.get("incremental")  # plans of older versions have none
    return float(plan["outcomes"]) * (caused["share"] if caused else 1.0)


def warning_of(told: dict[str, Any]) -> str | None:
    """What to say before money is spent on an effect that could not be told; else nothing."""
    if told["measurable"]:
        return None
    seen = told["detectable"]
    least = "no effect at all" if seen is None else f"only one of {seen:.2%} or more"
    return (
        f"The plan expects {told['expected_effect']:.2%} more of the people to act, but with "
        f"{told['people']:,} people, {told['holdout_share']:.0%} of them held out, {least} can be "
        "told from chance: widen the audience, run it longer, or hold out more."
    )
