"""What the acts of a user on a product add up to.

In: events, the rows of `configs/actions.toml`, and the moment the answer is for.
Out: evidence by (user, product), and each user's activity. Never: the disk, a clock, an order of
rows that matters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine import frames
from engine.errors import FrameError
from engine.frames import (
    ACTION,
    ACTS,
    AT,
    CHANNEL,
    DISLIKES,
    EVENT,
    EVIDENCE,
    EVIDENCE_PAIRS,
    FIRST_AT,
    GRADE,
    LAST_AT,
    LIKES,
    POLARITY,
    PRODUCT,
    USER,
    VALUE,
)
from engine.signals.grading import grade_acts
from engine.signals.undo import live_events

Actions = Mapping[str, Mapping[str, Any]]
Integers = NDArray[np.int64]

DAY = 86_400_000_000
"""Microseconds."""
UNITS = 2.0**36
"""Evidence is summed in whole units of 2**-36, because sums of integers know no order."""
NEVER = np.iinfo(np.int64).min


@dataclass(frozen=True)
class _Acts:
    """Acts with a product, sorted by pair; `starts` holds where each pair begins."""

    key: NDArray[np.uint64]
    at: Integers
    polarity: NDArray[np.int8]
    units: Integers
    grade: Integers | None  # in UNITS; None where no act has a value
    starts: NDArray[np.intp]


def weigh_events(
    events: pl.LazyFrame, *, actions: Actions, now: datetime, distinct: bool = False
) -> pl.LazyFrame:
    """Sums the acts of each user on each product: weight x polarity x 0.5 ** (age / half-life).

    The last act that has a polarity decides the pair's; of acts at the same moment the one with
    the greatest event id is the last. `evidence` sums only the acts that agree with it, and
    `grade` is the mean of their grades: how strong they are, by their values, beside the user's
    others (`engine.signals.grading`; 1 without values). Acts of polarity 0 count in `acts` and
    make the pair seen. An `undo` takes back the act of the same user that its object_id names,
    wherever the two stand, and cannot itself be taken back. Acts without a product give no pair.
    Acts after `now` have age 0. Rows in any order, and rows given twice, give the same frame to
    the last bit. The work is done when the result is collected; the source is then read several
    times.

    Args:
        events: in the schema of events; rows without an event id all count.
        actions: weight, polarity and half_life_days of every action.
        now: with a time zone.
        distinct: every event id is known to occur once, as in the event log; saves one pass.

    Raises:
        FrameError: a column is missing or has another type; on collecting, an unknown action.
    """
    frames.check(events, frames.EVENTS)
    schema = pl.Schema(EVIDENCE_PAIRS.columns)
    pairs: pl.LazyFrame = pl.defer(lambda: _pairs(events, actions, now, distinct), schema=schema)
    return pairs


def user_activity(
    events: pl.LazyFrame, pairs: pl.LazyFrame, *, distinct: bool = False
) -> pl.LazyFrame:
    """How much each user did: likes and dislikes from `pairs`, the rest from every act that stands.

    Columns: user_id (sorted), likes, dislikes, acts (UInt32), first_at, last_at, channels (sorted
    list, empty where no act names one). Acts without a product count in `acts`.
    """
    acts = live_events(events, distinct=distinct)
    if CHANNEL not in acts.collect_schema():
        acts = acts.with_columns(pl.lit(None, pl.String).alias(CHANNEL))
    opinions = pairs.group_by(USER).agg(
        (pl.col(POLARITY) == 1).sum().cast(pl.UInt32).alias(LIKES),
        (pl.col(POLARITY) == -1).sum().cast(pl.UInt32).alias(DISLIKES),
    )
    return (
        acts.group_by(USER)
        .agg(
            pl.len().cast(pl.UInt32).alias(ACTS),
            pl.col(AT).min().alias(FIRST_AT),
            pl.col(AT).max().alias(LAST_AT),
            pl.col(CHANNEL).drop_nulls().unique().sort().alias("channels"),
        )
        .join(opinions, on=USER, how="left")
        .select(
            USER,
            pl.col(LIKES, DISLIKES).fill_null(0),
            ACTS,
            FIRST_AT,
            LAST_AT,
            "channels",
        )
        .sort(USER)
    )


def _pairs(events: pl.LazyFrame, actions: Actions, now: datetime, distinct: bool) -> pl.DataFrame:
    if PRODUCT not in events.collect_schema():
        return pl.DataFrame(schema=EVIDENCE_PAIRS.columns)
    acts = live_events(events, distinct=distinct).filter(pl.col(PRODUCT).is_not_null())
    users, products = (_ids(acts, column) for column in (USER, PRODUCT))
    if users.is_empty():
        return pl.DataFrame(schema=EVIDENCE_PAIRS.columns)
    sorted_acts = _sort(_encode(acts, users, products, list(actions)), actions, now)
    first, last = sorted_acts.starts, np.append(sorted_acts.starts[1:], len(sorted_acts.key)) - 1
    rows = _Named(users, products, sorted_acts.key[first])
    polarity = _last_opinion(sorted_acts, rows, acts, actions)
    columns: dict[str, NDArray[Any]] = {
        POLARITY: polarity,
        EVIDENCE: _agreeing(sorted_acts, polarity) / UNITS,
        GRADE: _mean_grade(sorted_acts, polarity),
        ACTS: (last - first + 1).astype(np.uint32),
        FIRST_AT: np.minimum.reduceat(sorted_acts.at, first),
        LAST_AT: np.maximum.reduceat(sorted_acts.at, first),
    }
    pairs = rows.frame().with_columns(**{name: pl.Series(array) for name, array in columns.items()})
    return pairs.cast({FIRST_AT: frames.UTC, LAST_AT: frames.UTC})


def _ids(acts: pl.LazyFrame, column: str) -> pl.DataFrame:
    return acts.group_by(column).agg().sort(column).collect()


@dataclass(frozen=True)
class _Named:
    """Keys of pairs, and the ids that their halves stand for."""

    users: pl.DataFrame
    products: pl.DataFrame
    key: NDArray[np.uint64]

    def frame(self, chosen: NDArray[Any] | slice = slice(None)) -> pl.DataFrame:
        key = self.key[chosen]
        return pl.select(
            pl.lit(self.users[USER]).gather(key >> np.uint64(32)),
            pl.lit(self.products[PRODUCT]).gather(key & np.uint64(0xFFFFFFFF)),
        )


def _encode(
    acts: pl.LazyFrame, users: pl.DataFrame, products: pl.DataFrame, names: list[str]
) -> pl.DataFrame:
    """Replaces strings by numbers that sort alike, because sorting strings costs ten times more."""
    values = [VALUE] if _valued(acts) else []
    coded = (
        acts.select(
            _joinable(users),
            _joinable(products),
            pl.col(ACTION).cast(pl.Enum(names), strict=False).to_physical(),
            pl.col(AT).to_physical(),
            *values,
        )
        .join(_numbers(users, "u"), on=USER)
        .join(_numbers(products, "p"), on=PRODUCT)
        .select(
            (pl.col("u").cast(pl.UInt64) * pl.lit(2**32, pl.UInt64) + pl.col("p")).alias("key"),
            AT,
            ACTION,
            *values,
        )
        .collect()
    )
    if coded[ACTION].null_count():
        unknown = acts.filter(~pl.col(ACTION).is_in(names)).select(ACTION).first().collect()
        raise FrameError("events", ACTION, f"unknown: {unknown.item()!r}")
    return coded


def _valued(acts: pl.LazyFrame) -> bool:
    if VALUE not in acts.collect_schema():
        return False
    return bool(acts.select(pl.col(VALUE).is_not_null().any()).collect().item())


def _joinable(ids: pl.DataFrame) -> pl.Expr:
    """Hashes in the place of ids where no two ids share one: joins on numbers are twice as fast."""
    column = pl.col(ids.columns[0])
    return column if ids.to_series().hash().is_duplicated().any() else column.hash()


def _numbers(ids: pl.DataFrame, name: str) -> pl.LazyFrame:
    return ids.lazy().with_row_index(name).select(name, _joinable(ids))


def _sort(coded: pl.DataFrame, actions: Actions, now: datetime) -> _Acts:
    in_order = coded.sort("key")
    key, at, action = (in_order[name].to_numpy() for name in ("key", AT, ACTION))
    weight, polarity, half_life = (
        np.array([row[name] for row in actions.values()])
        for name in ("weight", "polarity", "half_life_days")
    )
    present = pl.Series([now]).cast(frames.UTC).to_physical().item()
    age = np.maximum(present - at, 0)
    units = np.exp2(age * (-1 / (DAY * half_life))[action])
    units *= (UNITS * weight)[action]
    whole = np.rint(units, out=units).astype(np.int64)
    starts = np.flatnonzero(np.append(True, key[1:] != key[:-1]))
    sign = polarity.astype(np.int8)[action]
    return _Acts(key, at, sign, whole, _grades(in_order, key, action, sign), starts)


def _grades(
    acts: pl.DataFrame, key: NDArray[np.uint64], action: Integers, polarity: NDArray[np.int8]
) -> Integers | None:
    if VALUE not in acts.columns:
        return None
    values = acts[VALUE].fill_null(np.nan).to_numpy()
    grades = grade_acts(key >> np.uint64(32), action, values, polarity)
    return np.rint(grades * UNITS).astype(np.int64)


def _last_opinion(
    acts: _Acts, rows: _Named, events: pl.LazyFrame, actions: Actions
) -> NDArray[np.int8]:
    highest, lowest = (
        extreme.reduceat(acts.polarity, acts.starts) for extreme in (np.maximum, np.minimum)
    )
    polarity: NDArray[np.int8] = np.sign(highest + lowest)
    torn = highest - lowest == 2
    if torn.any():
        polarity[torn] = _settled(acts, rows, torn, events, actions)
    return polarity


def _settled(
    acts: _Acts, rows: _Named, torn: NDArray[np.bool_], events: pl.LazyFrame, actions: Actions
) -> NDArray[np.int8]:
    """Polarity of the last opinionated act of the pairs whose acts contradict."""
    lengths = np.diff(acts.starts, append=len(acts.key))
    member = np.repeat(torn, lengths)
    at, sign = acts.at[member], acts.polarity[member]
    starts = np.cumsum(lengths[torn]) - lengths[torn]
    liked, disliked = (
        np.maximum.reduceat(np.where(sign == wanted, at, NEVER), starts) for wanted in (1, -1)
    )
    polarity: NDArray[np.int8] = np.sign(liked - disliked).astype(np.int8)
    tied = polarity == 0
    if tied.any():
        polarity[tied] = _greatest_id(
            rows.frame(np.flatnonzero(torn)[tied]), liked[tied], events, actions
        )
    return polarity


def _greatest_id(
    pairs: pl.DataFrame, at: Integers, events: pl.LazyFrame, actions: Actions
) -> NDArray[np.int8]:
    """Polarity of the opinionated act with the greatest event id among those at one moment."""
    opinions = {name: row[POLARITY] for name, row in actions.items() if row[POLARITY]}
    if EVENT not in events.collect_schema():
        events = events.with_columns(pl.lit(None, pl.String).alias(EVENT))
    moments = pairs.with_columns(pl.Series(AT, at).cast(frames.UTC))
    last = (
        events.filter(pl.col(ACTION).is_in(list(opinions)))
        .join(moments.lazy(), on=[USER, PRODUCT, AT], how="semi")
        .select(USER, PRODUCT, EVENT, pl.col(ACTION).replace_strict(opinions, return_dtype=pl.Int8))
        .sort(EVENT, ACTION, nulls_last=False)
        .unique([USER, PRODUCT], keep="last", maintain_order=True)
        .collect()
    )
    found = pairs.join(last, on=[USER, PRODUCT], how="left", maintain_order="left")
    return found[ACTION].to_numpy()


def _mean_grade(acts: _Acts, polarity: NDArray[np.int8]) -> NDArray[np.float64]:
    if acts.grade is None:
        return np.ones(len(polarity))
    agrees = _agree(acts, polarity)
    number = np.add.reduceat(agrees, acts.starts, dtype=np.int64)
    total: Integers = np.add.reduceat(acts.grade * agrees, acts.starts)
    return np.where(number > 0, total / np.maximum(number, 1) / UNITS, 1.0)


def _agree(acts: _Acts, polarity: NDArray[np.int8]) -> NDArray[np.bool_]:
    lengths = np.diff(acts.starts, append=len(acts.key))
    agrees: NDArray[np.bool_] = acts.polarity == np.repeat(polarity, lengths)
    return agrees


def _agreeing(acts: _Acts, polarity: NDArray[np.int8]) -> Integers:
    agrees = _agree(acts, polarity)
    total: Integers = np.add.reduceat(acts.units * agrees, acts.starts)
    return total * polarity.astype(np.int64)
