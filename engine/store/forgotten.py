"""A trace of people who were erased: enough to know them when they come back, not to name them.

In: ids of people. Out: which of them were erased; salted digests in the catalog.
Never: an id, or a digest that another home's salt would give.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import blake2b

import polars as pl
import sqlalchemy as sa

from engine.frames import AT, USER
from engine.store.catalog import TABLES, Catalog, open_catalog, pepper
from engine.store.consents import (
    CONSENTS,
    FLAGS,
    SOURCE,
    announce,
    has_records,
    in_turn,
    remembered,
)
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


def forgotten(home: Home, ids: pl.Series, *, anew: bool = False) -> pl.Series:
    """Boolean, one for each id: whether this person was erased; false for null.

    Where nobody was erased it costs nothing; else each distinct id is hashed. `anew` asks the
    database even if it was asked a moment ago.
    """
    known = _read_digests(home) if anew else _digests(home)
    if not known:
        return pl.Series(ids.name, [False] * ids.len(), pl.Boolean)
    salt = pepper(home)
    distinct = ids.drop_nulls().unique()
    found = [id for id in distinct if digest_of(salt, id) in known]
    return ids.is_in(found).fill_null(False)


def anybody_forgotten(home: Home) -> bool:
    """Whether anybody was erased here."""
    return bool(_digests(home))


def without_forgotten(home: Home, rows: pl.LazyFrame, column: str) -> pl.LazyFrame:
    """The rows of people who were not erased; null ids stay. Reads the ids if anybody was."""
    if not _digests(home):
        return rows
    ids = rows.select(pl.col(column).unique()).collect()[column]
    gone = ids.filter(forgotten(home, ids))
    return rows.filter(~pl.col(column).is_in(gone.to_list()).fill_null(False))


def remember(home: Home, catalog: Catalog, user: str, at: datetime) -> bytes:
    """Keeps the trace of a person, and beside it a record that withdraws everything at once.

    Whoever watches the records leaves the person out from then on. Asked twice it keeps one trace.
    """
    digest = digest_of(pepper(home), user)
    record = {USER: user, **dict.fromkeys(FLAGS, False), SOURCE: "erasure", AT: at}
    known = FORGOTTEN.c.digest == digest
    with catalog.transaction() as connection:
        in_turn(connection)
        added = connection.execute(CONSENTS.insert().values(**record)).inserted_primary_key
        number = added[0] if added else 0
        if not connection.execute(FORGOTTEN.update().where(known).values(consent=number)).rowcount:
            connection.execute(FORGOTTEN.insert().values(digest=digest, consent=number))
    announce(home)
    return digest


def erasures_missed(catalog: Catalog, since: int, read: int) -> bool:
    """Whether a person was erased of whom a process could not learn from the records.

    Args:
        catalog: where records are kept.
        since: the newest erasure that was heeded when the process's model was made.
        read: the newest record of consent that the process has read.
    """
    missed = sa.select(FORGOTTEN.c.id).where(
        FORGOTTEN.c.id > since,
        FORGOTTEN.c.consent > read,
        ~sa.exists().where(CONSENTS.c.id == FORGOTTEN.c.consent),
    )
    with catalog.transaction() as connection:
        return connection.execute(missed.limit(1)).first() is not None


def newest_erasure(home: Home) -> int:
    """The number of the last erasure; 0 where there was none."""
    if not has_records(home):
        return 0
    with open_catalog(home) as catalog:
        return marks(catalog)[1]


def digest_of(salt: bytes, id: str) -> bytes:
    """What is kept of an erased person: 256 bits of BLAKE2b under the home's secret."""
    return blake2b(id.encode(), key=salt[:64], person=b"forgotten", digest_size=32).digest()


def _digests(home: Home) -> frozenset[bytes]:
    if not has_records(home):
        return frozenset()
    return remembered(home, "forgotten", lambda: _read_digests(home))


def _read_digests(home: Home) -> frozenset[bytes]:
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
