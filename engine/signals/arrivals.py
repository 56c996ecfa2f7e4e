"""Rows as they came over the wire, judged one by one by the rules that files are judged by.

In: a list of parsed JSON values and the name of their table. Out: good rows in the schema, and for
every other its index, field and reason. Never: a good row lost to a bad one, or a row that the
tables could not hold afterwards.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from engine.frames import EVENTS, REASON, Schema, folded
from engine.signals.activitystreams import is_activity, read_activity
from engine.signals.events import ROW, ROW_NUMBER, Limits, judge_events, name_act
from engine.signals.ids import ID_COLUMNS, NotAnId, as_id
from engine.signals.tables import OPEN_ENDED, Days, judge_rows, kind_in_words

FIELD, INDEX = "field", "index"
REFUSED = pl.Schema({INDEX: pl.UInt32, FIELD: pl.String, REASON: pl.String})
NESTED = (list, dict, bool)
ATTRIBUTE = re.compile(r"[^\x00-\x20\x7f ,;{}()=\"'`\\]{1,64}")
"""Names of columns that Parquet, Delta and SQL all hold without quoting anything."""


@dataclass(frozen=True)
class Malformed:
    """In the place of a row: a line that was no JSON, and why."""

    reason: str


@dataclass(frozen=True)
class Judged:
    """What became of the rows: `refused` has index (from 0), field and reason, sorted by index.

    `told` is what else their sender is to know.
    """

    received: int
    good: pl.DataFrame
    refused: pl.DataFrame
    told: Mapping[str, Any] = field(default_factory=dict)

    @property
    def accepted(self) -> int:
        return self.received - self.refused.height

    @property
    def repeated(self) -> int:
        """Of those accepted, how many say again what an earlier row said under the same id."""
        return self.accepted - self.good.height

    def without(self, reasons: pl.Series, told: Mapping[str, Any]) -> Judged:
        """The same, with those good rows refused that have a reason, which names its field first.

        Args:
            reasons: one for each good row, null where nothing is wrong.
            told: what else their sender is to know.
        """
        numbers = pl.Series(INDEX, range(self.received), pl.UInt32)
        bad = pl.DataFrame(
            {
                INDEX: numbers.filter(~numbers.is_in(self.refused[INDEX].implode())),
                FIELD: reasons.str.splitn(" ", 2).struct.field("field_0"),
                REASON: reasons,
            },
            schema=REFUSED,
        ).filter(reasons.is_not_null())
        refused = pl.concat([self.refused, bad]).sort(INDEX)
        return Judged(self.received, self.good.filter(reasons.is_null()), refused, told)


def judge_arrivals(
    rows: Sequence[Any], kind: Schema, *, now: datetime, limits: Limits, most_columns: int
) -> Judged:
    """Separates rows that a table can hold from those that it cannot.

    Events may be ActivityStreams objects. Of users, products and accounts, whatever the schema
    does not name is an attribute; values of attributes become text, as those of files do.

    Args:
        rows: parsed JSON, or `Malformed`.
        kind: one of `EVENTS`, `USERS`, `PRODUCTS`, `ACCOUNTS`, `FOLLOWS`, `RESULTS`.
        now: with a time zone; events ahead of it are refused.
        limits: as for files.
        most_columns: a row that names more columns is refused, and a column that comes when so
            many are known already.
    """
    columns, refused = _columns(rows, kind, most_columns)
    texts = [_texts(name, values, kind, refused) for name, values in columns.items()]
    frame = pl.DataFrame(texts).with_row_index(ROW_NUMBER)
    if refused:
        frame = frame.filter(~pl.col(ROW_NUMBER).is_in(list(refused)))
    if kind is EVENTS:
        good, bad = judge_events(frame, now=now, limits=limits)
    else:
        good, bad = judge_rows(frame, kind, id_bytes=limits.id_bytes, days=Days.of(limits, now))
    told = refused | dict(zip(bad[ROW], bad[REASON], strict=True))
    return Judged(len(rows), good, _refused(told, {*columns, *kind.columns}))


def _columns(
    rows: Sequence[Any], kind: Schema, most_columns: int
) -> tuple[dict[str, list[Any]], dict[int, str]]:
    """Values by column, and rows that are none; every column that is required is there."""
    if _alike(rows, kind):
        return _columns_of_alike(rows, kind), {}
    columns: dict[str, list[Any]] = {name: [None] * len(rows) for name in kind.required}
    refused: dict[int, str] = {}
    open_ended = kind.name in OPEN_ENDED
    passed_over: dict[str, str | None] = {}
    for index, given in enumerate(rows):
        row = _row(given, kind)
        if isinstance(row, str):
            refused[index] = row
            continue
        for name, value in row.items():
            values = columns.get(name)
            if values is None:
                if value is None:
                    continue
                if name not in kind.columns and not open_ended:
                    if name not in passed_over:
                        passed_over[name] = _otherwise_spelt(name, kind)
                    if reason := passed_over[name]:
                        refused.setdefault(index, reason)
                    continue
                if reason := _bad_name(name, kind, columns, most_columns):
                    refused.setdefault(index, reason)
                    continue
                values = columns[name] = [None] * len(rows)
            values[index] = value
    return columns, refused


def _alike(rows: Sequence[Any], kind: Schema) -> bool:
    """Whether all rows have the same fields, and all of these are columns of the table."""
    if not rows or type(rows[0]) is not dict or not rows[0].keys() <= kind.columns.keys():
        return False
    fields = rows[0].keys()
    return all(type(row) is dict and row.keys() == fields for row in rows)


def _columns_of_alike(rows: Sequence[Any], kind: Schema) -> dict[str, list[Any]]:
    lacking = {name: [None] * len(rows) for name in kind.required if name not in rows[0]}
    return lacking | {name: [row[name] for row in rows] for name in rows[0]}


def _row(given: Any, kind: Schema) -> dict[str, Any] | str:
    if isinstance(given, Malformed):
        return given.reason
    if not isinstance(given, dict):
        return "is no object"
    if kind is EVENTS and is_activity(given):
        return read_activity(given, name_act)
    return given


def _bad_name(
    name: str, kind: Schema, columns: dict[str, list[Any]], most_columns: int
) -> str | None:
    if name in kind.columns:
        return None
    if not ATTRIBUTE.fullmatch(name):
        return "names a column that cannot be kept; letters, digits, _ - . are safe, at most 64"
    if reason := _otherwise_spelt(name, kind):
        return reason
    if folded(name) in set(map(folded, columns)):
        return f"{name} differs from another column in case only"
    if len(columns) >= most_columns:
        return f"names a column beyond the {most_columns} that one request may name"
    return None


def _otherwise_spelt(name: str, kind: Schema) -> str | None:
    """Why a name in another case is refused: what stands under it would be lost without a word."""
    theirs = folded(name)
    ours = next((ours for ours in kind.columns if folded(ours) == theirs), None)
    return ours and f"{name} is to be written {ours}"


def _texts(name: str, values: list[Any], kind: Schema, refused: dict[int, str]) -> pl.Series:
    """A column as text; what JSON nests is text where it is an attribute or a list of tags."""
    types = set(map(type, values))
    if types <= {float, type(None)} and name in kind.columns and kind.columns[name] == pl.Float64:
        return pl.Series(name, values, pl.Float64)
    if not types <= {str, type(None)}:
        plain = name in kind.columns and not isinstance(kind.columns[name], pl.List)
        for index, value in enumerate(values):
            if value is None or isinstance(value, str):
                continue
            if name in ID_COLUMNS and plain:
                try:
                    values[index] = as_id(value, name)
                except NotAnId as error:
                    refused.setdefault(index, str(error))
                    values[index] = None
            elif plain and isinstance(value, NESTED):
                refused.setdefault(index, f"{name} is not {_wanted(kind, name)}")
                values[index] = None
            elif isinstance(value, NESTED):
                values[index] = json.dumps(value, ensure_ascii=False)
            else:
                values[index] = str(value)
    return pl.Series(name, values, pl.String)


def _wanted(kind: Schema, name: str) -> str:
    dtype = kind.columns[name]
    if dtype == pl.String:
        return "text"
    return kind_in_words(dtype) if dtype.is_numeric() or dtype == pl.Date else "a time"


def _refused(reasons: dict[int, str], known: set[str]) -> pl.DataFrame:
    """The field is the first word of a reason, where that is a column's name in whatever case."""
    known = {folded(name) for name in (*known, *ACTIVITY)}
    fields = [reason.split(" ", 1)[0] for reason in reasons.values()]
    return pl.DataFrame(
        {
            INDEX: list(reasons),
            FIELD: [field if folded(field) in known else "" for field in fields],
            REASON: list(reasons.values()),
        },
        schema=REFUSED,
    ).sort(INDEX)


ACTIVITY = ("type", "object")
"""Fields of activities that reasons speak of."""
