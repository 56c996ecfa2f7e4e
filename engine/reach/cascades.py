"""Cascades: who adopted something and in what order, and what was known at any moment of them.

In: rows of cascade, person and, where known, moment; ties. Out: arrays of acts in order of time.
Never: what came after the moment that is looked at, unless that is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from engine.errors import FrameError
from engine.frames import FOLLOWEE, FOLLOWER, USER
from engine.reach.graph import positions

Array = NDArray[Any]

CASCADE, SECONDS = "cascade_id", "at_seconds"
BENDS = (0.5, 0.9)


@dataclass(frozen=True)
class Running:
    """The adopters of one cascade so far, in their order.

    `who` are rows of people, `at` seconds, `now` the moment that is looked from; `own` is the
    place of the cascade among those of the past where it is one of them, else -1.
    """

    who: Array
    at: Array
    now: float
    own: int = -1

    def first(self, count: int) -> Running:
        """The same as it was at the moment of adopter number `count`."""
        return Running(self.who[:count], self.at[:count], float(self.at[count - 1]), self.own)


@dataclass(frozen=True)
class Past:
    """Acts of cascades in order of time, and who follows whom.

    Attributes:
        people: ids, sorted; people are rows of it everywhere.
        names: ids of cascades in the order of their first adoption.
        who: (acts,) int64; `cascade` and `at` beside it.
        timed: whether moments are known; without them every act of others counts as known.
        heard: (people, people) csr of bool: row is followed by column.
        followers: (people,) how many follow each; `follows` how many each follows.
    """

    people: pl.Series
    names: pl.Series
    who: Array
    cascade: Array
    at: Array
    timed: bool
    heard: sparse.csr_array
    followers: Array
    follows: Array

    @property
    def span(self) -> float:
        """Seconds from the first act to the last; 1 where there is none between."""
        return float(self.at[-1] - self.at[0]) or 1.0 if self.at.size else 1.0

    @cached_property
    def bends(self) -> tuple[Array, Array]:
        """Logarithms of how many follow, and are followed by, the middle and the first in ten."""
        found = []
        for ties in (self.followers, self.follows):
            some = ties[ties > 0]
            found.append(np.log1p(np.quantile(some, BENDS)) if some.size else np.zeros(len(BENDS)))
        return found[0], found[1]

    @cached_property
    def hears(self) -> sparse.csr_array:
        """(people, people) csr of bool: row follows column."""
        return self.heard.T.tocsr()

    @property
    def sizes(self) -> Array:
        """(cascades,) how many adopted in each."""
        return np.bincount(self.cascade, minlength=len(self.names))

    def each(self) -> list[Running]:
        """Every cascade as a whole, in the order of `names`."""
        if self.who.size == 0:
            return []
        order = np.argsort(self.cascade, kind="stable")
        ends = np.cumsum(self.sizes)[:-1]
        pairs = zip(np.split(self.who[order], ends), np.split(self.at[order], ends), strict=True)
        return [Running(who, at, float(at[-1]), own) for own, (who, at) in enumerate(pairs)]

    def known(self, now: float, hindsight: bool) -> int:
        """How many of the acts are known: those before this moment, or all of them."""
        everything = hindsight or not self.timed
        return self.who.size if everything else int(np.searchsorted(self.at, now, side="left"))


def build_past(acts: pl.DataFrame, ties: pl.DataFrame | None, extra: pl.Series) -> Past:
    """Cascades of the past with the ties of their people.

    Args:
        acts: as `ordered` gives them.
        ties: follower_id, followee_id; ties of somebody with themselves and repeated ones are left
            out. None: no graph is known.
        extra: further ids of people who are to have a row.
    """
    sides = [] if ties is None else [ties[FOLLOWER], ties[FOLLOWEE]]
    told = [side.cast(pl.String).alias(USER) for side in (acts[USER], extra, *sides)]
    people = pl.concat(told).drop_nulls().unique().sort()
    by_start = acts.group_by(CASCADE).agg(pl.col("moment").min()).sort("moment", CASCADE)
    numbers = by_start.select(CASCADE).with_row_index("number")
    joined = acts.join(numbers, on=CASCADE, how="left", maintain_order="left")
    joined = joined.sort("moment", "number", "place", maintain_order=True)
    heard = _heard(ties, people)
    return Past(
        people,
        by_start[CASCADE],
        positions(people, joined[USER]),
        joined["number"].cast(pl.Int64).to_numpy(),
        joined["moment"].to_numpy(),
        bool(acts["timed"].any()),
        heard,
        np.diff(heard.indptr),
        np.bincount(heard.indices, minlength=len(people)),
    )


def _heard(ties: pl.DataFrame | None, people: pl.Series) -> sparse.csr_array:
    shape = (len(people), len(people))
    if ties is None:
        return sparse.csr_array(shape, dtype=np.bool_)
    known = ties.select(FOLLOWER, FOLLOWEE).drop_nulls().unique()
    known = known.filter(pl.col(FOLLOWER) != pl.col(FOLLOWEE))
    rows, columns = (positions(people, known[name]) for name in (FOLLOWEE, FOLLOWER))
    return sparse.csr_array((np.ones(rows.size, np.bool_), (rows, columns)), shape=shape)


def ordered(table: pl.DataFrame, what: str = "cascades") -> pl.DataFrame:
    """cascade_id, user_id, moment, place, timed: each adopter of each cascade once, in order.

    Of somebody who adopted twice the first counts; of people at one moment the order is that of
    their ids. Who has no moment comes after those of their cascade who have one, in the order of
    the rows; `timed` is false throughout where nobody has one. Without a column of cascades all
    rows are of one. Rows without a person are left out.

    Raises:
        FrameError: there are no people, or moments that are no numbers.
    """
    if USER not in table.columns:
        raise FrameError(what, USER, f"missing; found {', '.join(table.columns)}")
    try:
        moment = pl.col(SECONDS) if SECONDS in table.columns else pl.lit(None, pl.Float64)
        name = pl.col(CASCADE) if CASCADE in table.columns else pl.lit("")
        rows = table.select(
            name.cast(pl.String).alias(CASCADE),
            pl.col(USER).cast(pl.String),
            moment.cast(pl.Float64).alias("moment"),
        )
    except pl.exceptions.PolarsError:
        raise FrameError(what, SECONDS, "holds what is no number") from None
    rows = rows.with_columns(pl.when(pl.col("moment").is_finite()).then("moment"))
    rows = rows.drop_nulls([CASCADE, USER]).with_row_index("row")
    timed = rows["moment"].is_not_null().any()
    last = pl.col("moment").max().over(CASCADE)
    later = pl.when(pl.col("moment").is_null()).then("row").otherwise(0).alias("later")
    return (
        rows.with_columns(later, pl.coalesce("moment", last, 0.0).alias("moment"))
        .sort(CASCADE, "moment", "later", USER)
        .unique([CASCADE, USER], keep="first", maintain_order=True)
        .with_columns(
            pl.int_range(pl.len()).over(CASCADE).alias("place"), pl.lit(timed).alias("timed")
        )
        .select(CASCADE, USER, "moment", "place", "timed")
    )


def without_moments(acts: pl.DataFrame) -> pl.DataFrame:
    """The same `ordered` rows in their order, as if no moment were known of anybody."""
    return acts.with_columns(pl.lit(0.0).alias("moment"), pl.lit(False).alias("timed"))


def running(past: Past, acts: pl.DataFrame, now: float | None = None) -> Running:
    """One cascade of `ordered` rows, seen from `now`, which is not before its last adopter."""
    at = acts["moment"].to_numpy()
    moment = max(float(at[-1]), now if now is not None else -np.inf)
    names = past.names.to_list()
    name = acts[CASCADE][0]
    own = names.index(name) if name in names else -1
    return Running(positions(past.people, acts[USER]), at, moment, own)
