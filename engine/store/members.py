"""Members and teams as rows: who works here, what teams own, and when they work.

In: names, roles, products, hours. Out: the same, folded names unique for ever.
Never: a row of a member deleted, since records of what they did name them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from engine.frames import PRODUCT
from engine.store.catalog import KEYS, TABLES, Catalog, in_utc

CHANGING = 0x6F726773
"""Any constant does: PostgreSQL's advisory locks are numbers."""
_ONE_LETTER = str.maketrans({"ي": "ی", "ك": "ک", "\u200c": None, "\u200d": None})

MEMBERS = sa.Table(
    "members",
    TABLES,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("folded", sa.String(256), nullable=False, unique=True),
    sa.Column("display", sa.String(200), nullable=False),
    sa.Column("role", sa.String(20), nullable=False),
    sa.Column("email", sa.String(254)),
    sa.Column(
        "added_at",
        sa.DateTime(timezone=True),
        nullable=False,
        server_default=sa.func.current_timestamp(),
    ),
    sa.Column("removed_at", sa.DateTime(timezone=True)),
)

TEAMS = sa.Table(
    "teams",
    TABLES,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("folded", sa.String(256), nullable=False, unique=True),
    sa.Column("zone", sa.String(64), nullable=False),
    sa.Column(
        "created_at",
        sa.DateTime(timezone=True),
        nullable=False,
        server_default=sa.func.current_timestamp(),
    ),
)


def _team() -> sa.Column[int]:
    team = sa.ForeignKey("teams.id", ondelete="CASCADE")
    return sa.Column("team_id", sa.Integer, team, primary_key=True)


TEAM_MEMBERS = sa.Table(
    "team_members",
    TABLES,
    _team(),
    sa.Column("member_id", sa.Integer, sa.ForeignKey("members.id"), primary_key=True, index=True),
)

TEAM_PRODUCTS = sa.Table(
    "team_products",
    TABLES,
    _team(),
    sa.Column(PRODUCT, sa.String(256), primary_key=True, index=True),
)

TEAM_HOURS = sa.Table(
    "team_hours",
    TABLES,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column(
        "team_id",
        sa.Integer,
        sa.ForeignKey("teams.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    sa.Column("member_id", sa.Integer, sa.ForeignKey("members.id")),
    sa.Column("weekday", sa.Integer, nullable=False),
    sa.Column("start", sa.Integer, nullable=False),
    sa.Column("stop", sa.Integer, nullable=False),
)


@dataclass(frozen=True)
class MemberRow:
    """A member; one who was removed has neither e-mail nor teams."""

    id: int
    name: str
    display: str
    role: str
    email: str | None
    added_at: datetime
    removed_at: datetime | None
    teams: tuple[str, ...] = ()


@dataclass(frozen=True)
class Hours:
    """Working time on one weekday (0 Monday), minutes of the day; of everybody, or one member."""

    weekday: int
    start: int
    stop: int
    member: str | None = None


@dataclass(frozen=True)
class TeamRow:
    """A team; members and products by name and id, hours in the team's time zone."""

    id: int
    name: str
    zone: str
    created_at: datetime
    members: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    hours: tuple[Hours, ...] = ()


def folded(name: str) -> str:
    """What two spellings of one name share: case, width, blanks, Persian and Arabic letters."""
    plain = unicodedata.normalize("NFKC", name).translate(_ONE_LETTER).casefold()
    return " ".join(plain.split())


@contextmanager
def changing(catalog: Catalog) -> Iterator[Connection]:
    """One transaction at a time, so that what was looked at still holds when it is written."""
    with catalog.transaction() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(CHANGING)))
        yield connection


def find_members(connection: Connection, name: str | None = None) -> list[MemberRow]:
    """Members by folded name, removed ones too; only the one of a name where it is given."""
    query = MEMBERS.select()
    belongs = sa.select(TEAM_MEMBERS.c.member_id, TEAMS.c.name).join(
        TEAMS, TEAMS.c.id == TEAM_MEMBERS.c.team_id
    )
    if name is not None:
        query = query.where(MEMBERS.c.folded == folded(name))
        wanted = sa.select(MEMBERS.c.id).where(MEMBERS.c.folded == folded(name))
        belongs = belongs.where(TEAM_MEMBERS.c.member_id.in_(wanted))
    teams: dict[int, list[str]] = {}
    for member, team in connection.execute(belongs):
        teams.setdefault(member, []).append(team)
    found = [_member(row, teams.get(row.id, [])) for row in connection.execute(query)]
    return sorted(found, key=lambda row: folded(row.name))  # databases sort each in their own way


def _member(row: Row[Any], teams: Iterable[str]) -> MemberRow:
    removed = in_utc(row.removed_at) if row.removed_at else None
    added = in_utc(row.added_at)
    return MemberRow(
        row.id, row.name, row.display, row.role, row.email, added, removed, in_order(teams)
    )


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Names as lists show them."""
    return tuple(sorted(names, key=folded))


def add_member(
    connection: Connection, name: str, *, role: str, display: str, email: str | None
) -> None:
    """A new member, whose name nobody has or had."""
    row = {"name": name, "folded": folded(name), "display": display, "role": role, "email": email}
    connection.execute(MEMBERS.insert().values(**row))


def change_member(connection: Connection, id: int, **values: str | None) -> None:
    """Puts values of `role`, `display` and `email` over those of a member."""
    if values:
        connection.execute(MEMBERS.update().where(MEMBERS.c.id == id).values(**values))


def remove_member(connection: Connection, member: MemberRow) -> int:
    """Ends a member: keys end, teams are left, only name and role stay; returns ended keys."""
    now = sa.func.current_timestamp()
    gone = {"removed_at": now, "display": member.name, "email": None}
    connection.execute(MEMBERS.update().where(MEMBERS.c.id == member.id).values(**gone))
    for table in (TEAM_MEMBERS, TEAM_HOURS):
        connection.execute(table.delete().where(table.c.member_id == member.id))
    ended = KEYS.update().where(KEYS.c.member == member.name, KEYS.c.revoked_at.is_(None))
    return connection.execute(ended.values(revoked_at=now)).rowcount


def find_teams(connection: Connection, name: str | None = None) -> list[TeamRow]:
    """Teams by folded name, with all that belongs to them; only the one of a name if given."""
    query = TEAMS.select()
    if name is not None:
        query = query.where(TEAMS.c.folded == folded(name))
    found = [_team_row(connection, row) for row in connection.execute(query).all()]
    return sorted(found, key=lambda row: folded(row.name))


def _team_row(connection: Connection, row: Row[Any]) -> TeamRow:
    names = (
        sa.select(MEMBERS.c.name)
        .join(TEAM_MEMBERS, TEAM_MEMBERS.c.member_id == MEMBERS.c.id)
        .where(TEAM_MEMBERS.c.team_id == row.id)
    )
    owned = sa.select(TEAM_PRODUCTS.c[PRODUCT]).where(TEAM_PRODUCTS.c.team_id == row.id)
    part = TEAM_HOURS.c
    hours = (
        sa.select(part.weekday, part.start, part.stop, MEMBERS.c.name)
        .join(MEMBERS, MEMBERS.c.id == part.member_id, isouter=True)
        .where(part.team_id == row.id)
    )
    return TeamRow(
        row.id,
        row.name,
        row.zone,
        in_utc(row.created_at),
        in_order(connection.execute(names).scalars()),
        tuple(sorted(connection.execute(owned).scalars())),
        tuple(sorted((Hours(*found) for found in connection.execute(hours)), key=_in_order)),
    )


def _in_order(hours: Hours) -> tuple[str, int, int]:
    return folded(hours.member or ""), hours.weekday, hours.start


def add_team(connection: Connection, name: str, *, zone: str) -> TeamRow:
    """A new team, whose name no other has."""
    row = {"name": name, "folded": folded(name), "zone": zone}
    connection.execute(TEAMS.insert().values(**row))
    return find_teams(connection, name)[0]


def change_zone(connection: Connection, team: TeamRow, zone: str) -> None:
    """Puts a team's hours on another clock."""
    connection.execute(TEAMS.update().where(TEAMS.c.id == team.id).values(zone=zone))


def remove_team(connection: Connection, team: TeamRow) -> None:
    """Ends a team; what it owned is nobody's then."""
    for table in (TEAM_MEMBERS, TEAM_PRODUCTS, TEAM_HOURS):
        connection.execute(table.delete().where(table.c.team_id == team.id))
    connection.execute(TEAMS.delete().where(TEAMS.c.id == team.id))


def set_members(connection: Connection, team: TeamRow, members: Iterable[MemberRow]) -> None:
    """Who is in a team from now on; own hours of who left it go."""
    ids = sorted({member.id for member in members})
    part = TEAM_HOURS.c
    left = sa.and_(part.member_id.is_not(None), part.member_id.not_in(ids))
    connection.execute(TEAM_HOURS.delete().where(part.team_id == team.id, left))
    _replace(connection, TEAM_MEMBERS, team, [{"member_id": id} for id in ids])


def set_products(connection: Connection, team: TeamRow, products: Iterable[str]) -> None:
    """What a team owns from now on; other teams may own the same."""
    _replace(connection, TEAM_PRODUCTS, team, [{PRODUCT: id} for id in sorted(set(products))])


def set_hours(connection: Connection, team: TeamRow, hours: Iterable[Hours]) -> None:
    """When a team works from now on; members named are in it."""
    ids = {row.name: row.id for row in find_members(connection)}
    rows = [
        {
            "member_id": ids[one.member] if one.member else None,
            "weekday": one.weekday,
            "start": one.start,
            "stop": one.stop,
        }
        for one in hours
    ]
    _replace(connection, TEAM_HOURS, team, rows)


def _replace(
    connection: Connection, table: sa.Table, team: TeamRow, rows: list[dict[str, Any]]
) -> None:
    connection.execute(table.delete().where(table.c.team_id == team.id))
    if rows:
        connection.execute(table.insert(), [row | {"team_id": team.id} for row in rows])


def find_owners(connection: Connection, product_id: str) -> tuple[str, ...]:
    """Names of the teams that own a product, in their order."""
    query = (
        sa.select(TEAMS.c.name)
        .join(TEAM_PRODUCTS, TEAM_PRODUCTS.c.team_id == TEAMS.c.id)
        .where(TEAM_PRODUCTS.c[PRODUCT] == product_id)
    )
    return in_order(connection.execute(query).scalars())


def find_owned(connection: Connection) -> list[tuple[str, str]]:
    """Team and product of all that is owned."""
    query = sa.select(TEAMS.c.name, TEAM_PRODUCTS.c[PRODUCT]).join(
        TEAM_PRODUCTS, TEAM_PRODUCTS.c.team_id == TEAMS.c.id
    )
    return [(team, product) for team, product in connection.execute(query)]
