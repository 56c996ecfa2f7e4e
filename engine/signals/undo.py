"""The acts that stand: what is left when each act counts once and what was taken back is gone.

In: events. Out: events, fewer. Never: an answer that depends on the order of rows.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from engine.frames import ACTION, EVENT, OBJECT, USER

UNDO = "undo"


def live_events(events: pl.LazyFrame, *, distinct: bool = False) -> pl.LazyFrame:
    """The acts that stand: each event id once, without what was taken back and without `undo`s.

    What the log holds is `distinct` (see `engine.repeats`). A frame that is not has no order to
    tell which act came first: of rows that share an id and differ, the least by all columns stands.
    """
    names = events.collect_schema().names()
    if EVENT in names and not distinct:
        events = _once(events)
    acts = events.filter(pl.col(ACTION) != UNDO)
    if EVENT not in names or OBJECT not in names:
        return acts
    taken_back = (
        events.filter((pl.col(ACTION) == UNDO) & pl.col(OBJECT).is_not_null())
        .select(USER, pl.col(OBJECT).alias(EVENT))
        .unique()
        .collect()
    )
    if taken_back.is_empty():
        return acts
    return acts.join(taken_back.lazy(), on=[USER, EVENT], how="anti")


def _once(events: pl.LazyFrame) -> pl.LazyFrame:
    repeated = _repeated(events.select(EVENT).drop_nulls())
    if repeated.is_empty():
        return events
    chosen = (
        events.join(repeated.lazy(), on=EVENT, how="semi")
        .sort(pl.all())
        .unique(EVENT, keep="first", maintain_order=True)
        .collect()
    )
    return pl.concat([events.join(repeated.lazy(), on=EVENT, how="anti"), chosen.lazy()])


def _repeated(ids: pl.LazyFrame) -> pl.DataFrame:
    """Ids that occur more than once; hashes tell which may, in 16 bytes for each."""
    ids = ids.with_columns(pl.col(EVENT).hash().alias("hash"))
    hashes = np.sort(ids.select("hash").collect().to_series())
    met = pl.LazyFrame({"hash": np.unique(hashes[1:][hashes[1:] == hashes[:-1]])})
    return (
        ids.join(met, on="hash", how="semi")
        .group_by(EVENT)
        .len()
        .filter(pl.col("len") > 1)
        .select(EVENT)
        .collect()
    )
