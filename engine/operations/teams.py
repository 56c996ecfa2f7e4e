"""Teams: who is in them, what they own, when they work.

In: a home, who acts, a team and what becomes of it. Out: teams as they are kept.
Never: a difference between a team that does not exist and one that somebody may not see.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.engine import Connection

from engine.errors import DuplicateEntity, InvalidValue, UnknownEntity
from engine.operations.members import read_name, working
from engine.operations.ownership import Bounds as Bounds
from engine.operations.ownership import bounds_of as bounds_of
from engine.operations.ownership import owners_of as owners_of
from engine.operations.ownership import sees as sees
from engine.operations.ownership import sees_product as sees_product
from engine.operations.permissions import Actor, holds, require
from engine.operations.working_hours import joined, told_hours
from engine.planning.calendars import UTC_ZONE, choose_calendar
from engine.store import members as kept
from engine.store.catalog import open_catalog
from engine.store.home import Home
from engine.store.members import Hours, TeamRow, changing, find_teams, folded

WRITE = "teams.write"
LONGEST_ID = 256


@dataclass(frozen=True)
class TeamChange:
    """What becomes of a team; what is not named stays.

    `hours` take the place of those of `hours_of`, a member; without one, of those that are
    everybody's who has none of their own.
    """

    zone: str | None = None
    join: tuple[str, ...] = ()
    leave: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    disown: tuple[str, ...] = ()
    hours: tuple[Hours, ...] | None = None
    hours_of: str | None = None


@dataclass(frozen=True)
class TeamShape:
    """All of a team but its name."""

    zone: str = UTC_ZONE
    members: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    hours: tuple[Hours, ...] = ()


def list_teams(home: Home, actor: Actor) -> list[dict[str, Any]]:
    """The teams that are for the actor's eyes, by name."""
    with open_catalog(home) as catalog, catalog.transaction() as connection:
        rows = find_teams(connection)
    return [told_team(row) for row in rows if _sees(home, actor, row.name)]


def show_team(home: Home, actor: Actor, name: str) -> dict[str, Any]:
    """One team.

    Raises:
        UnknownEntity: there is none of this name for the actor's eyes.
    """
    return told_team(team_of(home, actor, name))


def team_of(home: Home, actor: Actor, name: str) -> TeamRow:
    """A team as it is kept, for other verbs.

    Raises:
        UnknownEntity: there is none of this name for the actor's eyes.
    """
    with open_catalog(home) as catalog, catalog.transaction() as connection:
        found = find_teams(connection, name)
    if not found or not _sees(home, actor, found[0].name):
        raise UnknownEntity("team", name)
    return found[0]


def _sees(home: Home, actor: Actor, name: str) -> bool:
    return sees(home, actor, name) or holds(home, actor, WRITE)


def told_team(row: TeamRow) -> dict[str, Any]:
    """A team as answers tell of it."""
    return {
        "name": row.name,
        "zone": row.zone,
        "members": list(row.members),
        "products": list(row.products),
        "hours": told_hours(row.hours),
        "created_at": row.created_at.isoformat(),
    }


def create_team(home: Home, actor: Actor, name: str, *, zone: str = UTC_ZONE) -> dict[str, Any]:
    """Makes a team that is empty.

    Raises:
        Forbidden: the actor may not write teams.
        DuplicateEntity: a team has this name, spelled so or alike.
        InvalidValue: the name cannot be kept, or nobody knows the time zone.
    """
    require(actor, WRITE, home)
    name, zone = read_name(name), _zone(zone)
    with open_catalog(home) as catalog, changing(catalog) as connection:
        if known := find_teams(connection, name):
            raise DuplicateEntity("team", known[0].name)
        return told_team(kept.add_team(connection, name, zone=zone))


def put_team(home: Home, actor: Actor, name: str, shape: TeamShape) -> dict[str, Any]:
    """Makes a team what the shape says, whether or not there was one; what it lacks goes.

    Raises:
        Forbidden: the actor may not write teams.
        UnknownEntity: somebody in it is no member.
        InvalidValue: a value cannot be kept, or hours are of somebody who is not in it.
    """
    require(actor, WRITE, home)
    name, zone = read_name(name), _zone(shape.zone)
    with open_catalog(home) as catalog, changing(catalog) as connection:
        known = find_teams(connection, name)
        row = known[0] if known else kept.add_team(connection, name, zone=zone)
        return told_team(_save(connection, row, replace(shape, zone=zone)))


def change_team(home: Home, actor: Actor, name: str, change: TeamChange) -> dict[str, Any]:
    """Changes what is named, and leaves the rest.

    Raises:
        Forbidden: the actor may not write teams.
        UnknownEntity: there is no such team or member, or somebody leaves who is not in it, or a
            product is given up that it does not own.
        InvalidValue: a value cannot be kept, or hours are of somebody who is not in it.
    """
    require(actor, WRITE, home)
    with open_catalog(home) as catalog, changing(catalog) as connection:
        known = find_teams(connection, name)
        if not known:
            raise UnknownEntity("team", name)
        return told_team(_save(connection, known[0], _changed(connection, known[0], change)))


def _changed(connection: Connection, row: TeamRow, change: TeamChange) -> TeamShape:
    here = {folded(member): member for member in row.members}
    for one in change.join:
        joining = working(connection, one).name
        here[folded(joining)] = joining
    for one in change.leave:
        if here.pop(folded(one), None) is None:
            raise UnknownEntity("member", one, tuple(here.values())[:5])
    owned = {*row.products, *change.own}
    for product in change.disown:
        if product not in owned:
            raise UnknownEntity("product", product)
        owned.remove(product)
    hours, whose = row.hours, folded(change.hours_of or "")
    if change.hours is not None:
        left = [one for one in hours if folded(one.member or "") != whose]
        new = [replace(one, member=change.hours_of) for one in change.hours]
        hours = (*left, *new)
    hours = tuple(one for one in hours if one.member is None or _is_new(one, change, here))
    zone = row.zone if change.zone is None else _zone(change.zone)
    return TeamShape(zone, tuple(here.values()), tuple(owned), hours)


def _is_new(one: Hours, change: TeamChange, here: dict[str, str]) -> bool:
    """Hours of who has left go with them; hours that were just given are judged like any."""
    whose = folded(one.member or "")
    return whose in here or whose == folded(change.hours_of or "")


def _save(connection: Connection, row: TeamRow, shape: TeamShape) -> TeamRow:
    members = [working(connection, name) for name in shape.members]
    names = {folded(member.name): member.name for member in members}
    for one in shape.hours:
        if one.member is not None and folded(one.member) not in names:
            raise InvalidValue("hours", f"{one.member!r} is not in the team")
    hours = joined(
        replace(one, member=names[folded(one.member)]) if one.member else one for one in shape.hours
    )
    kept.change_zone(connection, row, shape.zone)
    kept.set_members(connection, row, members)
    kept.set_products(connection, row, (_product(id) for id in shape.products))
    kept.set_hours(connection, row, hours)
    return find_teams(connection, row.name)[0]


def _zone(name: str) -> str:
    return choose_calendar({}, zone=name).zone


def _product(id: str) -> str:
    plain = all(ord(sign) >= 32 and ord(sign) != 127 for sign in id)
    if not id or not plain or len(id.encode("utf-8", "replace")) > LONGEST_ID:
        raise InvalidValue("products", f"an id is 1 to {LONGEST_ID} bytes without control signs")
    return id


def remove_team(home: Home, actor: Actor, name: str) -> dict[str, Any]:
    """Ends a team. What it owned is nobody's; its campaigns stay for who sees those of all teams.

    Raises:
        Forbidden: the actor may not write teams.
        UnknownEntity: there is no such team.
    """
    require(actor, WRITE, home)
    with open_catalog(home) as catalog, changing(catalog) as connection:
        known = find_teams(connection, name)
        if not known:
            raise UnknownEntity("team", name)
        kept.remove_team(connection, known[0])
    return {"removed": known[0].name}
