"""Who follows whom, as acts tell it: follows of people that still stand.

In: events. Out: ties, as the follows table has them. Never: a tie of somebody with themselves.
"""

from __future__ import annotations

import polars as pl

from engine.frames import ACTION, AT, FOLLOWEE, FOLLOWER, TARGET, USER
from engine.signals.undo import live_events

FOLLOW, BLOCK = "follow", "block"


def told_ties(events: pl.LazyFrame, *, distinct: bool = False) -> pl.DataFrame:
    """follower_id, followee_id: each tie once, sorted by both.

    A follow that was undone tells no tie, nor one after which the follower blocked the same
    person; of a follow and a block at one moment the block holds. `distinct` as in `live_events`.
    """
    if TARGET not in events.collect_schema().names():
        return pl.DataFrame(schema={FOLLOWER: pl.String, FOLLOWEE: pl.String})
    about = pl.col(TARGET).is_not_null() & (pl.col(TARGET) != pl.col(USER))
    acts = live_events(events, distinct=distinct).filter(
        pl.col(ACTION).is_in([FOLLOW, BLOCK]) & about
    )
    return (
        acts.group_by(USER, TARGET)
        .agg(pl.col(AT).filter(pl.col(ACTION) == act).max().alias(act) for act in (FOLLOW, BLOCK))
        .filter(
            pl.col(FOLLOW).is_not_null()
            & (pl.col(BLOCK).is_null() | (pl.col(FOLLOW) > pl.col(BLOCK)))
        )
        .select(pl.col(USER).alias(FOLLOWER), pl.col(TARGET).alias(FOLLOWEE))
        .sort(FOLLOWER, FOLLOWEE)
        .collect()
    )
