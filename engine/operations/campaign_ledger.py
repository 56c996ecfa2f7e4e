"""How verbs read and write campaigns: what somebody may see, as it was read, with its line of log.

In: a home, an actor, an id; a campaign before and after. Out: the campaign as it is kept.
Never: a hint at what is another team's, or a write over a change that was not read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from hashlib import sha256
from typing import Any

import pydantic_core
from sqlalchemy.engine import Connection

from engine.errors import InvalidValue, UnknownEntity, shown
from engine.operations.campaign_life import STATES, Outdated
from engine.operations.campaign_money import total_of
from engine.operations.members import Actor
from engine.operations.ownership import sees
from engine.operations.permissions import require
from engine.store.campaigns import (
    Campaign,
    Deed,
    Entry,
    add_campaign,
    campaign_ids,
    content_of,
    find_campaign,
    page_of_campaigns,
    read_audit,
    replace_campaign,
)
from engine.store.catalog import open_catalog
from engine.store.home import Home

AT_ONCE = 200
LARGE = ("plan", "recommended")
"""Fields that the log names by a digest; the campaign holds them."""


@dataclass(frozen=True)
class Occasion:
    """When a verb is said, and what is to hold for it.

    `version` is the one that was read: another one now is an error. `also` is done in the same
    transaction, with the campaign as it is then. `accept_undetectable` approves a campaign whose
    effect could not be told from chance.
    """

    now: datetime
    version: int | None = None
    also: Callable[[Connection, Campaign], None] | None = None
    accept_undetectable: bool = False


def visible(home: Home, actor: Actor, id: str, permission: str) -> Campaign:
    """The campaign, where the actor's role has the permission and the campaign is for their eyes.

    Raises:
        Forbidden: the role has not.
        UnknownEntity: there is none of this id, or it is another team's.
    """
    require(actor, permission, home)
    with open_catalog(home) as catalog:
        found = find_campaign(catalog, id)
        if found is not None and sees(home, actor, found.team):
            return found
        known = campaign_ids(catalog)
    eyes = {team: sees(home, actor, team) for team in {team for _, team in known}}
    near = get_close_matches(id, [one for one, team in known if eyes[team]], 5)
    raise UnknownEntity("campaign", id, tuple(near))


def ready(home: Home, actor: Actor, id: str, permission: str, occasion: Occasion) -> Campaign:
    """The same, as it was read.

    Raises:
        Outdated: it was changed since the version that the occasion names.
    """
    found = visible(home, actor, id, permission)
    if occasion.version is not None and occasion.version != found.version:
        raise Outdated(id, occasion.version, found.version)
    return found


def opened(home: Home, actor: Actor, made: Campaign, occasion: Occasion) -> Campaign:
    """Keeps a new campaign.

    Raises:
        DuplicateEntity: there is one of this id.
    """
    with open_catalog(home) as catalog:
        add_campaign(catalog, made, _deed(actor, "create", occasion, {}, _told(made)))
    return made


def kept(
    home: Home, actor: Actor, what: str, occasion: Occasion, pair: tuple[Campaign, Campaign]
) -> Campaign:
    """Puts the second of a pair in the place of the first, and writes down what differs.

    Raises:
        Outdated: another change came first.
    """
    before, after = map(_told, pair)
    differs = [name for name in after if after[name] != before[name]]
    deed = _deed(
        actor,
        what,
        occasion,
        {name: before[name] for name in differs},
        {name: after[name] for name in differs},
    )
    with open_catalog(home) as catalog:
        found = replace_campaign(catalog, pair[1], deed)
    if found is None:
        raise Outdated(pair[0].id, pair[0].version, None)
    return found


def _deed(
    actor: Actor, what: str, occasion: Occasion, before: dict[str, Any], after: dict[str, Any]
) -> Deed:
    return Deed(actor.name, what, occasion.now, before, after, occasion.also)


def _told(campaign: Campaign) -> dict[str, Any]:
    """Fields as the log holds them: what is large by its digest, a plan with what it spends."""
    told = content_of(campaign)
    for name in LARGE:
        if told[name]:
            digest = sha256(pydantic_core.to_json(told[name], inf_nan_mode="null")).hexdigest()
            told[name] = {"sha256": digest}
    if campaign.plan:
        told["plan"]["spent"] = str(total_of(campaign.plan))
    return told


def list_campaigns(
    home: Home, actor: Actor, *, before: int | None = None, most: int, status: str | None = None
) -> tuple[list[Campaign], int | None]:
    """Campaigns for the actor's eyes, newest first, and below which number the next page begins.

    Raises:
        Forbidden: the role may not read campaigns.
        InvalidValue: there is no such state.
    """
    require(actor, "campaign.read", home)
    if status is not None and status not in STATES:
        raise InvalidValue("status", f"{shown(status)!r} is not known; known: {', '.join(STATES)}")
    eyes: dict[str | None, bool] = {}
    found: list[tuple[int, Campaign]] = []
    with open_catalog(home) as catalog:
        while len(found) <= most:
            rows = page_of_campaigns(catalog, before=before, most=AT_ONCE, status=status)
            for team in {campaign.team for _, campaign in rows} - set(eyes):
                eyes[team] = sees(home, actor, team)
            found += [(number, campaign) for number, campaign in rows if eyes[campaign.team]]
            if len(rows) < AT_ONCE:
                break
            before = rows[-1][0]
    more = found[most - 1][0] if len(found) > most else None
    return [campaign for _, campaign in found[:most]], more


def who_set(home: Home, campaign: Campaign, field: str) -> str:
    """Who gave a field the value that it has: the author, or who changed it last."""
    with open_catalog(home) as catalog:
        lines = read_audit(catalog, campaign.id)
    said = [line.who for line in lines if line.what == "change" and field in line.after]
    return said[-1] if said else campaign.author


def audit(
    home: Home, actor: Actor, id: str, *, after: int = 0, most: int | None = None
) -> Sequence[Entry]:
    """Lines of a campaign's log, oldest first.

    Raises:
        Forbidden, UnknownEntity: as `visible`.
    """
    visible(home, actor, id, "campaign.read")
    with open_catalog(home) as catalog:
        return read_audit(catalog, id, after=after, most=most)
