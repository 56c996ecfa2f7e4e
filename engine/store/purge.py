"""One person taken out of every file and table that the store keeps, for good.

In: a home and an id. Out: how much of what was removed. Never: another person's row, or an old
file, log entry or database page that still holds the id.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from engine.frames import EVENTS, FOLLOWEE, FOLLOWER, FOLLOWS, TARGET, USER, USERS
from engine.store.catalog import Catalog, catalog_url
from engine.store.consents import CONSENTS
from engine.store.eventlog import scan_table, staging, table_path, writing
from engine.store.files import replace_durably
from engine.store.home import Home

HOLDS = {EVENTS.name: (USER,), USERS.name: (USER,), FOLLOWS.name: (FOLLOWER, FOLLOWEE)}
"""Columns whose rows go with the person; elsewhere only the name is taken out."""
BETWEEN_CELLS = re.compile(r"[,;|\t\"']")
SECONDS = 30


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
    removed = int(table.delete(named)["num_deleted_rows"])
    if name == EVENTS.name:
        nobody = {TARGET: "CAST(NULL AS STRING)"}
        table.update(updates=nobody, predicate=f"{TARGET} = {text}")
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


def _forget_entries(log: Path, version: int) -> None:
    """Removes all that a table's log holds of earlier versions: changes, checkpoints, halves."""
    for entry in log.iterdir():
        stays = entry.name.startswith(f"{version:020}.") or entry.name == "_last_checkpoint"
        if entry.is_file() and not stays:
            entry.unlink()


def purge_quarantine(home: Home, user: str) -> int:
    """Removes refused rows that hold the id in any of their cells; returns how many."""
    removed = 0
    for path in sorted(home.quarantine.glob("*.ndjson")):
        lines = path.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if not _names(json.loads(line).get("raw"), user)]
        if len(kept) == len(lines):
            continue
        removed += len(lines) - len(kept)
        if kept:
            replace_durably(path, ("\n".join(kept) + "\n").encode())
        else:
            path.unlink()
    return removed


def _names(raw: Any, user: str) -> bool:
    if not isinstance(raw, str):
        return False
    try:
        content = json.loads(raw)
    except ValueError:
        return user in (part.strip() for part in BETWEEN_CELLS.split(raw))
    cells = content.values() if isinstance(content, dict) else [content]
    return any(str(cell) == user for cell in cells)


def purge_fitted(home: Home) -> int:
    """Removes what `retrain --warm` starts from: it holds everybody, and is only opened whole."""
    folders = [path for path in home.warm.glob("*") if path.is_dir()]
    for folder in folders:
        shutil.rmtree(folder)
    return len(folders)


def purge_consents(home: Home, catalog: Catalog, user: str) -> int:
    """Removes the records of a person, and what SQLite would leave of them in its pages."""
    if catalog_url(home).get_backend_name() != "sqlite":
        with catalog.transaction() as connection:
            gone = CONSENTS.delete().where(CONSENTS.c[USER] == user)
            return connection.execute(gone).rowcount
    with closing(sqlite3.connect(home.catalog, timeout=SECONDS)) as records:
        records.execute("PRAGMA secure_delete=ON")
        with records:
            removed = records.execute("DELETE FROM consents WHERE user_id = ?", (user,)).rowcount
        records.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return removed
