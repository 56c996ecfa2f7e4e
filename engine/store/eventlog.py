"""Facts: what was done, by whom, to what, kept as Delta tables.

In: frames in the schemas of `engine/frames.py`. Out: the same, read lazily, with what was there.
Never: a row twice under one event id, or a write of which a part can be seen.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import polars as pl

from engine import frames
from engine.errors import FrameError, UnknownEntity
from engine.frames import (
    ACCOUNT,
    ACCOUNTS,
    AT,
    EVENT,
    EVENTS,
    FOLLOWS,
    PRODUCT,
    PRODUCTS,
    RECORDED,
    RECORDED_FOLLOWS,
    RECORDED_RESULTS,
    RESULTS,
    USER,
    USERS,
)
from engine.repeats import PLACE
from engine.store.arriving import tell_fresh
from engine.store.columns import agreeing, named_alike, plain
from engine.store.forgotten import without_forgotten
from engine.store.home import Home

ROWS_AT_ONCE = 2_000_000
"""Rows of an append that are sorted in memory at once, which takes about half a gigabyte."""
Step = tuple[str, int]
"""Who brings rows in steps, and the number of a step; a table notes the last one of each."""
KEYS = {USERS.name: USER, PRODUCTS.name: PRODUCT, ACCOUNTS.name: ACCOUNT}
KINDS = {kind.name: kind for kind in (EVENTS, USERS, PRODUCTS, ACCOUNTS, FOLLOWS, RESULTS)}

RECORDING = {kind.name: kind for kind in (RECORDED_RESULTS, RECORDED_FOLLOWS)}
"""Tables that note when rows came: files from before a column joined hold nothing of it."""


@dataclass(frozen=True)
class Added:
    """How many events were new; and those `against` one that stands, which were not stored.

    These are in the schema, with their place among the events given and, in `first`, that of the
    one they are against; null where the log held it before. In order of place.
    """

    stored: int
    against: pl.DataFrame


def append_events(home: Home, events: pl.DataFrame | pl.LazyFrame) -> int:
    """As `add_events`, for those who need no more than how many were stored."""
    return add_events(home, events).stored


def add_events(home: Home, events: pl.DataFrame | pl.LazyFrame) -> Added:
    """Adds events whose ids the log does not hold yet, all in one step.

    Every event needs an id. Of those that share one the first to come stands, see
    `engine.repeats`. Rows are laid out by moment, so that readers of a span of time skip what lies
    outside. A lazy frame may be larger than memory, but for its ids; it is read several times.
    Durable when it returns.

    Raises:
        FrameError: a column is missing or has another type, or an event has no id.
    """
    events = frames.check(events.lazy(), EVENTS).select(list(EVENTS.columns)).with_row_index(PLACE)
    with writing(home):
        events = without_forgotten(home, events, USER)  # who was erased while they were on the way
        fresh, against = tell_fresh(events, scan_events(home))
        moments = fresh.select(AT).collect().to_series().sort()
        borders = moments.gather_every(ROWS_AT_ONCE).unique().sort().to_list()
        if len(borders) < 2:
            append_rows(home, EVENTS.name, fresh.sort(AT, EVENT).collect())
            return Added(moments.len(), against)
        path = table_path(home, EVENTS.name)
        with staging(home) as folder, _durably(path):
            for number, (low, high) in enumerate(pairwise([*borders, None])):
                within = (
                    pl.col(AT) >= low if high is None else pl.col(AT).is_between(low, high, "left")
                )
                part = fresh.filter(within).collect().sort(AT, EVENT)
                part.write_parquet(folder / f"{number:06}.parquet", compression="lz4")
            pl.scan_parquet(folder / "*.parquet").sink_delta(path, mode="append")
    return Added(moments.len(), against)


def scan_events(
    home: Home, since: datetime | None = None, until: datetime | None = None
) -> pl.LazyFrame:
    """Events from `since` on and before `until`, in no promised order; none in an empty home."""
    events = scan_table(home, EVENTS.name)
    if since is not None:
        events = events.filter(pl.col(AT) >= since)
    if until is not None:
        events = events.filter(pl.col(AT) < until)
    return events


def scan_table(home: Home, name: str) -> pl.LazyFrame:
    """One of the tables events, users, products, accounts, follows, results; empty at first.

    Of results every row that was ever recorded; `results.newest` are those that hold.

    Raises:
        UnknownEntity: there is no such table.
    """
    rows = _scan(name, _files(table_path(home, name)))
    return rows.select(list(FOLLOWS.columns)) if name == FOLLOWS.name else rows


def scan_ties(home: Home) -> pl.LazyFrame:
    """The table of follows, with the moment `recorded_at` when each came; null where unknown."""
    return _scan(FOLLOWS.name, _files(table_path(home, FOLLOWS.name)))


def scan_added(home: Home, since: int | None) -> pl.LazyFrame:
    """Events that were added after the change `since` of the log, as `version` counts changes.

    Files are read or left out as a whole, so that what came before costs nothing. All events come
    where `since` is missing, or is a change that the log does not know.
    """
    path = table_path(home, EVENTS.name)
    files = _files(path)
    if files and since is not None:
        before = set(_files(path, since))
        files = [file for file in files if file not in before]
    return _scan(EVENTS.name, files)


def _files(path: Path, version: int | None = None) -> list[str]:
    """The files of a table as they are now, or were after a change; none where it is not known."""
    # Loaded where a table is opened: serving names tables, and mostly opens none.
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    if (version is not None and version < 0) or not DeltaTable.is_deltatable(str(path)):
        return []
    try:
        return [unquote(file) for file in DeltaTable(path, version=version).file_uris()]
    except DeltaError:
        if version is None:
            raise
        return []


def _scan(name: str, files: list[str]) -> pl.LazyFrame:
    # Not `scan_delta`: it looks for the files under a quoted path, which a home with a space or a
    # letter beyond ASCII does not have, and it sees what was added between two reads.
    kept = RECORDING.get(name, KINDS[name])
    if not files:  # users have no columns of where they work until somebody says it
        return pl.LazyFrame(schema={USER: pl.String} if name == USERS.name else kept.columns)
    if name in RECORDING:
        whole = dict(kept.columns)
        return pl.scan_parquet(files, glob=False, schema=whole, missing_columns="insert")
    return pl.scan_parquet(files, glob=False)


def upsert(home: Home, name: str, rows: pl.DataFrame, *, step: Step | None = None) -> int:
    """Merges users, products or accounts by id; returns how many rows are new or changed.

    The later row wins, value by value: what it lacks, or has as null, stays as it was. Further
    columns join the table, unless they differ from one in case only: then they are that one. A
    column grows wide enough for all its values, to fractions or to text (see `columns`). Of rows
    that come in steps the table notes the last step, and a step that is not later changes
    nothing: so none is taken twice, or put over what came after it.

    Raises:
        FrameError: the id column is missing, of another type, or holds a null.
    """
    kind, key = KINDS[name], KEYS[name]
    rows = plain(frames.check(rows, kind))
    if rows[key].null_count():
        raise FrameError(name, key, "a row has no id")
    with writing(home):
        if step is not None and step[1] <= last_step(home, name, step[0]):
            return 0
        if name == USERS.name:
            rows = without_forgotten(home, rows.lazy(), USER).collect()
        known = scan_table(home, name).collect()
        rows = _merged(named_alike(rows, known.columns, kind), key)
        known, rows = agreeing(plain(known), rows)
        merged = _merged(pl.concat([known, rows], how="diagonal"), key)
        both = pl.concat([known, merged], how="diagonal")
        changed = both.unique().height - known.height
        if changed or step is not None:
            replace_table(home, name, merged.sort(key), locked=True, step=step)
    return changed


def add_follows(home: Home, follows: pl.DataFrame, *, now: datetime | None = None) -> int:
    """Adds directed ties that are not there yet; returns how many were new.

    Args:
        home: whose log grows.
        follows: ties; where column `recorded_at` is there, it is when each came.
        now: when those came of which it is not known; without it they came before every act.
    """
    columns = list(FOLLOWS.columns)
    given = frames.check(follows, FOLLOWS).lazy()
    if RECORDED not in follows.columns:
        given = given.with_columns(pl.lit(now, frames.UTC).alias(RECORDED))
    given = given.group_by(columns).agg(pl.col(RECORDED).min())
    with writing(home):
        known = scan_table(home, FOLLOWS.name)
        for column in columns:
            given = without_forgotten(home, given, column)
        fresh = given.join(known, on=columns, how="anti")
        rows = fresh.sort(columns).collect()
        append_rows(home, FOLLOWS.name, rows)
    return rows.height


def replace_table(
    home: Home, name: str, rows: pl.DataFrame, *, locked: bool = False, step: Step | None = None
) -> None:
    """Puts these rows, and these columns, in the place of all that a table held, in one commit.

    The commit notes the step of `upsert`, if there is one.
    """
    if not locked:
        with writing(home):
            replace_table(home, name, rows, locked=True, step=step)
        return
    path = table_path(home, name)
    with _durably(path):
        frame = plain(frames.check(rows, KINDS[name]))
        options = {"schema_mode": "overwrite", **_noting(step)}
        frame.write_delta(path, mode="overwrite", delta_write_options=options)


def _noting(step: Step | None) -> dict[str, Any]:
    """What a commit is told so that it notes a step."""
    from deltalake import CommitProperties, Transaction

    if step is None:
        return {}
    noted = [Transaction(app_id=step[0], version=step[1])]
    return {"commit_properties": CommitProperties(app_transactions=noted)}


def version(home: Home) -> dict[str, int]:
    """How many changes each table has seen: equal numbers mean equal data. Empty tables are -1."""
    return {
        name: _version(path) for name, path in ((name, table_path(home, name)) for name in KINDS)
    }


def _version(path: Path) -> int:
    # Loaded where a table is opened: serving names tables, and mostly opens none.
    from deltalake import DeltaTable

    return DeltaTable(path).version() if DeltaTable.is_deltatable(str(path)) else -1


def last_step(home: Home, name: str, origin: str) -> int:
    """The last step that a table has taken from somebody; -1 where there was none."""
    from deltalake import DeltaTable

    path = table_path(home, name)
    if not DeltaTable.is_deltatable(str(path)):
        return -1
    taken = DeltaTable(path).transaction_version(origin)
    return -1 if taken is None else int(taken)


@contextmanager
def staging(home: Home) -> Iterator[Path]:
    """A folder in the home for work in progress, gone afterwards; sweeps what killed runs left."""
    home.log.mkdir(parents=True, exist_ok=True)
    for left in home.log.glob(".staging-*"):
        owner = left.name.split("-")[1]
        if not Path(f"/proc/{owner}").exists():
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f".staging-{os.getpid()}-", dir=home.log))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def table_path(home: Home, name: str) -> Path:
    """Where a table lies; there may be nothing yet."""
    if name not in KINDS:
        raise UnknownEntity("table", name, tuple(KINDS))
    return home.log / name


@contextmanager
def writing(home: Home) -> Iterator[None]:
    """Lets one writer at a time compare and append; the lock ends with its process."""
    home.log.mkdir(parents=True, exist_ok=True)
    with (home.log / ".writing.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def append_rows(home: Home, name: str, rows: pl.DataFrame, *, step: Step | None = None) -> None:
    """Adds rows as they are in one commit, which notes the step; whoever calls it is `writing`."""
    if rows.is_empty():
        return
    path = table_path(home, name)
    with _durably(path):
        options = {"schema_mode": "merge", **_noting(step)}
        rows.write_delta(path, mode="append", delta_write_options=options)


@contextmanager
def _durably(path: Path) -> Iterator[None]:
    """Syncs the files that a commit added; without it a loss of power may undo a commit."""
    before = set(path.rglob("*")) if path.exists() else set()
    yield
    for added in [*sorted(set(path.rglob("*")) - before), path / "_delta_log", path, path.parent]:
        descriptor = os.open(added, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _merged(rows: pl.DataFrame, key: str) -> pl.DataFrame:
    """One row for each id: in every column the last value that is not null."""
    if not rows[key].is_duplicated().any():
        return rows
    return (
        rows.group_by(key, maintain_order=True)
        .agg(pl.all().drop_nulls().last())
        .select(rows.columns)
    )
