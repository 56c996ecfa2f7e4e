"""The acts that stand: what is left when each act counts once and what was taken back is gone.

In: events. Out: events, fewer. Never: an answer that depends on the order of rows.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from engine.frames import ACTION, AT, EVENT, OBJECT, TARGET, USER

FOLLOW, UNDO = "follow", "undo"


def live_events(events: pl.LazyFrame, *, distinct: bool = False) -> pl.LazyFrame:
    """The acts that stand: each event id once, without what was taken back and without `undo`s.

    What the log holds is `distinct` (see `engine.repeats`). A frame that is not has no order to
    tell which act came first: of rows that share an id and differ, the least by all columns stands.

    Taken back is the act that an `undo` of the same user names by its event id; where that is no
    other act of theirs and the `undo` names a person, every follow of that person until then.
    """
    names = events.collect_schema().names()
    if EVENT in names and not distinct:
        events = _once(events)
    acts = events.filter(pl.col(ACTION) != UNDO)
    if EVENT not in names or OBJECT not in names:
        return acts
    taken_back = _taken_back(events)
    if taken_back.is_empty():
        return acts
    return acts.join(taken_back.lazy(), on=[USER, EVENT], how="anti")


def unfollows(events: pl.LazyFrame) -> pl.LazyFrame:
    """user_id, target_user_id, occurred_at of every `undo` that names a person and no other act."""
    return _of_persons(_undos(events), events).lazy()


def _undos(events: pl.LazyFrame) -> pl.DataFrame:
    about = [pl.col(name).cast(pl.String) for name in (OBJECT, TARGET)]
    undone = (pl.col(ACTION) == UNDO) & pl.col(OBJECT).is_not_null()
    return events.filter(undone).select(USER, *about, AT).collect()


def _of_persons(undos: pl.DataFrame, events: pl.LazyFrame) -> pl.DataFrame:
    found = undos.filter(pl.col(TARGET).is_not_null())
    if not found.is_empty():  # else the log would be read once more for nothing
        others = events.filter(pl.col(ACTION) != FOLLOW).select(USER, pl.col(EVENT).alias(OBJECT))
        found = found.lazy().join(others, on=[USER, OBJECT], how="anti").collect()
    return found.select(USER, TARGET, AT)


def _taken_back(events: pl.LazyFrame) -> pl.DataFrame:
    """user_id, event_id of acts that were taken back, each once."""
    missing = {AT, TARGET} - set(events.collect_schema().names())
    undos = _undos(events.with_columns(pl.lit(None).alias(name) for name in missing))
    named = undos.select(USER, pl.col(OBJECT).alias(EVENT)).unique()
    if missing:
        return named
    last = _of_persons(undos, events).group_by(USER, TARGET).agg(pl.col(AT).max().alias("until"))
    if last.is_empty():
        return named
    follows = events.filter(pl.col(ACTION) == FOLLOW)
    follows = follows.select(USER, EVENT, pl.col(TARGET).cast(pl.String), AT)
    ended = follows.join(last.lazy(), on=[USER, TARGET]).filter(pl.col(AT) <= pl.col("until"))
    return pl.concat([named, ended.select(USER, EVENT).collect()]).unique()


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
