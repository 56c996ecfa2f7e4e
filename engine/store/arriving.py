"""Events on their way into the log: which are new, and which are against one that stands.

In: events in the order they came, and those that the log holds. Out: both kinds.
Never: an id twice among what is new, or the whole log read for the few that it holds already.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from engine.errors import FrameError
from engine.frames import AT, EVENT, EVENTS
from engine.repeats import AGREES, FIRST, PLACE, SAID, later_acts, said

AGAINST = pl.Schema({PLACE: pl.UInt32, **EVENTS.columns, FIRST: pl.UInt32})


def tell_fresh(placed: pl.LazyFrame, known: pl.LazyFrame) -> tuple[pl.LazyFrame, pl.DataFrame]:
    """Separates by the rule of `engine.repeats`; what repeats another act is in neither.

    Args:
        placed: events with the `place` at which each came.
        known: events without.

    Returns:
        Events whose ids are not known, each id once, in no promised order; and those that are
        against one that stands, as `AGAINST`: in `first` is the place of the one they are against,
        null where it was known before. Sorted by place.

    Raises:
        FrameError: an event has no id.
    """
    events = placed.drop(PLACE)
    ids = events.select(EVENT)
    if ids.null_count().collect().item():
        raise FrameError(EVENTS.name, EVENT, "an event has no id")
    stale = known.select(EVENT).join(ids, on=EVENT, how="semi").collect()
    fresh = events.join(stale.lazy(), on=EVENT, how="anti")
    repeated = fresh.group_by(EVENT).len().filter(pl.col("len") > 1).select(EVENT).collect()
    against = [pl.DataFrame(schema=AGAINST)]
    if not stale.is_empty():
        against.append(_against_known(placed.join(stale.lazy(), on=EVENT, how="semi"), known))
    if not repeated.is_empty():
        shared = placed.join(repeated.lazy(), on=EVENT, how="semi").collect().sort(PLACE)
        chosen, refused = _each_once(shared)
        against.append(refused)
        fresh = pl.concat([fresh.join(repeated.lazy(), on=EVENT, how="anti"), chosen.lazy()])
    return fresh, pl.concat(against).sort(PLACE)


def _against_known(given: pl.LazyFrame, known: pl.LazyFrame) -> pl.DataFrame:
    """Of events whose ids are known, those that say something else.

    Only the span of their moments is read: what lies outside of it says another one.
    """
    low, high = given.select(pl.col(AT).min().alias("low"), pl.col(AT).max()).collect().row(0)
    same = known.filter(pl.col(AT).is_between(low, high)).select(EVENT, said())
    against = given.with_columns(said()).join(same, on=[EVENT, SAID], how="anti")
    return against.drop(SAID).with_columns(pl.lit(None, pl.UInt32).alias(FIRST)).collect()


def _each_once(shared: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The first event under each id, and those that are against it; all ids are new."""
    later = later_acts(shared.select(EVENT, said()))
    stays = np.ones(shared.height, bool)
    stays[later[PLACE]] = False
    refused = later.filter(~pl.col(AGREES))
    first = shared[PLACE].gather(refused[FIRST]).alias(FIRST)
    chosen = shared.filter(pl.Series(stays)).drop(PLACE)
    return chosen, shared[refused[PLACE]].with_columns(first)
