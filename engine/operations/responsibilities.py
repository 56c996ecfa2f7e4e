"""Who answers for which step of a campaign, and who may.

In: a home, steps and names. Out: a judgement, or those who promote.
Never: a step that `configs/roles.toml` does not name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.errors import InvalidValue
from engine.operations.members import actor_of
from engine.operations.ownership import sees
from engine.operations.permissions import Actor, holds, permissions
from engine.store.catalog import open_catalog
from engine.store.home import Home
from engine.store.members import TeamRow, find_members, folded

STEP = "step."
PROMOTION = "promotion"


def steps(home: Home) -> tuple[str, ...]:
    """The steps somebody can be responsible for, in the order of a campaign."""
    rows = permissions(home)
    return tuple(row.removeprefix(STEP) for row in rows if row.startswith(STEP))


def may_take(home: Home, member: str, step: str, *, team: str | None) -> str:
    """The member's name as it is kept, where they may be responsible for a step.

    They need a role that `configs/roles.toml` gives the step to, and must see what is the team's:
    be in it, or see all teams. What is no team's anybody may take.

    Raises:
        UnknownEntity: there is no such member.
        InvalidValue: there is no such step, or it is not for this member.
    """
    if step not in steps(home):
        raise InvalidValue("step", f"{step!r} is none; known: {', '.join(steps(home))}")
    actor = actor_of(home, member)
    if not holds(home, actor, STEP + step):
        detail = f"{actor.name!r} cannot be responsible for {step}: the role {actor.role} is not"
        raise InvalidValue("responsible", f"{detail} given it by configs/roles.toml")
    if not sees(home, actor, team):
        raise InvalidValue("responsible", f"{actor.name!r} is not in the team {team!r}")
    return actor.name


def promoters(
    home: Home, team: TeamRow, responsible: Mapping[str, str | Sequence[str]] | None = None
) -> tuple[str, ...]:
    """Who of a team promotes: whom a campaign names for that step, else all whose role may.

    Args:
        home: whose roles count.
        team: whose members are looked at.
        responsible: a member, or several, by step, as a campaign keeps them.

    Returns:
        Names in their order; those who are named but no longer may are not among them.
    """
    named = (responsible or {}).get(PROMOTION) or team.members
    wanted = {folded(name) for name in ([named] if isinstance(named, str) else named)}
    with open_catalog(home) as catalog, catalog.transaction() as connection:
        rows = [row for row in find_members(connection) if row.removed_at is None]
    actors = [Actor(row.name, row.role, row.teams) for row in rows if folded(row.name) in wanted]
    return tuple(
        actor.name
        for actor in actors
        if holds(home, actor, STEP + PROMOTION) and sees(home, actor, team.name)
    )
