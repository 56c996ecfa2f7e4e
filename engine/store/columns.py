"""Columns of tables that grow: one name for each, and a type that holds every value it was given.

In: the rows a table has, and rows that join it. Out: both with the same names and types.
Never: a value rounded, cut or lost, two names that differ in case only, or a type Delta lacks.
"""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from engine.frames import Schema, folded

Dtype = pl.DataType | type[pl.DataType]
HELD = (pl.String, pl.Boolean, pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.Float32, pl.Float64)
HELD_TOO = (pl.Date, pl.Decimal, pl.Binary)
WHOLE = pl.List(pl.Int64)
NAIVE, ZONED = pl.Datetime("us"), pl.Datetime("us", "UTC")


def plain(rows: pl.DataFrame) -> pl.DataFrame:
    """Columns in types that Delta tables hold; what has no such type becomes text.

    Unsigned numbers become signed, moments microseconds; objects, and lists of anything but plain
    values, become JSON.
    """
    return pl.DataFrame([_plain(column) for column in rows.get_columns()])


def named_alike(rows: pl.DataFrame, known: list[str], kind: Schema) -> pl.DataFrame:
    """Stores each column under the name that the schema or the table has for it, whatever its case.

    Delta tells names that differ in case only from nothing. Of columns of one row that have the
    same name then, the first that is not null stands.
    """
    names = {folded(name): name for name in [*known, *kind.columns]}
    together: dict[str, list[pl.Series]] = {}
    for column in rows.get_columns():
        name = names.setdefault(folded(column.name), column.name)
        together.setdefault(name, []).append(column)
    return pl.DataFrame([_one(name, columns, kind) for name, columns in together.items()])


def agreeing(known: pl.DataFrame, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Gives the columns that both have one type, which holds every value of both as it is.

    It is the type of the table where that can be; whole numbers and fractions become fractions;
    what else differs becomes text.
    """
    for name in rows.columns:
        if name in known.columns and known.schema[name] != rows.schema[name]:
            one, other = _common(known[name], rows[name])
            known, rows = known.with_columns(one), rows.with_columns(other)
    return known, rows


def _plain(column: pl.Series) -> pl.Series:
    dtype = column.dtype
    if dtype in HELD or dtype in HELD_TOO:
        return column
    if isinstance(dtype, pl.Datetime):
        return column.cast(NAIVE if dtype.time_zone is None else ZONED)
    if dtype.is_integer():
        return _exactly(column, pl.Int64) if _fits(column, pl.Int64) else column.cast(pl.String)
    if isinstance(dtype, pl.List) and _inner(dtype) in HELD:
        return column
    if isinstance(dtype, pl.List) and _inner(dtype).is_integer() and _fits(column, WHOLE):
        return column.cast(WHOLE)
    return _as_text(column)


def _inner(dtype: pl.List) -> pl.DataType:
    inner = dtype.inner
    return inner() if isinstance(inner, type) else inner


def _one(name: str, columns: list[pl.Series], kind: Schema) -> pl.Series:
    first = columns[0].alias(name)
    wanted = kind.columns.get(name)
    if wanted is not None and first.dtype != wanted:
        first = _in_schema(first, wanted)
    for later in columns[1:]:
        second = later.alias(name)
        if wanted is not None:
            second = _in_schema(second, wanted)
        elif second.dtype != first.dtype:
            first, second = _common(first, second)
        first = first.zip_with(first.is_not_null(), second)
    return first


def _in_schema(column: pl.Series, wanted: Dtype) -> pl.Series:
    """A column of the schema under a name in another case: text, or a list of texts."""
    if column.dtype == wanted:
        return column
    text = _as_text(column)
    return text.to_frame().select(_listed(text.name) if wanted != pl.String else pl.all())[
        text.name
    ]


def _listed(name: str) -> pl.Expr:
    return pl.when(pl.col(name).is_not_null()).then(pl.concat_list(name)).alias(name)


def _common(one: pl.Series, other: pl.Series) -> tuple[pl.Series, pl.Series]:
    for dtype in _candidates(one.dtype, other.dtype):
        if _fits(one, dtype) and _fits(other, dtype):
            return _exactly(one, dtype), _exactly(other, dtype)
    return _as_text(one), _as_text(other)


def _candidates(one: pl.DataType, other: pl.DataType) -> list[Dtype]:
    """Types to try, the narrowest change of the table first."""
    if one.is_numeric() and other.is_numeric():
        return [one, other, pl.Int64, pl.Float64]
    if isinstance(one, pl.List) and isinstance(other, pl.List):
        inner = _candidates(_inner(one), _inner(other))
        return [*(pl.List(dtype) for dtype in inner), pl.List(pl.String)]
    return [one] if other == pl.String and not one.is_nested() else []


def _fits(column: pl.Series, dtype: Dtype) -> bool:
    """Whether every value comes back from another type as it was, so that nothing is lost."""
    if column.dtype == dtype or column.null_count() == len(column):
        return True
    try:
        return column.cast(dtype).cast(column.dtype).equals(column, null_equal=True)
    except pl.exceptions.PolarsError:
        return False


def _exactly(column: pl.Series, dtype: Dtype) -> pl.Series:
    if column.null_count() == len(column):
        return pl.Series(column.name, [None] * len(column), dtype)
    return column.cast(dtype)


def _as_text(column: pl.Series) -> pl.Series:
    dtype = column.dtype
    if dtype == pl.String:
        return column
    if dtype.is_nested() or dtype in (pl.Binary, pl.Object, pl.Duration):
        texts = [None if value is None else _written(value) for value in column.to_list()]
        return pl.Series(column.name, texts, pl.String)
    return column.cast(pl.String)


def _written(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    return json.dumps(value, ensure_ascii=False, default=_written_inside)


def _written_inside(value: Any) -> Any:
    return _written(value) if isinstance(value, bytes) else str(value)
