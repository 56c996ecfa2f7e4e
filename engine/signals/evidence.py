"""What the acts of a user on a product add up to.

In: events, the rows of `configs/actions.toml`, and the moment the answer is for.
Out: evidence by (user, product), and each user's activity. Never: the disk, a clock, an order of
rows that matters.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.io.plugins import register_io_source

from engine import frames
from engine.frames import (
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
from engine.signals.coding import Actions, Coded, Ids, Meanings, shelve_acts
from engine.signals.grading import grade_acts
from engine.signals.undo import live_events

Integers = NDArray[np.int64]

DAY = 86_400_000_000
"""Microseconds."""
UNITS = 2.0**36
"""Evidence is summed in whole units of 2**-36, because sums of integers know no order."""
NEVER = np.iinfo(np.int64).min
TIED = 2
"""In the place of a polarity: for and against at one moment."""
Given = TypeVar("Given")
Made = TypeVar("Made")


@dataclass(frozen=True)
class _Acts:
    """Acts of some users, sorted by pair; of each pair, where it begins and what was last said."""

    pair: NDArray[np.uint64]
    at: Integers
    meaning: NDArray[np.uint8]
    starts: NDArray[np.intp]
    polarity: NDArray[np.int8]  # by pair; TIED until ids decide
    values: Coded


@dataclass(frozen=True)
class _Sources:
    """What pairs are made of: the events themselves, their ids, what acts mean, and how much."""

    events: pl.LazyFrame
    ids: Ids
    meanings: Meanings
    present: int
    repeats: float


def weigh_events(
    events: pl.LazyFrame,
    *,
    actions: Actions,
    now: datetime,
    distinct: bool = False,
    repeats: float = 0.0,
) -> pl.LazyFrame:
    """Sums the acts of each user on each product: weight x polarity x 0.5 ** (age / half-life).

    Where an action is rated, the value of the act decides its polarity, if it has one. The last
    act that has a polarity decides the pair's; of acts at the same moment the one with the
    greatest event id is the last. `evidence` sums only the acts that agree with it, and `grade` is
    the mean of their grades: how strong they are, by their values, beside the user's others
    (`engine.signals.grading`; 1 without values). Of acts that agree and belong to one COBRA class,
    n alike count n ** (1 - repeats): the sum is that of q-th powers, under the q-th root, with
    q = 1 / (1 - repeats); classes are added. Acts of polarity 0 count in `acts` and make the pair
    seen. An `undo` takes back the act of the same user that its object_id names, wherever the two
    stand, and cannot itself be taken back. Acts without a product give no pair. Acts after `now`
    have age 0. Rows in any order, and rows given twice, give the same frame to
    the last bit. The work is done when the result is collected; acts are then read once, and
    again where ids decide. Pairs come by ranges of users, so that a sink needs memory for the ids,
    for the acts as numbers (17 bytes each, 9 more for each pair) and for one range.

    Args:
        events: in the schema of events; rows without an event id all count.
        actions: weight, polarity and half_life_days of every action.
        now: with a time zone.
        distinct: every event id is known to occur once, as in the event log; saves one pass.
        repeats: from 0, where each act counts in full, to 0.5, where n count as the root of n.

    Raises:
        FrameError: a column is missing or has another type; on collecting, an unknown action.
    """
    frames.check(events, frames.EVENTS)

    def batches(
        with_columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        batch_size: int | None,
    ) -> Iterator[pl.DataFrame]:
        for batch in _pairs(events, actions, now, distinct, repeats):
            left = batch if predicate is None else batch.filter(predicate)
            left = left if n_rows is None else left.head(n_rows)
            n_rows = None if n_rows is None else n_rows - left.height
            yield left if with_columns is None else left.select(with_columns)

    schema = pl.Schema(EVIDENCE_PAIRS.columns)
    return register_io_source(batches, schema=schema, validate_schema=True, is_pure=True)


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


def _pairs(
    events: pl.LazyFrame, actions: Actions, now: datetime, distinct: bool, repeats: float
) -> Iterator[pl.DataFrame]:
    if PRODUCT not in events.collect_schema():
        return
    acts = live_events(events, distinct=distinct).filter(pl.col(PRODUCT).is_not_null())
    meanings = Meanings.of(actions)
    shelves = shelve_acts(acts, meanings)
    present = pl.Series([now]).cast(frames.UTC).to_physical().item()
    sources = _Sources(acts, shelves.ids, meanings, present, repeats)

    def sort(number: int) -> _Acts:
        return _sort(*shelves.take(number), meanings)

    ranges = deque(_side_by_side(sort, range(len(shelves.moments))))
    _settle(ranges, sources)
    yield from _side_by_side(partial(_sum_up, sources=sources), _emptied(ranges))


def _side_by_side(work: Callable[[Given], Made], items: Iterable[Given]) -> Iterator[Made]:
    """Results in the order of the items, no more at once than there are threads."""
    workers = pl.thread_pool_size()
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[Made]] = deque()
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _emptied(items: deque[Given]) -> Iterator[Given]:
    while items:
        yield items.popleft()


def _sort(moments: Coded, values: Coded, meanings: Meanings) -> _Acts:
    order = _order(moments.pair - moments.pair.min())
    pair, at, meaning = moments.pair[order], moments.figure[order], moments.meaning[order]
    starts = np.flatnonzero(np.append(True, pair[1:] != pair[:-1]))
    polarity = _last_opinion(at, meanings.polarity[meaning], starts)
    return _Acts(pair, at, meaning, starts, polarity, values)


def _order(key: NDArray[np.uint64]) -> NDArray[np.intp]:
    """The order of keys; sorted with the rows in their last bits, where both fit into 64."""
    bits = int(key.size).bit_length()
    if int(key.max()).bit_length() + bits > 64:
        return np.argsort(key)
    packed = key << np.uint64(bits) | np.arange(key.size, dtype=np.uint64)
    packed.sort()
    packed &= np.uint64(2**bits - 1)
    return packed.view(np.intp)


def _sum_up(acts: _Acts, sources: _Sources) -> pl.DataFrame:
    polarity, lengths = acts.polarity, np.diff(acts.starts, append=len(acts.pair))
    agrees = sources.meanings.polarity[acts.meaning] == np.repeat(polarity, lengths)
    columns: dict[str, NDArray[Any]] = {
        POLARITY: polarity,
        EVIDENCE: _evidence(acts, agrees, sources) * polarity,
        GRADE: _mean_grade(acts, agrees, sources),
        ACTS: lengths.astype(np.uint32),
        FIRST_AT: np.minimum.reduceat(acts.at, acts.starts),
        LAST_AT: np.maximum.reduceat(acts.at, acts.starts),
    }
    numbers = [pl.Series(name, array) for name, array in columns.items()]
    named = sources.ids.name(acts.pair[acts.starts])
    return pl.DataFrame(
        [
            *named,
            *(
                series.cast(frames.UTC) if series.name in (FIRST_AT, LAST_AT) else series
                for series in numbers
            ),
        ]
    )


def _evidence(acts: _Acts, agrees: NDArray[np.bool_], sources: _Sources) -> NDArray[np.float64]:
    """Of each pair the sum of its agreeing acts, class by class."""
    meanings, power = sources.meanings, 1 / (1 - sources.repeats)
    age = np.maximum(sources.present - acts.at, 0)
    units = np.exp2(age * (-power / (DAY * meanings.half_life))[acts.meaning])
    units *= (UNITS * meanings.weight**power)[acts.meaning]
    whole = np.rint(units, out=units).astype(np.int64)
    whole *= agrees
    if sources.repeats == 0:
        total: NDArray[np.float64] = np.add.reduceat(whole, acts.starts) / UNITS
        return total
    kind = meanings.kind[acts.meaning]
    classes = np.unique(meanings.kind[meanings.polarity != 0])
    return sum(
        (np.add.reduceat(whole * (kind == each), acts.starts) / UNITS) ** (1 / power)
        for each in classes
    )  # type: ignore[return-value]


def _last_opinion(at: Integers, sign: NDArray[np.int8], starts: Integers) -> NDArray[np.int8]:
    highest, lowest = (extreme.reduceat(sign, starts) for extreme in (np.maximum, np.minimum))
    polarity: NDArray[np.int8] = np.sign(highest + lowest)
    torn = highest - lowest == 2
    if torn.any():
        lengths = np.diff(starts, append=len(at))
        member = np.repeat(torn, lengths)
        polarity[torn] = _later(at[member], sign[member], lengths[torn])
    return polarity


def _later(at: Integers, sign: NDArray[np.int8], lengths: Integers) -> NDArray[np.int8]:
    """Of pairs whose acts contradict: what was said last, or TIED."""
    starts = np.cumsum(lengths) - lengths
    liked, disliked = (
        np.maximum.reduceat(np.where(sign == wanted, at, NEVER), starts) for wanted in (1, -1)
    )
    return np.select([liked > disliked, liked < disliked], [1, -1], TIED).astype(np.int8)


def _settle(ranges: Iterable[_Acts], sources: _Sources) -> None:
    """Of opinions at one moment takes the one with the greatest event id; reads the events once."""
    tied = [(acts, np.flatnonzero(acts.polarity == TIED)) for acts in ranges]
    tied = [(acts, rows) for acts, rows in tied if rows.size]
    if not tied:
        return
    pairs = np.concatenate([acts.pair[acts.starts[rows]] for acts, rows in tied])
    said = _greatest_id(pl.DataFrame(sources.ids.name(pairs)), sources)
    ends = np.cumsum([rows.size for _, rows in tied])
    for (acts, rows), found in zip(tied, np.split(said, ends[:-1]), strict=True):
        acts.polarity[rows] = found


def _greatest_id(pairs: pl.DataFrame, sources: _Sources) -> NDArray[np.int8]:
    """Polarity of the last opinionated act by moment and event id."""
    events = sources.events
    if EVENT not in events.collect_schema():
        events = events.with_columns(pl.lit(None, pl.String).alias(EVENT))
    opinion = sources.meanings.opinions(valued=VALUE in events.collect_schema()).alias(POLARITY)
    last = (
        events.join(pairs.lazy(), on=[USER, PRODUCT], how="semi")
        .select(USER, PRODUCT, AT, EVENT, opinion)
        .filter(pl.col(POLARITY) != 0)
        .sort(AT, EVENT, POLARITY, nulls_last=False)
        .unique([USER, PRODUCT], keep="last", maintain_order=True)
        .collect()
    )
    found = pairs.join(last, on=[USER, PRODUCT], how="left", maintain_order="left")
    return found[POLARITY].to_numpy()


def _mean_grade(acts: _Acts, agrees: NDArray[np.bool_], sources: _Sources) -> NDArray[np.float64]:
    """Acts without a value are graded 1, so that only those with one need to be looked up."""
    values, number = acts.values, len(acts.starts)
    if values.pair.size == 0:
        return np.ones(number)
    sign = sources.meanings.polarity[values.meaning]
    users = values.pair >> np.uint64(sources.ids.bits)
    grades = np.rint(grade_acts(users, values.meaning, values.figure, sign) * UNITS)
    place = np.searchsorted(acts.pair[acts.starts], values.pair)
    more = (grades.astype(np.int64) - int(UNITS)) * (sign == acts.polarity[place])
    count = np.add.reduceat(agrees, acts.starts, dtype=np.int64)
    total = count * int(UNITS)
    np.add.at(total, place, more)
    mean: NDArray[np.float64] = total / count / UNITS
    return mean
