"""Who passes on whose word: a tie from each person to those whose posts they may carry on.

In: ties, with a chance where one is known. Out: compressed rows, by who takes the word and by who
gives it. Never: a person's tie with themselves, one tie twice, or a chance outside [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import FrameError, InvalidValue, counted
from engine.frames import CHANCE, FOLLOWEE, FOLLOWER
from engine.reach.numbering import number_ids

Array = NDArray[Any]

NO_TIE = "has no tie between two people"
SURE = 4e-18
"""A tie of chance 1 is missed so seldom, that its rate of hits may be a number."""
MANY_HITS = 0.5
"""With more hits a tie than this it is faster to ask each tie whether it is live."""


@dataclass(frozen=True)
class Rows:
    """Compressed rows: those of `i` are `others[starts[i]:starts[i + 1]]`, with their chances."""

    starts: Array  # (people + 1,) int64
    others: Array  # (ties,) int32
    chances: Array  # (ties,) float32

    @cached_property
    def lengths(self) -> Array:
        """(people,) int64: ties of each."""
        return np.diff(self.starts)

    @cached_property
    def even(self) -> Array:
        """(people,) float32: the one chance of all ties of a person; NaN where they differ."""
        found = np.full(len(self.starts) - 1, np.nan, np.float32)
        some = np.flatnonzero(self.lengths)
        first = self.starts[some]
        least, most = (
            ufunc.reduceat(self.chances, first) if some.size else first
            for ufunc in (np.minimum, np.maximum)
        )
        found[some] = np.where(least == most, most, np.nan)
        return found

    @cached_property
    def is_uneven(self) -> bool:
        """Whether anybody's ties differ in their chance."""
        return bool((np.isnan(self.even) & (self.lengths > 0)).any())

    @cached_property
    def sums(self) -> Array:
        """(ties + 1,) float64: −Σ log(1 − chance) of all ties before each, and of all."""
        rates = -np.log(np.maximum(1 - self.chances.astype(np.float64), SURE))
        return np.concatenate([[0.0], np.cumsum(rates)])

    @cached_property
    def hits(self) -> Array:
        """(people,) float64: −Σ log(1 − chance) of a person's ties; NaN where most are live."""
        found = self.lengths * -np.log(np.maximum(1 - self.even.astype(np.float64), SURE))
        if self.is_uneven:
            ends = self.sums[self.starts]
            found = np.where(np.isnan(self.even), ends[1:] - ends[:-1], found)
        found[self.lengths == 0] = 0
        return np.where(found <= MANY_HITS * self.lengths, found, np.nan)


@dataclass(frozen=True)
class Graph:
    """`users`: ids, sorted; `takes`: whose word each passes on; `gives`: who passes on theirs."""

    users: pl.Series
    takes: Rows

    def __len__(self) -> int:
        return len(self.users)

    @cached_property
    def gives(self) -> Rows:
        """The same ties by who is followed."""
        ties = self.takes.others.size
        keys = self.takes.others * np.int64(ties) + np.arange(ties)
        keys.sort()
        order = keys % ties
        given = np.bincount(self.takes.others, minlength=len(self))
        takers = np.repeat(np.arange(len(self), dtype=np.int32), self.takes.lengths)
        return Rows(
            np.concatenate([[0], np.cumsum(given)]), takers[order], self.takes.chances[order]
        )

    def rows_of(self, ids: pl.Series) -> Array:
        """(ids,) int64: where each person is; -1 for who has no tie."""
        return positions(self.users, ids)


def build_graph(ties: pl.DataFrame) -> Graph:
    """The graph of ties in any order; self-loops are left out, of equal ties the likeliest stays.

    Args:
        ties: follower_id, followee_id, and `chance`, that a follower carries on what a followee
            posts; without one, or where it is null, 1 / (how many the follower follows), so that
            each hears one voice on average (the weighted cascade of Kempe et al. 2003).

    Raises:
        FrameError: ids are neither text nor numbers, or chances are no numbers.
        InvalidValue: a chance is no number from 0 to 1, or there is no tie.
    """
    check_ties(ties)
    known = ties.select(FOLLOWER, FOLLOWEE, *([CHANCE] if CHANCE in ties.columns else []))
    known = known.with_columns(pl.col("^chance$").cast(pl.Float64))
    if CHANCE in known.columns:
        wrong = known.filter(~pl.col(CHANCE).is_between(0, 1)).height
        if wrong:
            raise InvalidValue(CHANCE, f"of {counted(wrong, 'tie')} is no number from 0 to 1")
    known = known.drop_nulls([FOLLOWER, FOLLOWEE])
    if known.is_empty():
        raise InvalidValue("graph", NO_TIE)
    users, takers, sources = number_ids(known[FOLLOWER], known[FOLLOWEE])
    chances = known[CHANCE].fill_null(-1.0).to_numpy() if CHANCE in known.columns else None
    del known
    apart = takers != sources
    if not apart.all():
        users, takers, sources = _of_two(users, takers[apart], sources[apart])
        chances = None if chances is None else chances[apart]
    return Graph(users.rename("user_id"), _rows(len(users), takers, sources, chances))


def check_ties(ties: pl.DataFrame) -> None:
    """Raises FrameError: ids are neither text nor numbers, or chances are no numbers."""
    for column in (FOLLOWER, FOLLOWEE):
        check_ids("graph", ties[column], column)
    if CHANCE in ties.columns:
        check_numbers("graph", ties[CHANCE])


def check_ids(frame: str, ids: pl.Series, column: str) -> None:
    """Raises FrameError: ids are lists, structs, truth values or else neither text nor numbers."""
    kind = ids.dtype
    if not (kind.is_numeric() or kind in (pl.String, pl.Categorical, pl.Enum, pl.Null)):
        detail = f"is {str(kind).lower()}; ids are text or numbers, write one in each row"
        raise FrameError(frame, column, detail)


def check_numbers(frame: str, chances: pl.Series) -> None:
    """Raises FrameError: chances are truth values, lists or else neither numbers nor text."""
    kind = chances.dtype
    if not (kind.is_numeric() or kind in (pl.String, pl.Null)):
        detail = f"is {str(kind).lower()}; a chance is a number from 0 to 1, as 0.25"
        raise FrameError(frame, CHANCE, detail)


def _of_two(users: pl.Series, takers: Array, sources: Array) -> tuple[pl.Series, Array, Array]:
    """Only those people who have a tie with somebody else."""
    there = np.zeros(len(users), np.bool_)
    there[takers], there[sources] = True, True
    if not there.any():
        raise InvalidValue("graph", NO_TIE)
    number = np.cumsum(there, dtype=np.int32) - 1
    return users.filter(pl.Series(there)), number[takers], number[sources]


def _rows(size: int, takers: Array, sources: Array, chances: Array | None) -> Rows:
    """Rows by taker, each tie once with its largest chance; below 0 it is not known."""
    keys = takers * np.int64(size) + sources
    if chances is None:
        keys.sort()
    else:
        order = np.argsort(keys)
        keys, chances = keys[order], chances[order]
    first = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
    people, others = np.divmod(keys[first], size)
    lengths = np.bincount(people, minlength=size)
    found = (1.0 / np.maximum(lengths, 1)).astype(np.float32)[people]
    if chances is not None:
        most = np.maximum.reduceat(chances, first)
        found = np.where(most < 0, found, most).astype(np.float32)
    return Rows(np.concatenate([[0], np.cumsum(lengths)]), others.astype(np.int32), found)


def positions(users: pl.Series, ids: pl.Series) -> Array:
    """(ids,) int64: the place of each id among those of `users`, -1 where it is not there.

    Raises:
        FrameError: ids are neither text nor numbers.
    """
    check_ids("people", ids, ids.name or "user_id")
    known = users.alias("id").to_frame().with_row_index("at")
    asked = ids.cast(pl.String).alias("id").to_frame()
    found = asked.join(known, on="id", how="left", maintain_order="left")["at"]
    return found.cast(pl.Int64).fill_null(-1).to_numpy()
