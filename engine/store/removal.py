"""A model without some of its people, as if their rows had never been there.

In: a model, rows of users, or that of a product. Out: the same model with fewer rows, the values
of all others untouched.
Never: a row left behind under another id, or an answer about others changed but for sizes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.frames import NAME, PRODUCT, REASON, RULE, SEGMENT, SIZE, USER
from engine.store.artefacts import Head, Model, Seen, Segments
from engine.store.carriers import without_people

Array = NDArray[Any]
PRODUCT_ROW = "product"
OF_PRODUCTS = ("likes", "seen", "opinion", "lookalike", "sessions", "bridge_products")
"""Arrays of folding that have a row for each product."""
GONE = "(erased)"
"""In words, in the place of an id that was taken out."""


def without_users(model: Model, rows: Array, *, named: pl.Series | None = None) -> Model:
    """Takes people out of every array and table; row numbers close up.

    What was learned from many, such as embeddings of products, counts and curves, stays.

    Args:
        model: as it was mapped.
        rows: rising row numbers.
        named: ids of more people, whom the model knows by their ties only.
    """
    gone = model.users[USER].gather(rows)
    gone = gone if named is None else pl.concat([gone, named.cast(pl.String).alias(USER)])
    if gone.is_empty():
        return model
    stays = np.ones(model.users.height, bool)
    stays[rows] = False
    renumbered = np.cumsum(stays) - 1
    users = model.users.filter(pl.Series(stays))
    left = {
        "users": users,
        "carriers": without_people(model.carriers, gone, users[USER]),
        "embeddings": np.asarray(model.embeddings)[stays],
        "interest": _head(model.interest, stays),
        "probability": _head(model.probability, stays),
        "seen": _seen(model.seen, stays, renumbered),
        "segments": _segments(model.segments, stays, renumbered),
        "holdout": _holdout(model.holdout, stays, renumbered),
        "withheld": None,
    }
    return replace(model, **left)  # type: ignore[arg-type]


def without_product(model: Model, row: int) -> Model:
    """Takes one product out of every array and table, and its id out of the words of others.

    Row numbers close up; what was learned of users and of other products stays.
    """
    stays = np.ones(model.products.height, bool)
    stays[row] = False
    id = str(model.products[PRODUCT][row])
    mask = pl.Series(stays)
    left = {
        "products": model.products.filter(mask),
        "interest": _head_of_products(model.interest, stays),
        "probability": _head_of_products(model.probability, stays),
        "folding": {
            name: np.asarray(array)[stays] if name in OF_PRODUCTS else array
            for name, array in model.folding.items()
        },
        "seen": _seen_of(model.seen, row),
        "segments": replace(
            model.segments,
            table=_unnamed(model.segments.table, id),
            best=_unnamed(_without_row(model.segments.best, row), id),
            curves=_without_row(model.segments.curves, row),
        ),
        "holdout": _without_row(model.holdout, row),
        "targeting": None if model.targeting is None else _without_row(model.targeting, row),
        "withheld": None,
    }
    return replace(model, **left)  # type: ignore[arg-type]


def _head_of_products(head: Head, stays: Array) -> Head:
    products, terms = np.asarray(head.products)[stays], np.asarray(head.product_terms)[stays]
    return replace(head, products=products, product_terms=terms)


def _seen_of(seen: Seen, row: int) -> Seen:
    first, end = int(seen.offsets[row]), int(seen.offsets[row + 1])
    offsets = np.asarray(seen.offsets).copy()
    offsets[row + 1 :] -= end - first
    return Seen(np.delete(offsets, row + 1), np.delete(np.asarray(seen.users), slice(first, end)))


def _without_row(table: pl.DataFrame, row: int) -> pl.DataFrame:
    """The table without the rows of a product, whose numbers are in its column `product`."""
    here = pl.col(PRODUCT_ROW)
    closed = pl.when(here > row).then(here - 1).otherwise(here).alias(PRODUCT_ROW)
    return table.filter(here != row).with_columns(closed)


def _unnamed(table: pl.DataFrame, id: str) -> pl.DataFrame:
    texts = [name for name in (NAME, RULE, REASON) if name in table.columns]
    return table.with_columns(pl.col(texts).str.replace_all(id, GONE, literal=True))


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
