"""Campaigns as verbs: made, changed, planned, approved, run and ended, each by somebody who may.

In: a home, an actor, a campaign's id. Out: the campaign as it stands after the verb.
Never: a step skipped, money spent beyond what was approved, or a deed without a line in the log.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import polars as pl

from engine import settings
from engine.errors import InvalidValue, UnknownEntity
from engine.frames import USER
from engine.operations.campaign_audience import (
    choose_people,
    expected_of,
    foresee,
    split_people,
    warning_of,
)
from engine.operations.campaign_fields import put_fields
from engine.operations.campaign_ledger import Occasion as Occasion
from engine.operations.campaign_ledger import audit as audit
from engine.operations.campaign_ledger import kept, opened, ready, visible, who_set
from engine.operations.campaign_ledger import list_campaigns as list_campaigns
from engine.operations.campaign_life import Undetectable, after_change, follow, refuse_bygone
from engine.operations.campaign_steps import Bench, chosen_of, draw_up
from engine.operations.campaign_team import check_responsible, check_team, limit_of, members_now
from engine.operations.members import Actor
from engine.operations.ownership import sees, sees_product
from engine.operations.permissions import may_approve, require
from engine.operations.permits import permitted_now
from engine.store.artefacts import Model, open_model
from engine.store.campaign_audiences import HELD_OUT, drop_audience, keep_audience
from engine.store.campaigns import Campaign as Campaign
from engine.store.campaigns import content_of
from engine.store.home import Home

NEEDED = ("name", "product_id", "goal", "budget", "currency", "start", "end")
SHAPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def create(home: Home, actor: Actor, given: Mapping[str, Any], occasion: Occasion) -> Campaign:
    """Makes a draft from its fields; `id`, `market` and what a plan recommends may be left out.

    Raises:
        Forbidden: the actor may not make campaigns.
        InvalidValue: a field is missing, unknown, or cannot be meant.
        UnknownEntity: currency, team or member is not known, or the product is another team's.
        DuplicateEntity: there is a campaign of this id.
    """
    require(actor, "campaign.create", home)
    for name in NEEDED:
        if given.get(name) is None:
            raise InvalidValue(name, "is missing")
    fields = dict(given)
    id = _id(fields.pop("id", None))
    share = float(settings.load("measurement", home.root)["holdout"].share)
    day = occasion.now.date()
    blank = Campaign(
        id,
        "",
        "",
        "traffic",
        "b2c",
        Decimal(0),
        str(given["currency"]),
        day,
        day,
        actor.name,
        occasion.now,
        share,
    )
    made = _placed(home, actor, put_fields(home, blank, fields), named="team" in given)
    return opened(home, actor, made, occasion)


def _id(given: Any) -> str:
    if given is None:
        return f"c-{secrets.token_hex(6)}"
    if not isinstance(given, str) or not SHAPE.fullmatch(given):
        raise InvalidValue("id", "has 1 to 64 letters, digits, dots, hyphens and underscores")
    return given


def _placed(home: Home, actor: Actor, campaign: Campaign, *, named: bool) -> Campaign:
    """The campaign with team, product and people in charge that its actor may name."""
    if not sees_product(home, actor, campaign.product_id):
        raise UnknownEntity("product", campaign.product_id)
    team = campaign.team
    if team is not None:
        team = check_team(home, team)
        if not sees(home, actor, team):
            raise UnknownEntity("team", team)
    elif not named and not campaign.team and len(actor.teams) == 1:
        team = actor.teams[0]
    placed = replace(campaign, team=team)
    return replace(placed, responsible=check_responsible(home, placed))


def show(home: Home, actor: Actor, id: str) -> Campaign:
    """The campaign as it is now.

    Raises:
        Forbidden: the actor may not read campaigns.
        UnknownEntity: there is none of this id, or it is another team's.
    """
    return visible(home, actor, id, "campaign.read")


def change(
    home: Home, actor: Actor, id: str, given: Mapping[str, Any], occasion: Occasion
) -> Campaign:
    """Puts fields in the place of what they were; what moves money or people undoes the plan.

    A campaign that was planned or approved is a draft again then, and its audience is dropped. A
    change that changes nothing is none.

    Raises:
        Forbidden, UnknownEntity, Outdated: as of all verbs.
        InvalidValue: a field is unknown or cannot be meant.
        Settled: it runs or has ended.
    """
    known = ready(home, actor, id, "campaign.edit", occasion)
    wanted = put_fields(home, known, given)
    wanted = _placed(home, actor, wanted, named=True)
    before, after = content_of(known), content_of(wanted)
    changed = {name for name in after if after[name] != before[name]}
    if not changed:
        return known
    status = after_change(known, changed)
    wanted = replace(wanted, status=status)
    if status != known.status:
        wanted = replace(wanted, plan=None, audience=None, warnings=(), approved_by=None)
    wanted = replace(wanted, chosen=chosen_of(home, wanted))
    changed_now = kept(home, actor, "change", occasion, (known, wanted))
    if status != known.status:
        _drop(home, known)
    return changed_now


def plan(
    home: Home, actor: Actor, id: str, occasion: Occasion, *, model: Model | None = None
) -> Campaign:
    """Plans a draft, or plans anew; the answer holds plan, recommendations and warnings.

    Args:
        model: one that is open already; missing, the champion of the home.

    Raises:
        Forbidden, UnknownEntity, Outdated, OutOfStep: as of all verbs.
        NotTrained: there is no model.
        SegmentTooSmall, PlanInfeasible: as `draw_up`.
        InvalidValue: its days are over; or as `draw_up`.
    """
    known = ready(home, actor, id, "campaign.plan", occasion)
    status = follow(known, "plan")
    refuse_bygone(known, occasion.now.date())
    bench = Bench(home, _model(home, model), occasion.now)
    made = replace(draw_up(bench, known), status=status)
    return kept(home, actor, "plan", occasion, (known, made))


def approve(
    home: Home, actor: Actor, id: str, occasion: Occasion, *, model: Model | None = None
) -> Campaign:
    """Approves a plan and its money, and writes down whom it addresses and who is held out.

    People are chosen now, among those who may be selected now. Above the amount of the settings
    somebody other than the author, and than whoever set amount or currency, approves; where there
    are no members at all, whoever uses the command does.

    Raises:
        Forbidden, UnknownEntity, Outdated, OutOfStep: as of all verbs.
        SelfApproval: the author approves more than they may.
        Undetectable: its effect could not be told from chance, and that was not accepted.
        NotTrained, SegmentTooSmall: there is no model, or the audience has become too small.
        InvalidValue: the plan is of another model, which had other segments, or its days are over.
    """
    known = ready(home, actor, id, "campaign.approve", occasion)
    status = follow(known, "approve")
    refuse_bygone(known, occasion.now.date())
    limit = Decimal(repr(limit_of(home))) if members_now(home) else None
    set_by = (who_set(home, known, field) for field in ("budget", "currency"))
    for name in dict.fromkeys((known.author, *set_by)):
        may_approve(actor, name, known.budget, limit)
    people, told = _audience_now(home, _model(home, model), known, occasion.now)
    warning = warning_of(told)
    if warning and not occasion.accept_undetectable:
        raise Undetectable(warning)
    made = replace(
        known,
        status=status,
        audience=told,
        warnings=(warning,) if warning else (),
        approved_by=actor.name,
    )
    keep_audience(home, told["file"], people)
    try:
        return kept(home, actor, "approve", occasion, (known, made))
    except BaseException:
        drop_audience(home, told["file"])
        raise


def _audience_now(
    home: Home, model: Model, campaign: Campaign, now: datetime
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Who is addressed and who is held out, as things are now, and their numbers."""
    segments = campaign.chosen["audience"]["segments"]
    try:
        rows = choose_people(home, model, campaign, segments)
    except UnknownEntity as error:
        raise InvalidValue(
            "plan", f"the model of now has no {error.kind} {error.id}: plan again"
        ) from None
    people = split_people(home, model, campaign, rows)
    expected = expected_of(campaign.plan or {})
    told = foresee(home, campaign, people[USER], expected=expected, now=now)
    held = int(people[HELD_OUT].sum())
    return people, told | {
        "assigned": people.height - held,
        "held_out": held,
        "model_version": model.version,
        # Of two who approve at once each has a file of their own, and one of them drops it.
        "file": f"{campaign.id}@{secrets.token_hex(6)}",
    }


def start(home: Home, actor: Actor, id: str, occasion: Occasion) -> Campaign:
    """Says that an approved campaign runs.

    Raises:
        Forbidden, UnknownEntity, Outdated, OutOfStep: as of all verbs.
        InvalidValue: its days are over.
    """
    return _moved(home, actor, id, "start", occasion)


def finish(home: Home, actor: Actor, id: str, occasion: Occasion) -> Campaign:
    """Says that a campaign that ran has ended.

    Raises:
        Forbidden, UnknownEntity, Outdated, OutOfStep: as of all verbs.
    """
    return _moved(home, actor, id, "finish", occasion)


def cancel(home: Home, actor: Actor, id: str, occasion: Occasion) -> Campaign:
    """Ends a campaign early; the people of one that never ran are dropped.

    Raises:
        Forbidden, UnknownEntity, Outdated, OutOfStep: as of all verbs.
    """
    return _moved(home, actor, id, "cancel", occasion)


def _moved(home: Home, actor: Actor, id: str, verb: str, occasion: Occasion) -> Campaign:
    known = ready(home, actor, id, f"campaign.{'cancel' if verb == 'cancel' else 'run'}", occasion)
    status = follow(known, verb)
    if verb == "start":
        refuse_bygone(known, occasion.now.date())
    moved = kept(home, actor, verb, occasion, (known, replace(known, status=status)))
    if verb == "cancel" and known.status == "approved":
        _drop(home, known)
    return moved


def _drop(home: Home, campaign: Campaign) -> None:
    file = (campaign.audience or {}).get("file")
    if file is not None:
        drop_audience(home, file)


def _model(home: Home, model: Model | None) -> Model:
    return permitted_now(home, open_model(home)) if model is None else model
