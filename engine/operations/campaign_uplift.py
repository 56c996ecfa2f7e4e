"""Whom a campaign moved: its effect by segment and by person, and who is worth addressing again.

In: a campaign that has ended, its people, the model that planned it. Out: effects with intervals,
and a segment for the next plan. Never: a trait that the campaign itself may have changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine import frames as f
from engine import settings
from engine.audiences.scores import logits
from engine.errors import (
    ArtefactCorrupt,
    InvalidValue,
    NotTrained,
    SegmentTooSmall,
    UnknownEntity,
)
from engine.measurement.lift import Lift, compare
from engine.measurement.persuadables import Persuadables, persuadable, uplift_by_segment
from engine.measurement.qini import Resampling, judge
from engine.measurement.traits import encode
from engine.measurement.uplift import Crowd, cross_fit, deal
from engine.operations.campaign_audience import acted, window_of
from engine.operations.campaign_ledger import visible
from engine.operations.campaign_lift import measured
from engine.operations.lookup import product_row
from engine.operations.members import Actor
from engine.operations.persuadables import PREFIX, file_of
from engine.store.artefacts import Model, open_model
from engine.store.campaign_audiences import HELD_OUT, keep_audience
from engine.store.campaigns import Campaign
from engine.store.home import Home

Array = NDArray[Any]
KINDS = ("community", "attribute")


@dataclass(frozen=True)
class _Field:
    """People of a campaign (n,): their rows in the model that planned it, sides and outcomes."""

    model: Model
    rows: Array
    ids: pl.Series
    held_out: Array
    outcome: Array


def uplift(
    home: Home, actor: Actor, id: str, *, now: datetime, seed: int = 0, keep: bool = False
) -> dict[str, Any]:
    """The effect in each segment, how well a model tells whom it moves, and the persuadable part.

    Outcomes are those of `campaign_lift.lift`, traits those of the model that planned the
    campaign: what is known since may be its effect. Each person is scored by models of others.

    Args:
        keep: hands the persuadable people to later plans of the product, as a segment
            `persuadable:ID`; kept again, it replaces the one before.

    Raises:
        Forbidden, UnknownEntity, OutOfStep: as `campaign_lift.lift`.
        InvalidValue: outcomes may still come, the model that planned it is gone, or too few
            people are left on a side.
        SegmentTooSmall: the persuadable people are fewer than may be addressed.
    """
    campaign = visible(home, actor, id, "export.write" if keep else "lift.read")
    field = _field(home, campaign, now)
    rules = settings.load("measurement", home.root)
    chosen, level = rules["uplift"], float(rules["lift"].level)
    crowd = Crowd(_traits(field, campaign, int(chosen.words)), field.outcome, field.held_out)
    fold = deal(field.held_out, int(chosen.folds), seed=seed)
    score = cross_fit(crowd, fold, learner="x", settings=chosen, seed=seed)
    mean = compare(crowd.outcome, crowd.held_out, level=level).effect
    least = max(mean, 0.0) * float(chosen.worth)
    found = persuadable(score, crowd, fold, level=level, least=least)
    sampling = Resampling(int(rules["qini"].draws), level, seed)
    areas = judge({"uplift": score}, field.outcome, field.held_out, sampling=sampling)
    segment = _offer(home, campaign, field, found) if keep else None
    return {
        "campaign_id": campaign.id,
        "product_id": campaign.product_id,
        "level": level,
        "people": len(crowd),
        "segments": _by_segment(field, rules["lift"], int(chosen.segment_people)),
        "qini": areas.to_dicts()[0],
        "persuadable": {
            f.SEGMENT: segment,
            "share": found.share,
            f.SIZE: int(found.mask.sum()),
            "lift": _told(found.lift),
            "rest": _told(found.rest),
        },
    }


def _field(home: Home, campaign: Campaign, now: datetime) -> _Field:
    people = measured(home, campaign)
    start, end = window_of(home, campaign)
    if now < end:
        raise InvalidValue("campaign", f"outcomes still come until {end:%Y-%m-%d}; ask again then")
    model = _planner(home, campaign, start)
    known = model.users.select(f.USER).with_row_index("row")
    people = people.join(known, on=f.USER, how="inner").sort("row")
    outcome = acted(home, campaign, people[f.USER], (start, end)).astype(np.float64)
    rows = people["row"].to_numpy().astype(np.int64)
    return _Field(model, rows, people[f.USER], people[HELD_OUT].to_numpy(), outcome)


def _planner(home: Home, campaign: Campaign, start: datetime) -> Model:
    """The model that planned the campaign, or the champion where it learned nothing since."""
    try:
        return open_model(home, (campaign.plan or {}).get("model_version"))
    except (ArtefactCorrupt, NotTrained, UnknownEntity):
        model = open_model(home)
    if datetime.fromisoformat(model.as_of) > start:
        text = "the model that planned it is gone, and newer ones know its outcomes already"
        raise InvalidValue("campaign", text)
    return model


def _traits(field: _Field, campaign: Campaign, words: int) -> Array:
    """(n, k): attributes and counts of the people, and what both heads say of them."""
    model, product = field.model, product_row(field.model, campaign.product_id)
    users = model.users.drop(f.USER, f.ACCOUNT, strict=False)
    plain = [name for name, dtype in users.schema.items() if not dtype.is_nested()]
    users = users.select(plain)[field.rows]
    said = [
        logits(model.embeddings, head.user_terms, head, slice(product, product + 1))[0][field.rows]
        for head in (model.interest, model.probability)
    ]
    heads = [pl.Series(f"\x1f{name}", one) for name, one in zip(("i", "p"), said, strict=True)]
    return encode(users.with_columns(heads), most=words)[0]


def _by_segment(field: _Field, lift: settings.Section, least: int) -> list[dict[str, Any]]:
    """Named segments of the model with enough of the campaign's people, best effect first."""
    parts, place = field.model.segments, np.full(field.model.users.height, -1, np.int64)
    place[field.rows] = np.arange(field.rows.size)
    inside, named = [], []
    for row, kind in enumerate(parts.table[f.KIND]):
        members = place[np.asarray(parts.members[parts.offsets[row] : parts.offsets[row + 1]])]
        members = members[members >= 0]
        if kind in KINDS and members.size >= least:
            inside.append(members)
            named.append(row)
    if not inside:
        return []
    people = np.concatenate(inside)
    ids = np.repeat(parts.table[f.SEGMENT].gather(named).to_numpy(), [len(m) for m in inside])
    told = uplift_by_segment(
        field.outcome[people],
        field.held_out[people],
        ids,
        level=float(lift.level),
        few=int(lift.few),
    )
    names = parts.table.select(f.SEGMENT, f.NAME)
    return (
        told.join(names, on=f.SEGMENT, how="left")
        .sort("shrunk", f.SEGMENT, descending=[True, False], nulls_last=True)
        .to_dicts()
    )


def _told(found: Lift | None) -> dict[str, float] | None:
    if found is None:
        return None
    return {"effect": found.effect, f.LOWER: found.lower, f.UPPER: found.upper}


def _offer(home: Home, campaign: Campaign, field: _Field, found: Persuadables) -> str:
    least = int(settings.load("audiences")["segments"].minimum_people)
    if int(found.mask.sum()) < least:
        raise SegmentTooSmall(least)
    people = pl.DataFrame({f.USER: field.ids, HELD_OUT: field.held_out})
    keep_audience(home, file_of(campaign), people.filter(pl.Series(found.mask)))
    return PREFIX + campaign.id
