"""Accounts that are held out of training until somebody has looked at them.

In: suspects with reasons, releases. Out: who is held. Never: an account held again once released.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import sqlalchemy as sa

from engine.frames import REASON, USER
from engine.store.catalog import TABLES, Catalog

SUSPECTS = sa.Table(
    "suspects",
    TABLES,
    sa.Column(USER, sa.String(256), primary_key=True),
    sa.Column(REASON, sa.Text, nullable=False),
    sa.Column(
        "found_at",
        sa.DateTime(timezone=True),
        nullable=False,
        server_default=sa.func.current_timestamp(),
    ),
    sa.Column("released_at", sa.DateTime(timezone=True)),
)


def hold(catalog: Catalog, found: pl.DataFrame) -> None:
    """Adds suspects that are not known yet; who was released stays released."""
    with catalog.transaction() as connection:
        known = set(connection.execute(sa.select(SUSPECTS.c[USER])).scalars())
        new = [row for row in found.select(USER, REASON).to_dicts() if row[USER] not in known]
        if new:
            connection.execute(SUSPECTS.insert(), new)


def held(catalog: Catalog) -> pl.DataFrame:
    """user_id and reason of those who are held, by id."""
    query = sa.select(SUSPECTS.c[USER], SUSPECTS.c[REASON]).where(SUSPECTS.c.released_at.is_(None))
    with catalog.transaction() as connection:
        rows = connection.execute(query.order_by(SUSPECTS.c[USER])).all()
    return pl.DataFrame(
        [tuple(row) for row in rows], schema={USER: pl.String, REASON: pl.String}, orient="row"
    )


def release(catalog: Catalog, users: Sequence[str]) -> int:
    """Ends holding these; returns how many were held."""
    query = (
        SUSPECTS.update()
        .where(SUSPECTS.c[USER].in_(users), SUSPECTS.c.released_at.is_(None))
        .values(released_at=sa.func.current_timestamp())
    )
    with catalog.transaction() as connection:
        return connection.execute(query).rowcount


def drop(catalog: Catalog, user: str) -> int:
    """Removes what is known of an account."""
    with catalog.transaction() as connection:
        return connection.execute(SUSPECTS.delete().where(SUSPECTS.c[USER] == user)).rowcount


def unname(catalog: Catalog, id: str) -> None:
    """Takes an id out of the reasons of others, who came together about it."""
    named, unnamed = f" of {id} from ", " of (erased) from "
    with catalog.transaction() as connection:
        connection.execute(
            SUSPECTS.update()
            .where(SUSPECTS.c[REASON].contains(named, autoescape=True))
            .values({REASON: sa.func.replace(SUSPECTS.c[REASON], named, unnamed)})
        )
