"""Moments in the notations people write: ISO 8601, epoch seconds, epoch milliseconds.

In: a column of text, numbers or times. Out: UTC in microseconds, null where it is no moment.
Never: a guess at a local time zone; a time without one is UTC.
"""

from __future__ import annotations

import re
from datetime import timedelta

import polars as pl

from engine import frames
from engine.errors import FrameError

SECONDS_END = 1e11
"""Epoch numbers from here on are milliseconds: as seconds it is the year 5138, as those 1973."""
NUMBER = r"^\s*[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?\s*$"
ISO = (
    r"^\s*(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ](?P<hour>[01][0-9]|2[0-3]):(?P<minute>[0-5][0-9])"
    r"(?::(?P<second>[0-5][0-9]|60)(?:[.,](?P<fraction>[0-9]{1,9}))?)?"
    r"\s?(?:[Zz]|UTC|(?P<sign>[+-])(?P<ahead>[01][0-9]|2[0-3])(?::?(?P<past>[0-5][0-9]))?)?)?\s*$"
)
FRACTION = r"\.[0-9]{1,9}"
USUAL = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?P<between>[T ])[0-9]{2}:[0-9]{2}:[0-9]{2}"
    rf"(?P<fraction>{FRACTION})?(?P<zone>Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9]|)"
)
"""What programs write; a column has mostly one such notation, which is read many times faster."""


def parse_moments(raw: pl.Series) -> pl.Series:
    """Reads a column of moments.

    Text is ISO 8601 (`T` or a space, fractions cut at microseconds, any offset) or an epoch number;
    numbers are epoch seconds, or milliseconds where their size says so.

    Raises:
        FrameError: a column of nested or other values that are never moments.
    """
    if isinstance(raw.dtype, pl.Datetime):
        if raw.dtype.time_zone is None:
            return raw.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
        return raw.dt.convert_time_zone("UTC").cast(frames.UTC)
    if raw.dtype == pl.Date:
        return raw.cast(frames.UTC)
    if raw.dtype == pl.Null:
        return raw.cast(frames.UTC)
    if raw.dtype.is_numeric():
        return _from_epoch(raw.cast(pl.Float64))
    if raw.dtype == pl.Binary:
        raw = decode(raw)
    if raw.dtype not in (pl.String, pl.Categorical, pl.Enum):
        raise FrameError("events", frames.AT, f"is {raw.dtype}; must be a time, text or a number")
    text = raw.cast(pl.String)
    moments = _in_one_notation(text)
    if moments.null_count() == text.null_count():
        return moments
    unread = (moments.is_null() & text.is_not_null()).arg_true()
    return moments.scatter(unread, _in_any_notation(text.gather(unread)))


def _in_one_notation(text: pl.Series) -> pl.Series:
    """Moments written as the first is, the others null; all are where the first is unusual."""
    usual = USUAL.fullmatch(str(text.first(ignore_nulls=True) or ""))
    if usual is None:
        return pl.repeat(None, text.len(), dtype=frames.UTC, eager=True).alias(text.name)
    between, fraction, zone = usual["between"], usual["fraction"], usual["zone"]
    form = (
        rf"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}{between}"
        rf"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
        rf"{FRACTION if fraction else ''}{re.escape(zone)}$"
    )
    layout = f"%Y-%m-%d{between}%H:%M:%S{'%.f' if fraction else ''}{zone}"
    content = pl.col("x")
    written = content.str.to_datetime(layout, strict=False, time_unit="us")
    moment = (written - _ahead(zone)).dt.replace_time_zone("UTC")
    # Polars' own reading takes more than this form, one digit for a month among others.
    read = text.to_frame("x").select(pl.when(content.str.contains(form)).then(moment))
    return read.to_series().alias(text.name)


def _ahead(zone: str) -> timedelta:
    """How far clocks of a zone are ahead of UTC."""
    if zone in ("", "Z"):
        return timedelta()
    ahead = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
    return -ahead if zone[0] == "-" else ahead


def _in_any_notation(text: pl.Series) -> pl.Series:
    numeric = text.str.contains(NUMBER)
    numbers = (
        text.str.strip_chars()
        .to_frame("x")
        .select(pl.when(numeric).then(pl.col("x")).cast(pl.Float64, strict=False))
    )
    written = _from_iso(text)
    return written.zip_with(~numeric.fill_null(False), _from_epoch(numbers.to_series()))


def decode(raw: pl.Series) -> pl.Series:
    """Bytes as text, null where they are no UTF-8."""

    def text(content: bytes | None) -> str | None:
        try:
            return content.decode() if content is not None else None
        except UnicodeDecodeError:
            return None

    return pl.Series(raw.name, [text(content) for content in raw], pl.String)


def _from_epoch(numbers: pl.Series) -> pl.Series:
    number = pl.col("x")
    micros = number * pl.when(number.abs() < SECONDS_END).then(1e6).otherwise(1e3)
    # Beyond 2**53 microseconds (the year 2255) a float holds no exact moment; such years are
    # refused by their size anyway.
    usable = number.is_finite() & (micros.abs() < 9e18)
    return (
        numbers.to_frame("x")
        .select(pl.when(usable).then(micros).round().cast(pl.Int64, strict=False).cast(frames.UTC))
        .to_series()
    )


def _from_iso(text: pl.Series) -> pl.Series:
    def number(name: str) -> pl.Expr:
        return pl.col(name).cast(pl.Int64).fill_null(0)

    ahead = (number("ahead") * 60 + number("past")) * pl.when(pl.col("sign") == "-").then(
        -1
    ).otherwise(1)
    seconds = (number("hour") * 60 + number("minute") - ahead) * 60 + number("second")
    fraction = pl.col("fraction").str.slice(0, 6).str.pad_end(6, "0").cast(pl.Int64).fill_null(0)
    day = pl.col("date").str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us")).to_physical()
    return (
        text.str.extract_groups(ISO)
        .struct.unnest()
        .select((day + seconds * 1_000_000 + fraction).cast(frames.UTC))
        .to_series()
    )
