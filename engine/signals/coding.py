"""Acts as numbers: users and products by their place in the order of their ids, actions by meaning.

In: events that stand, and the rows of `configs/actions.toml`. Out: arrays, one entry for each act
on a product. Never: an order of rows that matters, or rows read twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import FrameError
from engine.frames import ACTION, AT, PRODUCT, USER, VALUE
from engine.signals.numbering import Numbering

Array = NDArray[Any]
Actions = Mapping[str, Mapping[str, Any]]

BATCH = 1 << 18
"""Acts whose ids are numbered at once; larger arrays would leave the caches."""
USERS_AT_ONCE = 1 << 14
"""Users whose acts are summed at once."""
HALF = np.uint64(32)
"""Bits of a pair that are its product while ids are numbered as they come."""


@dataclass(frozen=True)
class Meanings:
    """What acts say, one entry for each action, then two for each that is rated: for and against.

    A rated act whose value lies between counts as the action itself.
    """

    weight: Array
    polarity: Array  # int8
    half_life: Array  # days
    kind: Array  # number of the COBRA class
    names: tuple[str, ...]
    actions: Actions

    @classmethod
    def of(cls, actions: Actions) -> Meanings:
        """Takes the rows of the actions' settings."""
        rated = [row for row in actions.values() if row.get("rated")]
        rows = [*actions.values()]
        rows += [{**row, "polarity": sign} for row in rated for sign in (1, -1)]
        kinds = sorted({str(row.get("cobra", "")) for row in rows})
        return cls(
            np.array([row["weight"] for row in rows], np.float64),
            np.array([row["polarity"] for row in rows], np.int8),
            np.array([row["half_life_days"] for row in rows], np.float64),
            np.array([kinds.index(str(row.get("cobra", ""))) for row in rows]),
            tuple(actions),
            actions,
        )

    def numbers(self, *, valued: bool) -> pl.Expr:
        """The meaning of each act as UInt8; null where the action is unknown."""
        number = pl.col(ACTION).cast(pl.Enum(self.names), strict=False).to_physical()
        number = number.cast(pl.UInt8)
        if not valued:
            return number
        found: list[pl.Expr] = []
        ratings = [(name, row) for name, row in self.actions.items() if row.get("rated")]
        for (name, row), first in zip(ratings, count(len(self.names), 2), strict=False):
            is_it = pl.col(ACTION) == name
            liked, disliked = pl.col(VALUE) >= row["like_at"], pl.col(VALUE) <= row["dislike_at"]
            found.append(pl.when(is_it & liked).then(pl.lit(first, pl.UInt8)))
            found.append(pl.when(is_it & disliked).then(pl.lit(first + 1, pl.UInt8)))
        return pl.coalesce(*found, number)

    def opinions(self, *, valued: bool) -> pl.Expr:
        """The polarity of each act as Int8."""
        number = self.numbers(valued=valued)
        return number.replace_strict(dict(enumerate(self.polarity.tolist())), return_dtype=pl.Int8)


@dataclass(frozen=True)
class Coded:
    """Acts on products in no order, one entry each: who and what, meaning, and one figure."""

    pair: Array  # uint64: the user, and in the last bits the product
    meaning: Array  # uint8
    figure: Array  # the moment in microseconds, or the value

    @classmethod
    def join(cls, parts: list[Coded]) -> Coded:
        """The acts of all parts, of which there is one at least."""
        return cls(
            np.concatenate([part.pair for part in parts]),
            np.concatenate([part.meaning for part in parts]),
            np.concatenate([part.figure for part in parts]),
        )

    def under(self, rows: Array) -> Coded:
        """The acts in these rows."""
        return Coded(self.pair[rows], self.meaning[rows], self.figure[rows])


NO_VALUES = Coded(np.empty(0, np.uint64), np.empty(0, np.uint8), np.empty(0))


@dataclass(frozen=True)
class Ids:
    """The ids of users and of products in their order; pairs hold places in it."""

    users: pl.Series
    products: pl.Series

    @property
    def bits(self) -> int:
        """How many bits of a pair are its product."""
        return self.products.len().bit_length()

    def name(self, pairs: Array) -> list[pl.Series]:
        """The ids of the users and of the products."""
        products = pairs & np.uint64(2**self.bits - 1)
        return [self.users.gather(pairs >> np.uint64(self.bits)), self.products.gather(products)]


@dataclass(frozen=True)
class Shelves:
    """Acts by ranges of users: all with their moments, and those that have values with these."""

    ids: Ids
    moments: list[list[Coded]]
    values: list[list[Coded]]

    def take(self, number: int) -> tuple[Coded, Coded]:
        """The acts of one range, which leaves its shelf empty."""
        taken = Coded.join(self.moments[number]), Coded.join(self.values[number])
        self.moments[number], self.values[number] = [], []
        return taken


def shelve_acts(acts: pl.LazyFrame, meanings: Meanings) -> Shelves:
    """Reads all acts once, numbers their ids as they come, and puts them by ranges of users.

    The ranges follow the order of the ids. Memory holds the ids, what is returned, which is 17
    bytes for each act and 17 more if it has a value, and a batch.

    Raises:
        FrameError: an action that has no meaning.
    """
    users, products = Numbering(USER), Numbering(PRODUCT)
    read = list(_encode(acts, meanings, users, products))
    (user_ids, user_places), (product_ids, product_places) = users.ranked(), products.ranked()
    ids, ranges = Ids(user_ids, product_ids), range(0, user_ids.len(), USERS_AT_ONCE)
    shelves = Shelves(ids, [[] for _ in ranges], [[NO_VALUES] for _ in ranges])
    while read:
        for coded, shelf in zip(read.pop(), (shelves.moments, shelves.values), strict=True):
            user = user_places[coded.pair >> HALF]
            product = product_places[coded.pair & (2**HALF - 1)]
            pair = user.astype(np.uint64) << np.uint64(ids.bits) | product
            _put(replace(coded, pair=pair), user // USERS_AT_ONCE, shelf)
    return shelves


def _encode(
    acts: pl.LazyFrame, meanings: Meanings, users: Numbering, products: Numbering
) -> Iterator[tuple[Coded, Coded]]:
    """Acts with their moments, and those of them that have values with these, batch by batch."""
    with ThreadPoolExecutor(1) as beside:
        for batch in _batches(acts, meanings):
            product = beside.submit(products.number, batch[PRODUCT])
            user = users.number(batch[USER]).astype(np.uint64)
            pair, meaning = user << HALF | product.result(), batch["meaning"].to_numpy()
            valued = batch[VALUE].is_not_null().arg_true().to_numpy()
            values = batch[VALUE].to_numpy()[valued]
            yield (
                Coded(pair, meaning, batch[AT].to_numpy()),
                Coded(pair[valued], meaning[valued], values),
            )


def _batches(acts: pl.LazyFrame, meanings: Meanings) -> Iterator[pl.DataFrame]:
    valued = VALUE in acts.collect_schema()
    columns = acts.select(
        USER,
        PRODUCT,
        meanings.numbers(valued=valued).alias("meaning"),
        pl.col(AT).to_physical(),
        pl.col(VALUE) if valued else pl.lit(None, pl.Float64).alias(VALUE),
    )
    for batch in columns.collect_batches(chunk_size=BATCH, maintain_order=False):
        if batch["meaning"].null_count():
            unknown = acts.filter(~pl.col(ACTION).is_in(meanings.names)).select(ACTION).first()
            raise FrameError("events", ACTION, f"unknown: {unknown.collect().item()!r}")
        yield batch


def _put(coded: Coded, at: Array, shelves: list[list[Coded]]) -> None:
    if len(shelves) == 1:
        shelves[0].append(coded)
        return
    order = np.argsort(at.astype(np.uint16 if len(shelves) < 2**16 else np.uint32), kind="stable")
    ends = np.cumsum(np.bincount(at, minlength=len(shelves)))
    for number in np.flatnonzero(np.diff(ends, prepend=0)).tolist():
        shelves[number].append(coded.under(order[ends[number - 1] if number else 0 : ends[number]]))
