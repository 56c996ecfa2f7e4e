"""Numbers for ids: which place each id of two columns has among all of them, in order.

In: two columns of ids. Out: the ids once, sorted as strings, and a number for each row.
Never: one number for two ids, however their hashes fall.
"""

from __future__ import annotations

from itertools import count
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

Array = NDArray[Any]


def number_ids(one: pl.Series, other: pl.Series) -> tuple[pl.Series, Array, Array]:
    """All ids as sorted strings, and (rows,) int32 of each column: the places of its ids there.

    Ids are told apart by a hash of 64 bits, which numpy sorts and looks up several times faster
    than strings are joined; rows are then compared with the ids of their numbers, and should two
    ids share a hash, they are hashed anew. No id is null; whole numbers stay numbers till the end.
    """
    if one.dtype != other.dtype or not (one.dtype.is_integer() or one.dtype == pl.String):
        one, other = one.cast(pl.String), other.cast(pl.String)
    columns = [one.rename("id"), other.rename("id")]
    for seed in count():
        hashes = [column.hash(seed).to_numpy() for column in columns]
        known = _distinct(np.concatenate(hashes))
        numbers = [_places(known, some) for some in hashes]
        ids = _named(columns, numbers, known.size)
        pairs = zip(columns, numbers, strict=True)
        if all((ids.gather(number) == column).all() for column, number in pairs):
            break
    names = ids.cast(pl.String).sort()
    rank = np.empty(known.size, np.int32)
    again = names.cast(ids.dtype).hash(seed).to_numpy()  # faster than to sort with an order
    rank[_places(known, again)] = np.arange(known.size, dtype=np.int32)
    return names, rank[numbers[0]], rank[numbers[1]]


def _distinct(values: Array) -> Array:
    values.sort()
    found: Array = values[np.append(True, values[1:] != values[:-1])[: values.size]]
    return found


def _places(known: Array, asked: Array) -> Array:
    """Where each of the asked is among those known, all of which are hashes.

    Hashes lie evenly, so the first bits of one lead to its place or a few before it.
    """
    bits = np.uint64(64 - max(1, int(known.size).bit_length()))
    first = np.searchsorted(known >> bits, np.arange(1 << (64 - int(bits)), dtype=np.uint64))
    at: Array = first[asked >> bits]
    wrong = np.flatnonzero(known[at] != asked)
    while wrong.size:
        at[wrong] += 1
        wrong = wrong[known[at[wrong]] != asked[wrong]]
    return at


def _named(columns: list[pl.Series], numbers: list[Array], size: int) -> pl.Series:
    """An id of each number, from any row that has it."""
    row = np.full(size, -1)
    row[numbers[0]] = np.arange(numbers[0].size)
    missing = row < 0
    later = np.zeros(size, np.int64)
    later[numbers[1]] = np.arange(numbers[1].size)
    rows = np.where(missing, 0, row)
    there = pl.Series(missing)
    return columns[1].gather(later).zip_with(there, columns[0].gather(rows))
