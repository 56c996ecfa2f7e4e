"""Campaigns as they are kept, and the log of all that was done to them.

In: campaigns, and who did what to them. Out: the same, newest version or page by page.
Never: a change without its line in the log, or a line that anything changes or removes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from engine.errors import DuplicateEntity
from engine.store.catalog import TABLES, Catalog, in_utc

CAMPAIGNS = sa.Table(
    "campaigns",
    TABLES,
    sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("id", sa.String(64), nullable=False, unique=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("team", sa.String(200)),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("content", sa.JSON, nullable=False),
    sqlite_autoincrement=True,
)

AUDIT = sa.Table(
    "campaign_audit",
    TABLES,
    sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("campaign_id", sa.String(64), nullable=False, index=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("who", sa.String(200), nullable=False),
    sa.Column("what", sa.String(32), nullable=False),
    sa.Column("before", sa.JSON, nullable=False),
    sa.Column("after", sa.JSON, nullable=False),
    sqlite_autoincrement=True,
)

ALONE = ("id", "version", "status", "team", "created_at")
"""Fields that have columns of their own; all others are the content."""


@dataclass(frozen=True)
class Campaign:
    """One campaign as it stands: what is wanted, what was recommended, what was chosen.

    `channels` and `segments` are empty where the recommended ones are taken. `locks` hold money
    by `channel` or `channel/segment_id`, as exact decimals in text. `recommended` and `chosen`
    are by step; `plan` is the answer of `make_plan` with its money settled to the smallest unit
    of the currency; `audience` are its numbers, never its people. `version` rises by one with
    each change.
    """

    id: str
    name: str
    product_id: str
    goal: str
    market: str  # b2c or b2b
    budget: Decimal
    currency: str  # ISO 4217
    start: date
    end: date  # the last day, which belongs to it
    author: str
    created_at: datetime
    holdout_share: float
    channels: tuple[str, ...] = ()
    team: str | None = None
    segments: tuple[str, ...] = ()
    exclusions: tuple[str, ...] = ()
    locks: Mapping[str, str] = field(default_factory=dict)
    responsible: Mapping[str, str] = field(default_factory=dict)
    posts: int | None = None  # a week
    schedule: tuple[Mapping[str, Any], ...] = ()  # channel, weekday, hour; empty: as recommended
    window_days: int | None = None  # after the end, that outcomes are still counted
    status: str = "draft"
    version: int = 1
    recommended: Mapping[str, Any] = field(default_factory=dict)
    chosen: Mapping[str, Any] = field(default_factory=dict)
    plan: Mapping[str, Any] | None = None
    audience: Mapping[str, Any] | None = None
    warnings: tuple[str, ...] = ()
    approved_by: str | None = None

    @property
    def days(self) -> int:
        """First and last day counted."""
        return (self.end - self.start).days + 1


@dataclass(frozen=True)
class Entry:
    """One line of the log: who did what when, and the fields that it changed."""

    number: int
    campaign_id: str
    version: int
    at: datetime
    who: str
    what: str
    before: dict[str, Any]
    after: dict[str, Any]


@dataclass(frozen=True)
class Deed:
    """What is about to be written: by whom, what it is called, when.

    `also` is done in the same transaction, with the campaign as it is then.
    """

    who: str
    what: str
    at: datetime
    before: dict[str, Any]
    after: dict[str, Any]
    also: Callable[[Connection, Campaign], None] | None = None


def add_campaign(catalog: Catalog, campaign: Campaign, deed: Deed) -> None:
    """Keeps a new campaign and the first line of its log.

    Raises:
        DuplicateEntity: there is one of this id.
    """
    try:
        with catalog.transaction() as connection:
            connection.execute(CAMPAIGNS.insert().values(**_row(campaign)))
            _note(connection, campaign, deed)
    except sa.exc.IntegrityError:
        raise DuplicateEntity("campaign", campaign.id) from None


def replace_campaign(catalog: Catalog, campaign: Campaign, deed: Deed) -> Campaign | None:
    """Puts a campaign in the place of the version it was made from, and notes the deed.

    Returns the campaign with its new version, or nothing where another change came first.
    """
    newer = replace(campaign, version=campaign.version + 1)
    here = (CAMPAIGNS.c.id == campaign.id) & (CAMPAIGNS.c.version == campaign.version)
    with catalog.transaction() as connection:
        done = connection.execute(CAMPAIGNS.update().where(here).values(**_row(newer)))
        if not done.rowcount:
            return None
        _note(connection, newer, deed)
    return newer


def find_campaign(catalog: Catalog, id: str) -> Campaign | None:
    """The campaign of an id as it is now."""
    query = CAMPAIGNS.select().where(CAMPAIGNS.c.id == id)
    with catalog.transaction() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else _campaign(row)


def page_of_campaigns(
    catalog: Catalog, *, before: int | None, most: int, status: str | None = None
) -> list[tuple[int, Campaign]]:
    """Campaigns with their numbers, newest first, from below a number on."""
    query = CAMPAIGNS.select().order_by(CAMPAIGNS.c.number.desc()).limit(most)
    if before is not None:
        query = query.where(CAMPAIGNS.c.number < before)
    if status is not None:
        query = query.where(CAMPAIGNS.c.status == status)
    with catalog.transaction() as connection:
        return [(row.number, _campaign(row)) for row in connection.execute(query)]


def campaign_ids(catalog: Catalog) -> list[tuple[str, str | None]]:
    """Every id with its team, sorted."""
    query = sa.select(CAMPAIGNS.c.id, CAMPAIGNS.c.team).order_by(CAMPAIGNS.c.id)
    with catalog.transaction() as connection:
        return [(row.id, row.team) for row in connection.execute(query)]


def campaigns_of(catalog: Catalog, product_id: str) -> list[Campaign]:
    """Every campaign of a product, oldest first."""
    query = CAMPAIGNS.select().order_by(CAMPAIGNS.c.number)
    with catalog.transaction() as connection:
        found = [_campaign(row) for row in connection.execute(query)]
    return [campaign for campaign in found if campaign.product_id == product_id]


def read_audit(
    catalog: Catalog, id: str, *, after: int = 0, most: int | None = None
) -> list[Entry]:
    """Lines of a campaign's log, oldest first, from above a number on."""
    query = (
        AUDIT.select()
        .where(AUDIT.c.campaign_id == id, AUDIT.c.number > after)
        .order_by(AUDIT.c.number)
        .limit(most)
    )
    with catalog.transaction() as connection:
        return [
            Entry(**(dict(row._mapping) | {"at": in_utc(row.at)}))
            for row in connection.execute(query)
        ]


def content_of(campaign: Campaign) -> dict[str, Any]:
    """All fields as JSON holds them: money and days as text, tuples as lists."""
    return {each.name: _plain(getattr(campaign, each.name)) for each in fields(campaign)}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    return value


def _row(campaign: Campaign) -> dict[str, Any]:
    content = content_of(campaign)
    alone = {name: content.pop(name) for name in ALONE}
    return alone | {"created_at": campaign.created_at, "content": content}


def _campaign(row: Any) -> Campaign:
    content = dict(row.content)
    listed = ("channels", "segments", "exclusions", "schedule", "warnings")
    content |= {name: tuple(content[name]) for name in listed}
    content |= {name: date.fromisoformat(content[name]) for name in ("start", "end")}
    content["budget"] = Decimal(content["budget"])
    alone = {name: getattr(row, name) for name in ALONE}
    return Campaign(**content, **(alone | {"created_at": in_utc(row.created_at)}))


def _note(connection: Connection, campaign: Campaign, deed: Deed) -> None:
    line = {name: getattr(deed, name) for name in ("at", "who", "what", "before", "after")}
    connection.execute(
        AUDIT.insert().values(campaign_id=campaign.id, version=campaign.version, **line)
    )
    if deed.also is not None:
        deed.also(connection, campaign)
