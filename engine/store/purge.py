"""One person taken out of every file and table that the store keeps, for good.

In: a home and an id. Out: how much of what was removed. Never: another person's row, or an old
file, log entry or database page that still holds the id.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import sqlalchemy as sa

from engine.frames import (
    ACTION,
    EVENTS,
    FOLLOWEE,
    FOLLOWER,
    FOLLOWS,
    PRODUCT,
    PRODUCTS,
    RESULTS,
    TARGET,
    USER,
    USERS,
)
from engine.store.catalog import Catalog, catalog_url
from engine.store.consents import CONSENTS, SOURCE
from engine.store.eventlog import scan_table, staging, table_path, writing
from engine.store.files import replace_durably
from engine.store.home import Home

if TYPE_CHECKING:
    from deltalake import DeltaTable

HOLDS: dict[str, tuple[str, ...]] = {
    EVENTS.name: (USER,),
    USERS.name: (USER,),
    FOLLOWS.name: (FOLLOWER, FOLLOWEE),
    RESULTS.name: (),
}
"""Columns whose rows go with the person; elsewhere only the name is taken out."""
TOWARDS_PEOPLE = ("block", "follow", "report")
"""Acts that may name a person where others name a product."""
NOBODY = "CAST(NULL AS STRING)"
SECONDS = 30
WITHDRAWN = "erasure"
"""The source of the record by which an erasure begins."""


def purge_tables(home: Home, user: str) -> dict[str, int]:
    """Removes the rows of a person from the log, and the name from other people's acts.

    Old files go at once, and so do old entries of the tables' own logs, because these repeat ids
    as bounds of columns. Versions keep rising; what lies before cannot be read any more. A retrain
    that reads the log in this very moment fails, and its champion stays.
    """
    with writing(home), staging(home):  # the latter sweeps what killed runs left
        return {name: _purge_table(home, name, user) for name in HOLDS}


def _purge_table(home: Home, name: str, user: str) -> int:
    from deltalake import DeltaTable

    path = table_path(home, name)
    if not DeltaTable.is_deltatable(str(path)):
        return 0
    table = DeltaTable(path)
    text = "'" + user.replace("'", "''") + "'"
    named = " OR ".join(f"{column} = {text}" for column in HOLDS[name])
    removed = int(table.delete(named)["num_deleted_rows"]) if named else 0
    if name in (EVENTS.name, RESULTS.name):
        removed += _take_names_out(home, table, user, text)
    # All files that the table does not list go, not only those that its log still remembers.
    table.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False, full=True)
    # One more change, of nothing: the last entry of the log stays, and must not hold the id.
    # Where no row is left the frame lacks the columns that people added, hence "merge".
    nothing = scan_table(home, name).limit(0).collect()
    nothing.write_delta(path, mode="append", delta_write_options={"schema_mode": "merge"})
    table = DeltaTable(path)
    table.create_checkpoint()
    _forget_entries(path / "_delta_log", table.version())
    return removed


def _take_names_out(home: Home, table: DeltaTable, user: str, text: str) -> int:
    """Empties what names the person in rows of others; returns how many results it was taken from.

    An id that is a product's as well stays where nothing says that the person is meant.
    """
    known = {field.name for field in table.schema().fields}
    if TARGET in known:
        # The product first: the target tells that it is this person's name.
        table.update(updates={PRODUCT: NOBODY}, predicate=_as_product(home, user, text))
        table.update(updates={TARGET: NOBODY}, predicate=f"{TARGET} = {text}")
    elif PRODUCT in known and is_address(user) and not sold(home, user):
        done = table.update(updates={PRODUCT: NOBODY}, predicate=f"{PRODUCT} = {text}")
        return int(done["num_updated_rows"])
    return 0


def is_address(id: str) -> bool:
    """Whether an id names one thing in the world; a number may be a person's and a product's."""
    return "://" in id


def sold(home: Home, id: str) -> bool:
    """Whether the table of products has this id."""
    return not scan_table(home, PRODUCTS.name).filter(pl.col(PRODUCT) == id).collect().is_empty()


def is_nothing_else(home: Home, user: str) -> bool:
    """Whether a product of this id was the person: neither products nor acts know another one.

    True only after the person was taken out of the tables.
    """
    acts = scan_table(home, EVENTS.name).filter(pl.col(PRODUCT) == user).limit(1)
    return not sold(home, user) and acts.collect().is_empty()


def _as_product(home: Home, user: str, text: str) -> str:
    acts = ", ".join(f"'{act}'" for act in TOWARDS_PEOPLE)
    alone = "FALSE" if sold(home, user) else "TRUE" if is_address(user) else f"{ACTION} IN ({acts})"
    return f"{PRODUCT} = {text} AND ({TARGET} = {text} OR {alone})"


def without_person(rows: pl.DataFrame, user: str, *, sold: bool) -> pl.DataFrame:
    """Rows of any table without a person, as `purge_tables` leaves those that the log holds.

    Args:
        rows: events, users, products, follows or results.
        user: the person.
        sold: whether the table of products has the same id.
    """
    theirs = [name for name in (USER, FOLLOWER, FOLLOWEE) if name in rows.columns]
    rows = (
        rows.filter(~pl.any_horizontal(pl.col(theirs).eq_missing(pl.lit(user)))) if theirs else rows
    )
    if {PRODUCT, ACTION, TARGET} <= set(rows.columns):
        towards = pl.lit(is_address(user)) | pl.col(ACTION).is_in(TOWARDS_PEOPLE)
        named = pl.col(TARGET).eq_missing(pl.lit(user)) | (towards & (not sold))
    elif {PRODUCT, "impressions"} <= set(rows.columns):
        named = pl.lit(is_address(user) and not sold)
    else:
        return rows
    named &= pl.col(PRODUCT).eq_missing(pl.lit(user))
    rows = rows.with_columns(pl.when(~named).then(pl.col(PRODUCT)).alias(PRODUCT))
    if TARGET not in rows.columns:
        return rows
    others = ~pl.col(TARGET).eq_missing(pl.lit(user))
    return rows.with_columns(pl.when(others).then(pl.col(TARGET)).alias(TARGET))


def _forget_entries(log: Path, version: int) -> None:
    """Removes all that a table's log holds of earlier versions: changes, checkpoints, halves."""
    for entry in log.iterdir():
        stays = entry.name.startswith(f"{version:020}.") or entry.name == "_last_checkpoint"
        if entry.is_file() and not stays:
            entry.unlink()


def purge_quarantine(home: Home, user: str) -> int:
    """Removes refused rows that name a person; returns how many."""
    removed = 0
    for path in sorted(home.quarantine.glob("*.ndjson")):
        lines = path.read_text(encoding="utf-8", errors="surrogateescape").split("\n")
        lines = [line for line in lines if line]
        kept = [line for line in lines if not _names(line, user)]
        if len(kept) == len(lines):
            continue
        removed += len(lines) - len(kept)
        if kept:
            replace_durably(path, ("\n".join(kept) + "\n").encode(errors="surrogateescape"))
        else:
            path.unlink()
    return removed


def _names(line: str, user: str) -> bool:
    """Whether a line names a person: in any cell, or anywhere if the row cannot be read as cells.

    A longer word or number that has the id in it does not name the person where cells are known.
    """
    try:
        raw = json.loads(line)["raw"]
        content = json.loads(raw)
    except (ValueError, KeyError, TypeError):
        spelt = {user, *(json.dumps(user, ensure_ascii=ascii)[1:-1] for ascii in (True, False))}
        spelt |= {json.dumps(one, ensure_ascii=False)[1:-1] for one in spelt}
        return any(one in line for one in spelt)
    alone = re.compile(rf"(?<!\w){re.escape(user)}(?!\w)")
    return any(alone.search(cell) for cell in _cells(content))


def _cells(content: Any) -> Iterator[str]:
    if isinstance(content, dict):
        content = [*content.keys(), *content.values()]
    if isinstance(content, list):
        for part in content:
            yield from _cells(part)
    else:
        yield str(content)


def purge_fitted(home: Home) -> int:
    """Removes what `retrain --warm` starts from: it holds everybody, and is only opened whole."""
    folders = [path for path in home.warm.glob("*") if path.is_dir()]
    for folder in folders:
        shutil.rmtree(folder)
    return len(folders)


def purge_consents(home: Home, catalog: Catalog, user: str) -> int:
    """Removes the records of a person, and what SQLite would leave of them in its pages.

    The withdrawals that erasures themselves recorded go as well, and are not counted.
    """
    theirs = CONSENTS.c[USER] == user
    said = theirs & (CONSENTS.c[SOURCE] != WITHDRAWN)
    with catalog.transaction() as connection:
        counted = sa.select(sa.func.count()).select_from(CONSENTS).where(said)
        found = int(connection.execute(counted).scalar() or 0)
    if catalog_url(home).get_backend_name() != "sqlite":
        with catalog.transaction() as connection:
            connection.execute(CONSENTS.delete().where(theirs))
        return found
    with closing(sqlite3.connect(home.catalog, timeout=SECONDS)) as records:
        records.execute("PRAGMA secure_delete=ON")
        with records:
            records.execute("DELETE FROM consents WHERE user_id = ?", (user,))
        records.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return found
