"""Who follows whom: ties of the follows table and of acts, as far as later acts let them stand.

In: events, and the follows table. Out: ties that stand. Never: a tie of somebody with themselves
that acts tell, or one that was taken back.
"""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from engine import frames
from engine.frames import ACTION, AT, EVENT, FOLLOWEE, FOLLOWER, OBJECT, RECORDED, TARGET, USER
from engine.signals.undo import FOLLOW, UNDO, live_events, unfollows

BLOCK = "block"
TIE = (FOLLOWER, FOLLOWEE)
MADE, ENDED = "made", "ended"
BEFORE = pl.lit(datetime(1, 1, 1, tzinfo=UTC), frames.UTC)
"""When ties came of which no moment is known: any act about them is later."""


def standing_ties(
    events: pl.LazyFrame, table: pl.LazyFrame | None = None, *, distinct: bool = False
) -> pl.DataFrame:
    """follower_id, followee_id: each tie that stands once, sorted by both.

    A tie is made by a follow that was not undone, or came in the follows table. It ends where its
    follower later blocks the same person or takes the follow back; of both at one moment the end
    holds. A follow after that makes it again; the same row of the table, handed in again, does not.

    Taken back is a follow that an `undo` names by its event id, and the tie to whomever an `undo`
    names as target while it names no other act of the same user that is known.

    Args:
        events: acts of the log.
        table: follower_id, followee_id, and `recorded_at`, when the tie came; null is before all.
        distinct: as in `live_events`.
    """
    told = [_made(events, distinct), _blocked(events, distinct), *_undone(events)]
    if table is not None:
        came = pl.coalesce(RECORDED, BEFORE)
        told.append(table.select(*TIE, came.alias(MADE), pl.lit(None, frames.UTC).alias(ENDED)))
    return (
        pl.concat(told)
        .group_by(TIE)
        .agg(pl.col(MADE, ENDED).max())
        .filter(
            pl.col(MADE).is_not_null() & (pl.col(ENDED).is_null() | (pl.col(MADE) > pl.col(ENDED)))
        )
        .select(TIE)
        .sort(TIE)
        .collect()
    )


def _acts(events: pl.LazyFrame, action: str) -> pl.LazyFrame:
    if TARGET not in events.collect_schema().names():
        return events.with_columns(pl.lit(None, pl.String).alias(TARGET)).limit(0)
    about = pl.col(TARGET).is_not_null() & (pl.col(TARGET) != pl.col(USER))
    return events.filter((pl.col(ACTION) == action) & about)


def _as_ties(acts: pl.LazyFrame, what: str) -> pl.LazyFrame:
    moments = {MADE: pl.lit(None, frames.UTC), ENDED: pl.lit(None, frames.UTC), what: pl.col(AT)}
    named = (moment.cast(frames.UTC).alias(name) for name, moment in moments.items())
    return acts.select(pl.col(USER).alias(FOLLOWER), pl.col(TARGET).alias(FOLLOWEE), *named)


def _made(events: pl.LazyFrame, distinct: bool) -> pl.LazyFrame:
    return _as_ties(_acts(live_events(events, distinct=distinct), FOLLOW), MADE)


def _blocked(events: pl.LazyFrame, distinct: bool) -> pl.LazyFrame:
    return _as_ties(_acts(live_events(events, distinct=distinct), BLOCK), ENDED)


def _undone(events: pl.LazyFrame) -> list[pl.LazyFrame]:
    """Ties whose follow was taken back, by its id or by the name of the person."""
    if not {EVENT, OBJECT, TARGET} <= set(events.collect_schema().names()):
        return []
    undos = events.filter((pl.col(ACTION) == UNDO) & pl.col(OBJECT).is_not_null())
    undos = undos.select(USER, pl.col(OBJECT).cast(pl.String), AT).collect().lazy()
    followed = _acts(events, FOLLOW).select(USER, pl.col(EVENT).alias(OBJECT), TARGET)
    by_id = undos.join(followed, on=[USER, OBJECT])
    return [_as_ties(acts, ENDED) for acts in (by_id, unfollows(events))]
