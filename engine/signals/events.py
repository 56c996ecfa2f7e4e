"""Which rows are events: every rule of the event table, applied to whole columns at once.

In: a frame as somebody else wrote it, with our column names. Out: events in the schema, and the
rows that were refused, each with its number and reason. Never: the disk, a clock, or an id changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import polars as pl

from engine import frames
from engine.errors import FrameError
from engine.frames import (
    ACTION,
    AT,
    CHANNEL,
    EVENT,
    EVENTS,
    LANGUAGE,
    OBJECT,
    PRODUCT,
    REASON,
    TARGET,
    TEXT,
    USER,
    VALUE,
)
from engine.repeats import AGREES, FIRST, PLACE, later_acts, names_first, said
from engine.settings import Section
from engine.signals.moments import decode, parse_moments

ROW, RAW = "row", "raw"
ROW_NUMBER = "\x1frow"
"""Name of a column that carries row numbers through; no file can hold a column of this name."""

LATEST = "\x1flatest"
"""Name of a column that holds the last moment which is believed."""

BAD = pl.Schema({ROW: pl.UInt64, REASON: pl.String, RAW: pl.String})
"""What is told of a row that is none."""

PRODUCTLESS = ("follow", "post", "question", "undo")
"""Acts that may be about no product."""

UNDO = "undo"
STARS = (1.0, 5.0)
"""The scale of ratings, that of the settings of actions."""

IDS = (EVENT, USER, PRODUCT, TARGET, OBJECT, CHANNEL, LANGUAGE)
_TEXTS = (*IDS, ACTION, TEXT)


@dataclass(frozen=True)
class Limits:
    """What `configs/events.toml` and `configs/actions.toml` allow."""

    actions: tuple[str, ...]
    id_bytes: int
    text_bytes: int
    earliest: datetime
    ahead: timedelta
    rated: tuple[str, ...] = ()
    """Actions whose values are ratings."""
    paid: tuple[str, ...] = ()
    """Actions whose values are amounts."""

    @classmethod
    def of(cls, section: Section, actions: Mapping[str, Mapping[str, Any]]) -> Limits:
        """Takes section `limits` of the events' settings and the rows of the known actions."""
        return cls(
            tuple(actions),
            section.id_bytes,
            section.text_bytes,
            datetime(section.earliest_year, 1, 1, tzinfo=UTC),
            timedelta(seconds=section.ahead_seconds),
            tuple(name for name, row in actions.items() if row.get("rated")),
            tuple(name for name, row in actions.items() if row.get("amount")),
        )


def judge_events(
    frame: pl.DataFrame, *, now: datetime, limits: Limits, numbered: bool = False
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Separates events from rows that are none.

    Columns may be text or typed; an empty text is a missing value; unknown columns are ignored.
    Actions may be in any case. Ids stay byte for byte; whole-number columns become their digits.
    The first rule that a row breaks is its reason.

    Args:
        frame: raw rows; their numbers in column `ROW_NUMBER`, or counted from 1.
        now: with a time zone; what lies further ahead than allowed is refused.
        limits: see `Limits`.
        numbered: whether events keep their row numbers, in column `ROW_NUMBER`, and those that
            share an id all stay, for whoever stores them to judge beside what is known.

    Returns:
        Events in the schema, all columns present, in the order of the frame, each event id once:
        a row that repeats an earlier one is left out, one that says something else under its id is
        bad (see `engine.repeats`). And the bad rows: row (UInt64), reason, raw (the row as JSON,
        without its text, which may be personal).

    Raises:
        FrameError: a required column is missing, or a column cannot hold what it should.
    """
    for column in EVENTS.required:
        if column not in frame.columns:
            found = ", ".join(name for name in frame.columns if name != ROW_NUMBER)
            raise FrameError("events", column, f"missing; found {found or 'nothing'}")
    if ROW_NUMBER not in frame.columns:
        frame = frame.with_row_index(ROW_NUMBER, offset=1)
    typed = _typed(frame, now.astimezone(UTC) + limits.ahead)
    missing = set(EVENTS.columns).difference(frame.columns)
    given = frozenset(typed.columns).difference(missing)
    reasons = typed.select(_reason(given, limits)).to_series()
    good = typed.select(list(EVENTS.columns))
    if numbered:
        good = good.with_columns(frame[ROW_NUMBER])
    if reasons.null_count() < frame.height:
        good = good.filter(reasons.is_null())
    good = identify(good)
    if not numbered and good[EVENT].is_duplicated().any():
        good, reasons = _each_once(good, reasons, frame[ROW_NUMBER])
    if reasons.null_count() == frame.height:
        return good, pl.DataFrame(schema=BAD)
    refused = reasons.is_not_null()
    bad = pl.DataFrame(
        {
            ROW: frame[ROW_NUMBER].cast(pl.UInt64).filter(refused),
            REASON: reasons.filter(refused),
            RAW: as_json(frame.filter(refused).drop(ROW_NUMBER, TEXT, strict=False)),
        }
    )
    return good, bad


def identify(events: pl.DataFrame) -> pl.DataFrame:
    """Gives events without an id one made of their other columns: 128 bits of BLAKE2b, as hex.

    The same act has the same id in any file, at any place, in any version of this product.
    """
    missing = events[EVENT].is_null()
    if not missing.any():
        return events
    parts = []
    for name, dtype in EVENTS.columns.items():
        if name == EVENT:
            continue
        content = pl.col(name)
        if dtype == pl.Float64:
            content = content.reinterpret(signed=True)
        text = content.to_physical().cast(pl.String)
        # A length before each value keeps ("a", "bc") apart from ("ab", "c").
        parts.append(pl.format(f"{name}={{}}:{{}};", text.str.len_bytes(), text).fill_null(""))
    described = events.filter(missing).select(pl.concat_str(parts)).to_series()
    made = [blake2b(row.encode(), digest_size=16).hexdigest() for row in described]
    ids = events[EVENT].to_frame().with_row_index("at")
    filled = ids.filter(missing).with_columns(pl.Series(EVENT, made, pl.String))
    return events.with_columns(ids.update(filled, on="at", how="left")[EVENT])


def name_act(row: Mapping[str, str]) -> str | None:
    """The id that `identify` gives one act; null where it has no moment that can be read.

    Args:
        row: columns of text and no numbers, as they were when the act itself was judged.
    """
    moment = parse_moments(pl.Series([row.get(AT)], dtype=pl.String)).to_physical().item()
    if moment is None:
        return None
    said = {**row, AT: str(moment)}
    try:
        parts = [
            f"{name}={len(said[name].encode())}:{said[name]};".encode()
            for name in EVENTS.columns
            if name != EVENT and said.get(name)
        ]
    except UnicodeError:
        return None
    return blake2b(b"".join(parts), digest_size=16).hexdigest()


def as_json(frame: pl.DataFrame) -> pl.Series:
    """Each row as one JSON object; what is missing is left out, bytes become text with marks."""
    if not frame.width:
        return pl.Series([""] * frame.height, dtype=pl.String)
    plain = frame.with_columns(
        pl.col(pl.Binary).map_elements(
            lambda content: content.decode(errors="replace"), return_dtype=pl.String
        )
    )
    return plain.select(pl.struct(pl.all()).struct.json_encode()).to_series()


def _each_once(
    good: pl.DataFrame, reasons: pl.Series, numbers: pl.Series
) -> tuple[pl.DataFrame, pl.Series]:
    """The first act under each id, and the reasons of all rows with those that are against one."""
    later = later_acts(good.select(EVENT, said()))
    rows = reasons.is_null().arg_true()
    against = later.filter(~pl.col(AGREES))
    named = map(names_first, numbers.gather(rows.gather(against[FIRST])))
    told = reasons.scatter(rows.gather(against[PLACE]), pl.Series(named, dtype=pl.String))
    stays = pl.repeat(True, good.height, dtype=pl.Boolean, eager=True).scatter(later[PLACE], False)
    return good.filter(stays), told


def _typed(frame: pl.DataFrame, latest: datetime) -> pl.DataFrame:
    """Our columns in our types; under `<name>?`, whether something was given that may be unread.

    All that can be said in one query is: small batches would feel each query by itself.
    """
    columns: dict[str, pl.Series | pl.Expr] = {LATEST: pl.lit(latest, frames.UTC)}
    for name, dtype in EVENTS.columns.items():
        if name not in frame.columns:
            columns[name] = pl.lit(None, dtype)
            continue
        raw, content = frame[name], pl.col(name)
        written = raw.dtype == pl.String
        if not written:
            columns[f"{name}?"] = content.is_not_null()
        elif name in (AT, VALUE):
            columns[f"{name}?"] = content.is_not_null() & (content != "")
        if name == AT:
            columns[name] = parse_moments(raw)
        elif name == VALUE:
            number = pl.lit(as_numbers(raw))
            # -0.0 is 0.0: one act, one id
            columns[name] = pl.when(number == 0).then(0.0).otherwise(number)
        else:
            text = content if written else pl.lit(as_texts(raw, name))
            text = text.str.to_lowercase() if name == ACTION else text
            columns[name] = pl.when(text != "").then(text)
    return frame.select(column.alias(name) for name, column in columns.items())


def as_texts(raw: pl.Series, name: str) -> pl.Series:
    """A column as text: whole numbers as their digits.

    Null where bytes are no UTF-8, where a number is a fraction, and where a truth value stands.

    Raises:
        FrameError: a nested column.
    """
    if raw.dtype.is_float():
        # A column of whole numbers with gaps is often written as floats.
        whole = (raw == raw.round()) & (raw.abs() < 2.0**53)
        return (
            raw.to_frame("x")
            .select(pl.when(whole.fill_null(False)).then(pl.col("x")).cast(pl.Int64, strict=False))
            .to_series()
            .cast(pl.String)
        )
    if raw.dtype == pl.Boolean:
        return raw.replace_strict([True, False], None, return_dtype=pl.String)
    if raw.dtype.is_nested() or raw.dtype == pl.Object:
        raise FrameError("events", name, f"is {raw.dtype}; must be text")
    return decode(raw) if raw.dtype == pl.Binary else raw.cast(pl.String, strict=False)


def as_numbers(raw: pl.Series) -> pl.Series:
    """A column as numbers, null where it holds something else.

    Raises:
        FrameError: a nested column, or one of times.
    """
    if raw.dtype == pl.String:
        return raw.str.strip_chars().cast(pl.Float64, strict=False)
    if raw.dtype.is_nested() or raw.dtype.is_temporal():
        raise FrameError("events", VALUE, f"is {raw.dtype}; must be a number")
    return raw.cast(pl.Float64, strict=False)


@lru_cache(maxsize=64)
def _reason(given: frozenset[str], limits: Limits) -> pl.Expr:
    """The first broken rule in words, or null; to build it takes as long as to ask it of a batch.

    Args:
        given: those columns of `_typed` that are not made up; rules of others are left out.
        limits: see `Limits`.
    """
    rules: list[tuple[pl.Expr, str]] = []
    for name in _TEXTS:
        if f"{name}?" in given:
            unread = pl.col(f"{name}?") & pl.col(name).is_null()
            rules.append((unread, f"{name} is not text in UTF-8"))
    rules.append((pl.col(USER).is_null(), f"{USER} is missing"))
    for name in IDS:
        if name in given:
            rules += _id_rules(name, limits)
    productless = pl.col(PRODUCT).is_null() & ~pl.col(ACTION).is_in(PRODUCTLESS)
    if VALUE in given:
        unread = pl.col(f"{VALUE}?") & pl.col(VALUE).is_null()
        rules.append((unread, f"{VALUE} is not a number"))
    rules += [
        (pl.col(TEXT).str.len_bytes() > limits.text_bytes, f"{TEXT} is too long"),
        (~pl.col(VALUE).is_finite(), f"{VALUE} is not finite"),
        (pl.col(ACTION).is_null(), f"{ACTION} is missing"),
        (~pl.col(ACTION).is_in(limits.actions), f"{ACTION} is unknown"),
        (_off_scale(limits), f"{VALUE} is no rating from {STARS[0]:g} to {STARS[1]:g} stars"),
        (_given_back(limits), f"{VALUE} is below 0; an undo takes back what was not kept"),
        (productless, f"{PRODUCT} is missing"),
        ((pl.col(ACTION) == UNDO) & pl.col(OBJECT).is_null(), f"{OBJECT} of undo is missing"),
        (~pl.col(f"{AT}?"), f"{AT} is missing"),
        (pl.col(AT).is_null(), f"{AT} is not a time"),
        (pl.col(AT) < limits.earliest, f"{AT} is before {limits.earliest:%Y}"),
        (pl.col(AT) > pl.col(LATEST), f"{AT} lies ahead of the clock"),
    ]
    return pl.coalesce(pl.when(broken).then(pl.lit(text)) for broken, text in rules)


def _off_scale(limits: Limits) -> pl.Expr:
    return pl.col(ACTION).is_in(limits.rated) & ~pl.col(VALUE).is_between(*STARS)


def _given_back(limits: Limits) -> pl.Expr:
    return pl.col(ACTION).is_in(limits.paid) & (pl.col(VALUE) < 0)


def _id_rules(name: str, limits: Limits) -> list[tuple[pl.Expr, str]]:
    content = pl.col(name)
    return [
        (
            content.str.len_bytes() > limits.id_bytes,
            f"{name} is longer than {limits.id_bytes} bytes",
        ),
        (content.str.contains(r"\p{Cc}"), f"{name} holds a control character"),
        (content.str.strip_chars() == "", f"{name} is blank"),
    ]
