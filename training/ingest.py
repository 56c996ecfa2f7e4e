"""Facts in: files of other people become rows of the log, and what is refused is kept aside.

In: paths, a mapping onto our columns, the moment it happens. Out: the event log, a quarantine
file, and counts. Never: half of a file stored, or a good row lost to a bad one.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from engine import settings
from engine.errors import FrameError, UnknownEntity, UnreadableFile, counted, shown
from engine.frames import EVENTS, REASON, RESULTS, TEXT, USER, VALUE, spelt_otherwise
from engine.operations.consent import admit, without_names
from engine.operations.intake import compact
from engine.operations.members import LOCAL, Actor
from engine.operations.quarantine import keep_aside, refused_for_ids
from engine.operations.results import judge_results
from engine.repeats import without_rows
from engine.settings import Section
from engine.signals.events import BAD, RAW, ROW, ROW_NUMBER, Limits, as_json, judge_events
from engine.signals.tables import OPEN_ENDED, Days, judge_rows, type_attributes
from engine.store import eventlog
from engine.store.home import Home
from engine.store.results import record_results
from training.layouts import Mapping
from training.reading import Reading, read_file

Progress = Callable[[str, int], None]
"""Told what is being done (`reading events`, ...) and how many rows of it are done."""


_NAMED = 5
"""Columns that a notice names."""


@dataclass
class Tally:
    """What became of the rows of one file; `duplicates` were good but known already.

    Of results that were stored `corrected` replace others; `notices` is what else is to be known,
    such as columns that were not read.
    """

    read: int = 0
    stored: int = 0
    duplicates: int = 0
    quarantined: Counter[str] = field(default_factory=Counter)
    corrected: int | None = None
    notices: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        told = {
            "read": self.read,
            "stored": self.stored,
            "duplicates": self.duplicates,
            "quarantined": dict(self.quarantined.most_common()),
        }
        if self.corrected is not None:
            told["corrected"] = self.corrected
        if self.corrected is not None or self.notices:
            told["notices"] = list(self.notices)
        return told


@dataclass
class Counts:
    """What an ingest did, by table; `quarantine` is the file of refused rows, if there are any."""

    tables: dict[str, Tally] = field(default_factory=dict)
    quarantine: Path | None = None

    def to_dict(self) -> dict[str, Any]:
        quarantine = str(self.quarantine) if self.quarantine else None
        tables = {name: tally.to_dict() for name, tally in self.tables.items()}
        return {**tables, "quarantine": quarantine}


@dataclass(frozen=True)
class _Ingest:
    home: Home
    folder: Path
    mapping: Mapping
    now: datetime
    progress: Progress
    reading: Section
    limits: Limits
    rated: tuple[str, ...]  # actions whose values are ratings
    actor: Actor


@dataclass
class _Table:
    """Good rows of one file, waiting in Parquet files to be stored, and the refused ones."""

    path: Path
    reading: Reading
    good: list[Path] = field(default_factory=list)
    bad: list[pl.DataFrame] = field(default_factory=list)
    good_rows: int = 0
    unwelcome: Counter[str] = field(default_factory=Counter)  # counted, and written nowhere
    notices: list[str] = field(default_factory=list)
    strangers: dict[str, None] = field(default_factory=dict)  # columns that are not read, in order

    def refused(self) -> pl.DataFrame:
        return pl.concat([self.reading.bad_rows(), *self.bad]).sort(ROW)


def ingest(
    home: Home,
    *,
    now: datetime,
    mapping: Mapping | None = None,
    progress: Progress | None = None,
    actor: Actor = LOCAL,
    **files: Path | None,
) -> Counts:
    """Reads, judges and stores files; each table grows in one step, after all files were judged.

    A file given twice counts once. Of acts that share an id the first stands, as `engine.repeats`
    has it. Bad rows go to `Home.quarantine` with table, row number (line
    number in text), reason, and the row as it came, without its text.

    Args:
        home: where to store.
        now: with a time zone; events ahead of it are refused.
        mapping: how their columns map onto ours.
        progress: told what is done.
        actor: whose results these are: no campaign that they do not see takes any.
        files: events, users, products, accounts, follows, results; None is no file.

    Raises:
        UnknownEntity: there is no table of that name.
        UnreadableFile: a file cannot be parsed, or holds not one row that can be used.
        FrameError: a file lacks a column that its table needs.
        ConfigError: a setting of the home is wrong.
    """
    for name in set(files) - set(eventlog.KINDS):
        raise UnknownEntity("table", name, tuple(eventlog.KINDS))
    chosen = settings.load("events", home.root)
    actions = settings.load_rows("actions", home.root)
    limits = Limits.of(chosen["limits"], actions)
    rated = tuple(name for name, row in actions.items() if row["rated"])
    counts = Counts()
    compact(home)  # what came before a file must not be put over what the file says
    with eventlog.staging(home) as folder:
        job = _Ingest(
            home,
            folder,
            mapping or Mapping(),
            now,
            progress or (lambda what, rows: None),
            chosen["reading"],
            limits,
            rated,
            actor,
        )
        judged = {name: _judge(job, name, path) for name, path in files.items() if path}
        counts.quarantine = _quarantine(job, judged)
        for table in judged.values():
            _refuse_useless(table, counts.quarantine)
        for name, table in judged.items():
            counts.tables[name] = _store(job, name, table)
        counts.quarantine = _quarantine(job, judged)
    return counts


def _judge(job: _Ingest, name: str, path: Path) -> _Table:
    job.progress(f"reading {name}", 0)
    folder = job.folder / name
    folder.mkdir()
    reading = read_file(path, folder, layout=job.mapping.layout(name), limits=job.reading)
    table = _Table(path, reading)
    done = 0
    for number, raw in enumerate(reading.frames()):
        renamed = _in_our_case(table, name, job.mapping.rename(raw, name))
        renamed, unwelcome = admit(job.home, name, renamed)
        table.unwelcome += unwelcome
        try:
            good, bad = _judged(job, name, renamed)
            if name == RESULTS.name:
                good, bad = _fitting(job, table, renamed, (good, bad))
        except FrameError as error:
            raise FrameError(error.frame, error.column, error.detail + _advice(name)) from error
        good, _ = admit(job.home, name, good)
        bad = bad.with_columns(without_names(job.home, bad[RAW]))
        target = folder / f"good-{number:06}.parquet"
        good.write_parquet(target, compression="lz4")
        table.good.append(target)
        table.bad.append(bad)
        table.good_rows += good.height
        done += raw.height
        job.progress(f"judging {name}", done)
    return table


def _in_our_case(table: _Table, name: str, raw: pl.DataFrame) -> pl.DataFrame:
    """Gives columns in another case our names; where it is unclear which is meant, tells so.

    Of tables with attributes any name may be one: `judge_rows` refuses those that are too alike.
    """
    if name in OPEN_ENDED:
        return raw
    kind = eventlog.KINDS[name]
    known, unsure = spelt_otherwise(raw.columns, kind)
    read = {ROW_NUMBER, *kind.columns, *known, *unsure}
    table.strangers |= dict.fromkeys(column for column in raw.columns if column not in read)
    for column in unsure:
        notice = f"column {column} is not read: another differs from it in case only"
        if notice not in table.notices:
            table.notices.append(notice)
    return raw.rename(known) if known else raw


def _judged(job: _Ingest, name: str, raw: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    if name == EVENTS.name:
        strange = job.mapping.off_scale(raw, job.rated)
        completed = job.mapping.complete(raw.filter(~strange), job.rated)
        good, bad = judge_events(completed, now=job.now, limits=job.limits, numbered=True)
        if strange.any():
            bad = pl.concat([bad, _off_scale(raw.filter(strange), job.mapping)])
        return good, bad
    days = Days.of(job.limits, job.now)
    return judge_rows(raw, eventlog.KINDS[name], id_bytes=job.limits.id_bytes, days=days)


def _fitting(
    job: _Ingest, table: _Table, raw: pl.DataFrame, judged: tuple[pl.DataFrame, pl.DataFrame]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Results beside their campaigns and what is known of them."""
    good, bad = judged
    found = judge_results(job.home, good, actor=job.actor)
    table.notices += [one for one in found.notices if one not in table.notices]
    wrong = found.reasons.is_not_null()
    raw = raw.filter(~raw[ROW_NUMBER].cast(pl.UInt64).is_in(bad[ROW].implode()))
    told = pl.DataFrame(
        {
            ROW: raw[ROW_NUMBER].cast(pl.UInt64),
            REASON: found.reasons,
            RAW: as_json(raw.drop(ROW_NUMBER)),
        },
        schema=BAD,
    ).filter(wrong)
    return found.rows.filter(~wrong), pl.concat([bad, told])


def _off_scale(raw: pl.DataFrame, mapping: Mapping) -> pl.DataFrame:
    reason = f"{VALUE} is outside the scale from {mapping.low:g} to {mapping.high:g}"
    return pl.DataFrame(
        {
            ROW: raw[ROW_NUMBER].cast(pl.UInt64),
            REASON: pl.repeat(reason, raw.height, dtype=pl.String, eager=True),
            RAW: as_json(raw.drop(ROW_NUMBER, TEXT, strict=False)),
        },
        schema=BAD,
    )


def _advice(name: str) -> str:
    return (
        f"; name the columns with --rename theirs=ours or a mapping file ([{name}.rename]), "
        "and those of a file without a header with --columns"
    )


def _refuse_useless(table: _Table, quarantine: Path | None) -> None:
    if table.good_rows or table.unwelcome:
        return
    columns = ", ".join(table.reading.columns) or "none"
    if not table.reading.rows:
        raise UnreadableFile(str(table.path), f"has no rows; columns found: {columns}")
    reasons = Counter(without_rows(table.refused()[REASON].to_list())).most_common(3)
    told = "; ".join(f"{count} x {reason}" for reason, count in reasons)
    if reasons[0][0] == f"{USER} is missing":
        told += f" (where all rows are of one person, say who: --default {USER}=ID)"
    raise UnreadableFile(
        str(table.path),
        f"none of its {counted(table.reading.rows, 'row')} can be used: {told}; "
        f"columns found: {columns}; the rows lie in {quarantine}",
    )


def _quarantine(job: _Ingest, judged: dict[str, _Table]) -> Path | None:
    moment = job.now.astimezone(UTC).strftime("%Y%m%dT%H%M%S%f")
    refused = {name: table.refused() for name, table in judged.items()}
    return keep_aside(job.home, f"{moment}-{os.getpid()}", refused)


def _store(job: _Ingest, name: str, table: _Table) -> Tally:
    job.progress(f"storing {name}", table.good_rows)
    parts = [pl.scan_parquet(path) for path in table.good]
    corrected = None
    if name == EVENTS.name:
        stored = _store_events(job, table, pl.concat(parts))
    else:
        rows = pl.concat(parts, how="diagonal").collect()
        if name in eventlog.KEYS:
            stored = eventlog.upsert(job.home, name, type_attributes(rows, eventlog.KINDS[name]))
        elif name == "follows":
            stored = eventlog.add_follows(job.home, rows, now=job.now)
        else:
            found = record_results(job.home, [rows], now=job.now)
            stored, corrected = found.stored, found.correction
    reasons = Counter(without_rows(table.refused()[REASON].to_list())) + table.unwelcome
    usable = table.reading.rows - reasons.total()
    known, notices = usable - stored, (*table.notices, *_not_read(table))
    return Tally(table.reading.rows, stored, known, reasons, corrected, notices)


def _not_read(table: _Table) -> tuple[str, ...]:
    """One notice of columns that are none of ours: a misspelt name would be silent else."""
    names = list(table.strangers)
    if not names:
        return ()
    told = ", ".join(shown(name) for name in names[:_NAMED])
    more = f" and {counted(len(names) - _NAMED, 'other')}" if len(names) > _NAMED else ""
    return (f"not read: {counted(len(names), 'column')} of other names: {told}{more}",)


def _store_events(job: _Ingest, table: _Table, events: pl.LazyFrame) -> int:
    """Those that are against one that stands, wherever in the file or the log, are refused."""
    added = eventlog.add_events(job.home, events)
    if added.against.height:
        numbers = events.select(ROW_NUMBER).collect().to_series()
        table.bad.append(refused_for_ids(job.home, added.against, numbers))
    return added.stored
