"""A trace of people who were erased: enough to know them when they come back, not to name them.

In: ids of people. Out: which of them were erased; salted digests in the catalog.
Never: an id, or a digest that another home's salt would give.
"""

from __future__ import annotations

from hashlib import blake2b

import polars as pl
import sqlalchemy as sa

from engine.store.catalog import TABLES, Catalog, open_catalog, pepper
from engine.store.consents import CONSENTS, has_records
from engine.store.home import Home

FORGOTTEN = sa.Table(
    "forgotten",
    TABLES,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("digest", sa.LargeBinary(32), nullable=False, unique=True),
    # The record by which the erasure began: who has read it has left the person out since.
    sa.Column("consent", sa.Integer, nullable=False),
    sa.Column(
        "at",
        sa.DateTime(timezone=True),
        nullable=False,
        server_default=sa.func.current_timestamp(),
    ),
    sqlite_autoincrement=True,
)


def forgotten(home: Home, ids: pl.Series) -> pl.Series:
    """Boolean, one for each id: whether this person was erased; false for null.

    Where nobody was erased it costs one query; else each distinct id is hashed.
    """
    known = _digests(home)
    if not known:
        return pl.Series(ids.name, [False] * ids.len(), pl.Boolean)
    salt = pepper(home)
    distinct = ids.drop_nulls().unique()
    found = [id for id in distinct if digest_of(salt, id) in known]
    return ids.is_in(found).fill_null(False)


def digest_of(salt: bytes, id: str) -> bytes:
    """What is kept of an erased person: 256 bits of BLAKE2b under the home's secret."""
    return blake2b(id.encode(), key=salt[:64], person=b"forgotten", digest_size=32).digest()


def _digests(home: Home) -> frozenset[bytes]:
    if not has_records(home):
        return frozenset()
    with open_catalog(home) as catalog, catalog.transaction() as connection:
        return frozenset(connection.execute(sa.select(FORGOTTEN.c.digest)).scalars())


def marks(catalog: Catalog) -> tuple[int, int]:
    """The newest record of consent and the newest erasure, as numbers that only rise."""
    newest = sa.select(
        sa.select(sa.func.max(CONSENTS.c.id)).scalar_subquery(),
        sa.select(sa.func.max(FORGOTTEN.c.id)).scalar_subquery(),
    )
    with catalog.transaction() as connection:
        consent, erased = connection.execute(newest).one()
    return consent or 0, erased or 0
