"""Acts as numbers: users and products by their place in the order of their ids, actions by meaning.

In: events that stand, and the rows of `configs/actions.toml`. Out: arrays, one entry for each act
on a product. Never: an order of rows that matters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import FrameError
from engine.frames import ACTION, AT, PRODUCT, USER, VALUE

Array = NDArray[Any]
Actions = Mapping[str, Mapping[str, Any]]

BATCH = 1_000_000
"""Acts that are looked up at once."""
USERS_AT_ONCE = 1 << 16
"""Users whose acts are summed at once."""
SPARE = 2
"""Bits by which the table of places is longer than the list of ids: most are found at once."""


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
class Named:
    """All ids of one column, sorted; places of ids are found by their hashes."""

    ids: pl.Series
    seed: int
    hashes: Array  # sorted
    places: Array  # of the hashes in `ids`
    starts: Array  # where hashes with the same first bits begin

    @classmethod
    def of(cls, acts: pl.LazyFrame, column: str) -> Named:
        """Reads the column once."""
        ids = acts.select(column).unique().sort(column).collect().to_series()
        for seed in count():
            hashes = ids.hash(seed).to_numpy()
            order = np.argsort(hashes)
            ordered = hashes[order]
            # no two ids share a hash under this seed, so that a hash stands for its id
            if not (ordered[1:] == ordered[:-1]).any():
                break
        bits = max(int(ids.len()).bit_length() + SPARE, 1)
        heads = np.arange(2**bits, dtype=np.uint64) << np.uint64(64 - bits)
        starts = np.searchsorted(ordered, heads).astype(np.uint32)
        return cls(ids, seed, ordered, order.astype(np.uint32), starts)

    def hash(self) -> pl.Expr:
        """The hashes of the column's values."""
        return pl.col(self.ids.name).hash(self.seed)

    def find(self, hashes: Array) -> Array:
        """Places of ids, all of which are known."""
        bits = self.starts.size.bit_length() - 1
        at = self.starts[(hashes >> np.uint64(64 - bits)).astype(np.int64)]
        astray = np.flatnonzero(self.hashes[at] != hashes)
        while astray.size:
            at[astray] += 1
            astray = astray[self.hashes[at[astray]] != hashes[astray]]
        return self.places[at]


@dataclass(frozen=True)
class Coded:
    """Acts on products in no order: places of user and product, meaning, moment, perhaps value."""

    user: Array
    product: Array
    meaning: Array
    at: Array  # microseconds
    value: Array | None

    def under(self, rows: Array) -> Coded:
        """The acts in these rows."""
        value = None if self.value is None else self.value[rows]
        return Coded(self.user[rows], self.product[rows], self.meaning[rows], self.at[rows], value)


@dataclass
class Shelf:
    """The acts of one range of users, batch by batch as they were read."""

    parts: list[Coded]

    def take(self) -> Coded:
        """All of them as one, which leaves the shelf empty."""
        parts, self.parts = self.parts, []
        user, product, meaning, at = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("user", "product", "meaning", "at")
        )
        values = [part.value for part in parts if part.value is not None]
        return Coded(user, product, meaning, at, np.concatenate(values) if values else None)


def encode_acts(
    acts: pl.LazyFrame, users: Named, products: Named, meanings: Meanings, *, valued: bool
) -> list[Shelf]:
    """Reads all acts once, and puts them by ranges of users, in the order of their ids.

    Memory holds what it returns and a batch: 17 bytes for each act, 25 where acts have values.

    Raises:
        FrameError: an action that has no meaning.
    """
    shelves = [Shelf([]) for _ in range(0, users.ids.len(), USERS_AT_ONCE)]
    for batch in _batches(acts, users, products, meanings, valued=valued):
        if batch["meaning"].null_count():
            unknown = acts.filter(~pl.col(ACTION).is_in(meanings.names)).select(ACTION).first()
            raise FrameError("events", ACTION, f"unknown: {unknown.collect().item()!r}")
        coded = Coded(
            users.find(batch[USER].to_numpy()),
            products.find(batch[PRODUCT].to_numpy()),
            batch["meaning"].to_numpy(),
            batch[AT].to_numpy(),
            batch[VALUE].fill_null(np.nan).to_numpy() if valued else None,
        )
        _put(coded, shelves)
    return [shelf for shelf in shelves if shelf.parts]


def _put(coded: Coded, shelves: list[Shelf]) -> None:
    if len(shelves) == 1:
        shelves[0].parts.append(coded)
        return
    at = (coded.user // USERS_AT_ONCE).astype(np.uint16 if len(shelves) < 2**16 else np.uint32)
    order = np.argsort(at, kind="stable")
    ends = np.cumsum(np.bincount(at, minlength=len(shelves)))
    for number in np.unique(at).tolist():
        rows = order[ends[number - 1] if number else 0 : ends[number]]
        shelves[number].parts.append(coded.under(rows))


def _batches(
    acts: pl.LazyFrame, users: Named, products: Named, meanings: Meanings, *, valued: bool
) -> Iterator[pl.DataFrame]:
    return acts.select(
        users.hash(),
        products.hash(),
        meanings.numbers(valued=valued).alias("meaning"),
        pl.col(AT).to_physical(),
        *([VALUE] if valued else []),
    ).collect_batches(chunk_size=BATCH, maintain_order=False)


def has_values(acts: pl.LazyFrame) -> bool:
    """Whether any act has a value."""
    if VALUE not in acts.collect_schema():
        return False
    return bool(acts.select(pl.col(VALUE).is_not_null().any()).collect().item())
