"""The week's work of a campaign: its posts, shared among those of its team who promote.

In: a home, who asks, a campaign. Out: who posts what when. Never: a campaign that is not for the
actor's eyes, or posts of a plan that was not made.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from engine.errors import InvalidValue
from engine.operations.campaigns import show
from engine.operations.permissions import Actor
from engine.operations.teams import team_of
from engine.operations.workplan import work_of_week
from engine.store.campaigns import Campaign
from engine.store.home import Home

STARTS = "starts_at"


def work_of_campaign(home: Home, actor: Actor, id: str) -> dict[str, Any]:
    """Who of the campaign's team posts what when, in its first week; the others are like it.

    Who was made responsible for promotion by hand posts alone; else all of the team who may.
    Posts that were chosen by weekday and hour lie on the clock of the plan's posts, or, where it
    has none, on the team's.

    Returns:
        As `work_of_week`, with the `campaign`. No hour outside of the campaign's days is proposed.

    Raises:
        Forbidden: the actor may not read campaigns.
        UnknownEntity: there is no such campaign for the actor's eyes.
        InvalidValue: it is no team's, or was not planned yet.
    """
    campaign = show(home, actor, id)
    if campaign.team is None:
        raise InvalidValue("team", f"{campaign.id!r} is no team's: give it to one first")
    if campaign.plan is None:
        raise InvalidValue("plan", f"{campaign.id!r} is not planned yet")
    team = team_of(home, actor, campaign.team)
    plan = {
        "schedule": _posts(campaign, ZoneInfo(team.zone)),
        "start": campaign.start.isoformat(),
        "days": campaign.days,
    }
    found = work_of_week(home, actor, team.name, plan, responsible=campaign.responsible)
    return {"campaign": campaign.id, **found}


def _posts(campaign: Campaign, zone: tzinfo) -> list[dict[str, Any]]:
    planned = list((campaign.plan or {}).get("schedule", ()))
    if not campaign.schedule:
        return [dict(post) for post in planned]
    clock = datetime.fromisoformat(planned[0][STARTS]).tzinfo if planned else None
    return [_dated(campaign, post, clock or zone) for post in campaign.schedule]


def _dated(campaign: Campaign, post: Mapping[str, Any], clock: tzinfo) -> dict[str, Any]:
    """A post by weekday and hour, on the first such day of the campaign."""
    ahead = (int(post["weekday"]) - campaign.start.weekday()) % 7
    at = datetime.combine(campaign.start + timedelta(days=ahead), time(int(post["hour"])), clock)
    return {"segment_id": None, **post, STARTS: at.isoformat()}
