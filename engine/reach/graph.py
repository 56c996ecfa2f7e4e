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

from engine.errors import InvalidValue, counted
from engine.frames import CHANCE, FOLLOWEE, FOLLOWER

Array = NDArray[Any]

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
        InvalidValue: a chance is no number from 0 to 1, or there is no tie.
    """
    chance = pl.col(CHANCE).cast(pl.Float64) if CHANCE in ties.columns else pl.lit(None, pl.Float64)
    known = ties.select(pl.col(FOLLOWER, FOLLOWEE).cast(pl.String), chance.alias(CHANCE))
    wrong = known.filter(~pl.col(CHANCE).is_between(0, 1))
    if wrong.height:
        raise InvalidValue(CHANCE, f"of {counted(wrong.height, 'tie')} is no number from 0 to 1")
    known = known.drop_nulls([FOLLOWER, FOLLOWEE]).filter(pl.col(FOLLOWER) != pl.col(FOLLOWEE))
    if known.is_empty():
        raise InvalidValue("graph", "has no tie between two people")
    users = pl.concat([known[FOLLOWER], known[FOLLOWEE]]).unique().sort().rename("user_id")
    numbered = known.select(
        pl.Series("taker", positions(users, known[FOLLOWER])),
        pl.Series("source", positions(users, known[FOLLOWEE])),
        CHANCE,
    )
    once = numbered.group_by("taker", "source").agg(pl.col(CHANCE).max()).sort("taker", "source")
    lengths = np.bincount(once["taker"], minlength=len(users))
    starts = np.concatenate([[0], np.cumsum(lengths)])
    usual = 1.0 / np.maximum(lengths, 1)[once["taker"]]
    chances = once[CHANCE].fill_null(float("nan")).to_numpy()
    return Graph(
        users,
        Rows(
            starts,
            once["source"].to_numpy().astype(np.int32),
            np.where(np.isnan(chances), usual, chances).astype(np.float32),
        ),
    )


def positions(users: pl.Series, ids: pl.Series) -> Array:
    """(ids,) int64: the place of each id among those of `users`, -1 where it is not there."""
    known = users.alias("id").to_frame().with_row_index("at")
    asked = ids.cast(pl.String).alias("id").to_frame()
    found = asked.join(known, on="id", how="left", maintain_order="left")["at"]
    return found.cast(pl.Int64).fill_null(-1).to_numpy()
