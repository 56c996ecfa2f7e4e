"""How a campaign does: its six steps, planned beside actual, where it is going, what to look at.

In: a home, who asks, a campaign's id, the moment. Out: one answer that pages and programs show.
Never: a figure that results do not tell, or a campaign of another team.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from engine import settings
from engine.errors import ArtefactCorrupt, EngineError
from engine.frames import CHANNEL, DATE, RESULTS, SEGMENT
from engine.measurement.alerts import find_alerts
from engine.measurement.pacing import project
from engine.measurement.results import against_plan
from engine.operations.campaign_ledger import visible
from engine.operations.campaign_lift import lift
from engine.operations.campaign_view import describe, line_of
from engine.operations.intake import compact
from engine.operations.members import Actor
from engine.operations.ownership import sees_product
from engine.operations.permissions import holds
from engine.operations.word_health import word_alert
from engine.store.campaigns import Campaign, read_audit
from engine.store.catalog import open_catalog
from engine.store.home import Home
from engine.store.results import newest

ENDED = ("finished", "cancelled")
RAN = ("running", *ENDED)
TOLD = ("goal", "unit", "interval", "budget", "spent", "expected", "lower", "upper", "basis")
OF_CAMPAIGN = (
    *("id", "name", "product_id", "goal", "market", "status", "budget", "currency"),
    *("start", "end", "days", "team", "author", "responsible", "approved_by", "warnings"),
    *("holdout_share", "version"),
)


@dataclass(frozen=True)
class Wish:
    """What a report is to hold: `detail` every placement and day, `measured` also the lift."""

    now: datetime
    detail: bool = False
    measured: bool = True


def report(home: Home, actor: Actor, id: str, wish: Wish) -> dict[str, Any]:
    """Everything that is known of a campaign, as of now.

    `results`, `pacing` and `alerts` are there as soon as it is planned. `lift` is there once it
    runs, for whom it is meant: the answer of `lift`, or `reason` where nothing can be measured.

    Raises:
        Forbidden: the actor may not read reports.
        UnknownEntity: there is no such campaign, or it is another team's.
    """
    campaign = visible(home, actor, id, "report.read")
    compact(home, RESULTS.name)
    chosen = settings.load("results", home.root)
    told = describe(campaign)
    return {
        "campaign": {name: told[name] for name in OF_CAMPAIGN},
        "made_at": wish.now.astimezone(UTC).isoformat(timespec="seconds"),
        "steps": told["steps"],
        "plan": _plan(campaign),
        **_performance(home, actor, campaign, wish, chosen),
        "lift": _lift(home, actor, campaign, wish),
        "audit": _audit(home, campaign, int(chosen["report"].audit_lines)),
    }


def _plan(campaign: Campaign) -> dict[str, Any] | None:
    if campaign.plan is None:
        return None
    plan = campaign.plan
    return {name: plan.get(name) for name in TOLD} | {
        "notes": list(plan["notes"]),
        "pacing": list(plan["pacing"]),
    }


def _performance(
    home: Home, actor: Actor, campaign: Campaign, wish: Wish, chosen: dict[str, settings.Section]
) -> dict[str, Any]:
    if campaign.plan is None or not campaign.plan["pacing"]:
        return {"results": None, "pacing": None, "alerts": []}
    plan, today = dict(campaign.plan), wish.now.astimezone(UTC).date()
    rows = newest(home, campaign=campaign.id)
    found = against_plan(plan, rows, today=today, settings=chosen["pacing"])
    ended = _ended(home, campaign)
    pacing = project(found, plan, today=today, settings=chosen["pacing"], ended=ended)
    alerts = find_alerts(found, plan, today=today, settings=chosen)
    if campaign.status != "running":
        alerts = [one for one in alerts if one["kind"] != "silence"]
    elif sees_product(home, actor, campaign.product_id):
        alerts += _word(home, campaign, wish.now)
    return {"results": _results(found, rows, wish), "pacing": pacing, "alerts": alerts}


def _word(home: Home, campaign: Campaign, now: datetime) -> list[dict[str, Any]]:
    """What people say of the product, where it alerts: money spreads that word too."""
    try:
        found = word_alert(home, campaign.product_id, now=now)
    except ArtefactCorrupt:  # `retrain` and `word` tell of it; results are told all the same
        return []
    if found is None:
        return []
    share, earlier = found["negative_share"], found["earlier_share"]
    against = earlier["value"] if earlier else found["limit"]
    figures = {"value": share["value"], "against": against}
    place = {"kind": "word", CHANNEL: None, SEGMENT: None}
    return [place | figures | {"says": one["says"]} for one in found["reasons"]]


def _ended(home: Home, campaign: Campaign) -> date | None:
    """The day on which it was finished or cancelled; None while it goes on."""
    if campaign.status not in ENDED:
        return None
    with open_catalog(home) as catalog:
        return read_audit(catalog, campaign.id)[-1].at.astimezone(UTC).date()


def _results(found: dict[str, Any], rows: pl.DataFrame, wish: Wish) -> dict[str, Any]:
    frames = ("days", "placements", "placement_days")
    told = {name: value for name, value in found.items() if name not in frames}
    told |= {"rows": rows.height, "cells": found["placement_days"].height}
    return told | {name: _rows(found[name]) for name in (frames if wish.detail else frames[:2])}


def _rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    dated = [pl.col(DATE).cast(pl.String)] if DATE in frame.columns else []
    return frame.with_columns(dated).to_dicts()


def _lift(home: Home, actor: Actor, campaign: Campaign, wish: Wish) -> dict[str, Any] | None:
    if not wish.measured or campaign.status not in RAN or not holds(home, actor, "lift.read"):
        return None
    try:
        return lift(home, actor, campaign.id, now=wish.now)
    except EngineError as error:  # a report says why nothing was measured, and goes on
        return {"reason": str(error)}


def _audit(home: Home, campaign: Campaign, most: int) -> list[dict[str, Any]]:
    """The last lines of its log, the newest first, without what changed within them."""
    with open_catalog(home) as catalog:
        lines = read_audit(catalog, campaign.id)[-most:] if most else []
    kept = ("number", "version", "at", "who", "what")
    told = [line_of(entry) for entry in reversed(lines)]
    return [
        {name: line[name] for name in kept} | {"fields": sorted({*line["before"], *line["after"]})}
        for line in told
    ]
