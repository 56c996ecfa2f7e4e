"""Who does what in a campaign: members by step, as roles and teams allow it.

In: a campaign and the members of a home. Out: a member for each step, and who may approve.
Never: a member in charge of a step that their role may not do.
"""

from __future__ import annotations

from engine import settings
from engine.errors import UnknownEntity
from engine.operations.campaign_fields import STEPS
from engine.operations.permissions import permitted
from engine.operations.responsibilities import may_take
from engine.store.campaigns import Campaign
from engine.store.catalog import open_catalog
from engine.store.home import Home
from engine.store.members import MemberRow, find_members, find_teams, folded

APPROVAL = "campaign.approve"


def members_now(home: Home) -> list[MemberRow]:
    """Members who were not removed, by name."""
    with open_catalog(home) as catalog, catalog.transaction() as connection:
        found = find_members(connection)
    return sorted((row for row in found if row.removed_at is None), key=lambda row: row.name)


def recommend_team(home: Home, campaign: Campaign) -> dict[str, str]:
    """A member for each step, and for `approval` one who is not the author.

    The author does what their role may; else the first of the campaign's team by name who may.
    Without members the author does everything.
    """
    members = members_now(home)
    if not members:
        return dict.fromkeys(STEPS, campaign.author)
    may = {row.name: permitted(home, row.role) for row in members}
    near = sorted(members, key=lambda row: (row.name != campaign.author, not _of(campaign, row)))
    found = {}
    for step in STEPS:
        able = [row.name for row in near if f"step.{step}" in may[row.name]]
        if able:
            found[step] = able[0]
    others = [row.name for row in near if row.name != campaign.author]
    able = [name for name in others if APPROVAL in may[name]]
    return found | ({"approval": able[0]} if able else {})


def _of(campaign: Campaign, row: MemberRow) -> bool:
    return campaign.team is not None and folded(campaign.team) in map(folded, row.teams)


def check_responsible(home: Home, campaign: Campaign) -> dict[str, str]:
    """Who is responsible for which step, each name as the member is called.

    Raises:
        UnknownEntity: there is no such member.
        InvalidValue: the member's role may not do the step, or they do not see the campaign.
    """
    return {
        step: may_take(home, name, step, team=campaign.team)
        for step, name in campaign.responsible.items()
    }


def check_team(home: Home, team: str) -> str:
    """The name of a team as it is kept.

    Raises:
        UnknownEntity: there is none.
    """
    with open_catalog(home) as catalog, catalog.transaction() as connection:
        found = find_teams(connection, team)
    if not found:
        raise UnknownEntity("team", team)
    return found[0].name


def limit_of(home: Home) -> float:
    """The amount above which somebody other than the author approves."""
    return float(settings.load("campaigns", home.root)["approval"].above)
