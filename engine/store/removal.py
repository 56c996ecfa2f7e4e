"""A model without some of its people, as if their rows had never been there.

In: a model, rows of users. Out: the same model with fewer rows, everybody else's values untouched.
Never: a row left behind under another id, or an answer about others changed but for sizes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.frames import SEGMENT, SIZE
from engine.store.artefacts import Head, Model, Seen, Segments

Array = NDArray[Any]


def without_users(model: Model, rows: Array) -> Model:
    """Takes people out of every array and table; row numbers close up.

    What was learned from many, such as embeddings of products, counts and curves, stays.

    Args:
        model: as it was mapped.
        rows: rising row numbers.
    """
    if not rows.size:
        return model
    stays = np.ones(model.users.height, bool)
    stays[rows] = False
    renumbered = np.cumsum(stays) - 1
    left = {
        "users": model.users.filter(pl.Series(stays)),
        "embeddings": np.asarray(model.embeddings)[stays],
        "interest": _head(model.interest, stays),
        "probability": _head(model.probability, stays),
        "seen": _seen(model.seen, stays, renumbered),
        "segments": _segments(model.segments, stays, renumbered),
        "holdout": _holdout(model.holdout, stays, renumbered),
        "withheld": None,
    }
    return replace(model, **left)  # type: ignore[arg-type]


def _head(head: Head, stays: Array) -> Head:
    return replace(head, user_terms=np.asarray(head.user_terms)[stays])


def _seen(seen: Seen, stays: Array, renumbered: Array) -> Seen:
    users, offsets = _lists(seen.users, seen.offsets, stays, renumbered)
    return Seen(offsets, users)


def _lists(members: Array, offsets: Array, stays: Array, renumbered: Array) -> tuple[Array, Array]:
    kept = stays[members]
    counted = np.concatenate([[0], np.cumsum(kept, dtype=np.int64)])
    return renumbered[members[kept]].astype(np.uint32), counted[offsets].astype(np.int64)


def _segments(parts: Segments, stays: Array, renumbered: Array) -> Segments:
    members, offsets = _lists(parts.members, parts.offsets, stays, renumbered)
    sizes = pl.Series(SIZE, np.diff(offsets), parts.table.schema[SIZE])
    table = parts.table.with_columns(sizes)
    of_named = table.select(SEGMENT, pl.col(SIZE).alias("now"))
    best = (
        parts.best.join(of_named, on=SEGMENT, how="left", maintain_order="left")
        .with_columns(pl.coalesce("now", SIZE).cast(parts.best.schema[SIZE]).alias(SIZE))
        .drop("now")
    )
    return Segments(table, offsets, members, best, parts.curves)


def _holdout(holdout: pl.DataFrame, stays: Array, renumbered: Array) -> pl.DataFrame:
    users = holdout["user"].to_numpy()
    kept = stays[users]
    left = pl.Series("user", renumbered[users[kept]], pl.UInt32)
    return holdout.filter(pl.Series(kept)).with_columns(left)
