"""Records of consent: who allowed what, when, and where they said so.

In: rows of consent as people gave them. Out: what holds now, and a mark that tells changes.
Never: a record changed; a later one is put over it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from engine.frames import AT, USER, UTC
from engine.store.catalog import TABLES, Catalog, catalog_url, in_utc
from engine.store.home import Home

FLAGS = ("store", "profile", "select", "measure")
SOURCE = "source"
TRUSTED_SECONDS = {"sqlite": 5.0}
"""How long the doors trust what they read: changes of this machine are announced, so a database
that no other machine can change is asked anew only in case its writer died before it told."""
TRUSTED_ELSEWHERE = 0.25
Kept = TypeVar("Kept")
WRITING = 0x70656F70
"""Any constant does: PostgreSQL's advisory locks are numbers."""
COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    USER: pl.String,
    **dict.fromkeys(FLAGS, pl.Boolean),
    SOURCE: pl.String,
    AT: UTC,
}

CONSENTS = sa.Table(
    "consents",
    TABLES,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column(USER, sa.String(256), nullable=False, index=True),
    *(sa.Column(flag, sa.Boolean, nullable=False) for flag in FLAGS),
    sa.Column(SOURCE, sa.String(200), nullable=False),
    sa.Column(AT, sa.DateTime(timezone=True), nullable=False),
    # Ids of erased rows must not come back: processes ask for what is newer than they know.
    sqlite_autoincrement=True,
)


def add_consents(home: Home, catalog: Catalog, rows: pl.DataFrame) -> int:
    """Keeps records in one transaction; every process notices at its next request.

    Args:
        home: where the processes of this machine look.
        catalog: where records are kept.
        rows: in `COLUMNS`, without nulls.
    """
    content = rows.select(list(COLUMNS)).to_dicts()
    if content:
        with catalog.transaction() as connection:
            in_turn(connection)
            connection.execute(CONSENTS.insert(), content)
        announce(home)
    return len(content)


def read_consents(
    catalog: Catalog, users: Sequence[str] | None = None, *, after: int = 0
) -> pl.DataFrame:
    """The newest record of each user, in `COLUMNS`; of records of one moment the later kept.

    Args:
        catalog: where records are kept.
        users: only these; everybody where missing.
        after: only people with a record that was added after this mark.
    """
    place = sa.func.row_number().over(
        partition_by=CONSENTS.c[USER], order_by=(CONSENTS.c[AT].desc(), CONSENTS.c.id.desc())
    )
    ranked = sa.select(CONSENTS, place.label("place"))
    if users is not None:
        ranked = ranked.where(CONSENTS.c[USER].in_(users))
    if after:
        changed = sa.select(CONSENTS.c[USER]).where(CONSENTS.c.id > after)
        ranked = ranked.where(CONSENTS.c[USER].in_(changed))
    newest = ranked.subquery()
    query = sa.select(*(newest.c[name] for name in COLUMNS)).where(newest.c.place == 1)
    with catalog.transaction() as connection:
        rows = [_row(row) for row in connection.execute(query.order_by(newest.c[USER]))]
    return pl.DataFrame(rows, schema=COLUMNS, orient="row")


def _row(row: Sequence[Any]) -> tuple[Any, ...]:
    at: datetime = row[-1]
    return (*row[:-1], in_utc(at))


def in_turn(connection: Connection) -> None:
    """Writers of people's records commit in the order of their numbers, so that none is missed."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(WRITING)))


def announce(home: Home) -> None:
    """Tells the processes of this machine that something about people has changed."""
    home.root.mkdir(parents=True, exist_ok=True)
    path = _changed(home)
    draft = path.with_name(f".{path.name}-{os.getpid()}-{os.urandom(4).hex()}")
    draft.touch()
    draft.replace(path)  # a new file each time: its number and time differ from the last


def last_announcement(home: Home, place: str | None = None) -> tuple[int, int]:
    """Differs from before where something was announced in between: one look at a file.

    Who asks again and again names the `place`, as `place_of_announcements` gives it.
    """
    try:
        found = os.stat(place or place_of_announcements(home))  # noqa: PTH116 a Path costs as much
    except FileNotFoundError:
        return 0, 0
    return found.st_ino, found.st_mtime_ns


def place_of_announcements(home: Home) -> str:
    """The file that is new after each announcement."""
    return str(_changed(home))


def _changed(home: Home) -> Path:
    return home.root / "people.changed"


_REMEMBERED: dict[tuple[str, str], tuple[object, Any]] = {}


def remembered(home: Home, what: str, read: Callable[[], Kept]) -> Kept:
    """What `read` gives, read anew after each announcement, and after a moment in any case."""
    address = catalog_url(home)
    trusted = TRUSTED_SECONDS.get(address.get_backend_name(), TRUSTED_ELSEWHERE)
    stamp = (last_announcement(home), str(address), int(time.monotonic() / trusted))
    key = (str(home.root.absolute()), what)
    known = _REMEMBERED.get(key)
    if known is None or known[0] != stamp:
        known = (stamp, read())
        _REMEMBERED[key] = known
    found: Kept = known[1]
    return found


def has_records(home: Home) -> bool:
    """Whether there may be any: a home whose own database was never made has none."""
    url = catalog_url(home)
    return url.get_backend_name() != "sqlite" or home.catalog.exists()
