"""Moments in the notations people write: ISO 8601, epoch seconds, epoch milliseconds.

In: a column of text, numbers or times. Out: UTC in microseconds, null where it is no moment.
Never: a guess at a local time zone; a time without one is UTC.
"""

from __future__ import annotations

import polars as pl

from engine import frames
from engine.errors import FrameError

SECONDS_END = 1e11
"""Epoch numbers from here on are milliseconds: as seconds it is the year 5138, as those 1973."""
NUMBER = r"^\s*[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?\s*$"
ISO = (
    r"^\s*(?P<date>\d{4}-\d{2}-\d{2})"
    r"(?:[Tt ](?P<hour>[01]\d|2[0-3]):(?P<minute>[0-5]\d)"
    r"(?::(?P<second>[0-5]\d|60)(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"\s?(?:[Zz]|UTC|(?P<sign>[+-])(?P<ahead>[01]\d|2[0-3])(?::?(?P<past>[0-5]\d))?)?)?\s*$"
)


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
