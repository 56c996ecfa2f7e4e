"""Rows of users, products, accounts, follows and results: which are good, and their types.

In: a frame as somebody else wrote it, with our column names. Out: good rows in the schema, bad
rows with reasons. Never: an id changed, or an attribute lost.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime

import polars as pl

from engine.errors import FrameError
from engine.frames import (
    ACCOUNT,
    CAMPAIGN,
    CHANNEL,
    DATE,
    FOLLOWEE,
    FOLLOWER,
    PRODUCT,
    REASON,
    REPORTED,
    RESULTS,
    SEGMENT,
    TAGS,
    USER,
    Schema,
    folded,
)
from engine.frames import (
    UTC as MOMENT,
)
from engine.signals.events import RAW, ROW, ROW_NUMBER, Limits, as_json, as_numbers, as_texts
from engine.signals.ids import EXACT, as_id
from engine.signals.moments import parse_moments

IDS = (USER, PRODUCT, ACCOUNT, FOLLOWER, FOLLOWEE, CHANNEL, SEGMENT, CAMPAIGN)
CURRENCY = r"\A[A-Z]{3}\z"
Rules = list[tuple[pl.Expr, str]]
MORE_THAN_EXACT = r"^[+-]?\d{16,}$"
"""Whole numbers that a fraction's type may round."""
OPEN_ENDED = ("users", "products", "accounts")
"""Tables whose further columns are attributes."""
TAGS_BETWEEN = "|"
"""Between the tags of a product in text: MovieLens and most exports write them so."""


@dataclass(frozen=True)
class Days:
    """The days that results may be of, both included, and the moment they are reported by."""

    first: date
    last: date
    until: datetime | None = None

    @classmethod
    def of(cls, limits: Limits, now: datetime) -> Days:
        """What is believed of moments is believed of days: by UTC, as plans count them."""
        until = now.astimezone(UTC) + limits.ahead
        return cls(limits.earliest.date(), until.date(), until)


def judge_rows(
    raw: pl.DataFrame, kind: Schema, *, id_bytes: int, days: Days | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Separates rows that fit a table from those that do not.

    Ids follow the rules of events. Columns that the schema does not name stay as they are; an
    empty text is a missing value. Results are of `days`, and can be true.

    Returns:
        Good rows in the order of the frame, and bad rows as `judge_events` gives them.

    Raises:
        FrameError: a required column is missing, or of users, products and accounts two columns,
            or one and a column of the schema, differ in case only.
    """
    if kind.name in OPEN_ENDED:
        _refuse_twins(raw.columns, kind)
    for column in kind.required:
        if column not in raw.columns:
            found = ", ".join(name for name in raw.columns if name != ROW_NUMBER)
            raise FrameError(kind.name, column, f"missing; found {found or 'nothing'}")
    rows = raw.drop(ROW_NUMBER).with_columns(pl.col(pl.String).replace("", None))
    typed = rows.with_columns(
        _typed(rows[name], dtype).alias(name)
        for name, dtype in kind.columns.items()
        if name in rows.columns
    )
    rules = _rules(rows, kind, id_bytes)
    if kind.name == RESULTS.name:
        rules += _rules_of_results(set(rows.columns), days)
    broken = pl.coalesce(pl.when(rule).then(pl.lit(text)) for rule, text in rules)
    reason = typed.select(broken.alias(REASON)).to_series()
    bad = pl.DataFrame(
        {
            ROW: raw[ROW_NUMBER].cast(pl.UInt64),
            REASON: reason,
            RAW: as_json(raw.drop(ROW_NUMBER)),
        }
    ).filter(reason.is_not_null())
    return typed.filter(reason.is_null()), bad


def _refuse_twins(columns: list[str], kind: Schema) -> None:
    """Tables hold no two names that differ in case only; which is meant, others have to say."""
    names = {folded(name): name for name in kind.columns}
    for name in columns:
        if (ours := names.setdefault(folded(name), name)) != name:
            raise FrameError(kind.name, name, f"differs from {ours} in case only")


def type_attributes(rows: pl.DataFrame, kind: Schema) -> pl.DataFrame:
    """Gives each text column beyond the schema the narrowest type that all its values fit.

    Whole numbers, then numbers, then true and false; text with leading zeros stays text, because
    a postal code is no number, and so do whole numbers of more digits than a number holds.
    """
    columns = [
        _narrowed(rows[name]) if dtype == pl.String and name not in kind.columns else rows[name]
        for name, dtype in rows.schema.items()
    ]
    return pl.DataFrame(columns)


def _narrowed(column: pl.Series) -> pl.Series:
    values = column.drop_nulls()
    if values.is_empty() or values.str.contains(r"^[+-]?0\d").any():
        return column
    long = values.str.contains(MORE_THAN_EXACT).any()
    for dtype in (pl.Int64,) if long else (pl.Int64, pl.Float64):
        typed = column.cast(dtype, strict=False)
        finite = dtype == pl.Int64 or typed.drop_nulls().is_finite().all()
        if typed.null_count() == column.null_count() and finite:
            return typed
    if values.str.to_lowercase().is_in(["true", "false"]).all():
        return column.str.to_lowercase() == "true"
    return column


def _typed(column: pl.Series, dtype: pl.DataType | type[pl.DataType]) -> pl.Series:
    if dtype == pl.String:
        return as_texts(column, column.name)
    if dtype == pl.Date:
        if column.dtype == pl.String:
            return column.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
        return column.cast(pl.Date, strict=False)
    if isinstance(dtype, pl.List):
        return _tags(column)
    if dtype == MOMENT:
        odd = column.dtype.is_nested() or column.dtype == pl.Boolean
        none = pl.repeat(None, column.len(), dtype=MOMENT, eager=True).alias(column.name)
        return none if odd else parse_moments(column)
    return _whole(column) if dtype == pl.Int64 else as_numbers(column).cast(dtype, strict=False)


def _whole(column: pl.Series) -> pl.Series:
    """Whole numbers as they are, null where a value is a fraction or none; `3.0` is 3."""
    numbers = as_numbers(column)
    exact = (numbers == numbers.round()) & (numbers.abs() < EXACT)
    rounded = numbers.zip_with(exact.fill_null(False), pl.Series([None], dtype=pl.Float64))
    texts = column.str.strip_chars() if column.dtype == pl.String else column
    digits = texts if texts.dtype.is_integer() or texts.dtype == pl.String else rounded
    digits = digits.cast(pl.Int64, strict=False)
    return digits.zip_with(digits.is_not_null(), rounded.cast(pl.Int64, strict=False))


def _tags(column: pl.Series) -> pl.Series:
    """A list of texts, from a list, a JSON array, or text with `|` between."""
    if column.dtype.is_nested():
        return column.cast(pl.List(pl.String), strict=False)
    texts = column.cast(pl.String)
    written = [
        _parsed(text) if text and text.startswith("[") else text and text.split(TAGS_BETWEEN)
        for text in texts
    ]
    return pl.Series(column.name, written, pl.List(pl.String))


def _parsed(text: str) -> list[str] | None:
    """Tags of a JSON array: nulls go, whole numbers are digits; null where one is no text."""
    try:
        tags = [tag for given in json.loads(text) if (tag := as_id(given, TAGS)) is not None]
        "".join(tags).encode()  # a lone surrogate, which JSON can spell, is no text
    except (ValueError, RecursionError):
        return None
    return tags


def _rules(rows: pl.DataFrame, kind: Schema, id_bytes: int) -> Rules:
    """What makes a row bad, in the order it is told; an expression over typed rows, and why."""
    rules: Rules = []
    for name in kind.columns:
        if name not in rows.columns:
            continue
        unread = pl.lit(rows[name].is_not_null()) & pl.col(name).is_null()
        rules.append((unread, f"{name} is not {kind_in_words(kind.columns[name])}"))
        if name in kind.required:
            rules.append((pl.col(name).is_null(), f"{name} is missing"))
        if name in IDS:
            long = pl.col(name).str.len_bytes() > id_bytes
            rules.append((long, f"{name} is longer than {id_bytes} bytes"))
            rules.append(
                (pl.col(name).str.contains(r"\p{Cc}"), f"{name} holds a control character")
            )
        if kind.columns[name].is_numeric():
            rules.append((~pl.col(name).is_finite(), f"{name} is not finite"))
            rules.append((pl.col(name) < 0, f"{name} is negative"))
    return rules


def _rules_of_results(given: set[str], days: Days | None) -> Rules:
    rules: Rules = []
    if days is not None:
        rules.append((pl.col(DATE) < days.first, f"{DATE} is before {days.first:%Y}"))
        rules.append((pl.col(DATE) > days.last, f"{DATE} lies ahead of the clock"))
    if REPORTED in given:
        # A day's figures cannot be drawn up before it began anywhere on earth.
        early = pl.col(REPORTED).dt.date() < pl.col(DATE) - pl.duration(days=1)
        rules.append((early, f"{REPORTED} lies before the {DATE}"))
        if days is not None and days.until is not None:
            rules.append((pl.col(REPORTED) > days.until, f"{REPORTED} lies ahead of the clock"))
    if {"clicks", "impressions"} <= given:
        above = pl.col("clicks") > pl.col("impressions")
        rules.append((above, "clicks are above the impressions"))
    if "currency" in given:
        other = ~pl.col("currency").str.contains(CURRENCY)
        rules.append((other, "currency is not three capital letters"))
    return rules


def kind_in_words(dtype: pl.DataType | type[pl.DataType]) -> str:
    if dtype == pl.Date:
        return "a date"
    if dtype == MOMENT:
        return "a time"
    if dtype.is_numeric():
        return "a whole number" if dtype.is_integer() else "a number"
    return "a list of texts" if isinstance(dtype, pl.List) else "text in UTF-8"
