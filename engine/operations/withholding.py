"""Answers without those who may not be addressed: who is passed over, and how many are left.

In: a model with its withheld people beside it. Out: rows to leave out, sizes as they are now.
Never: a size that counts somebody who withdrew.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine import frames as f
from engine import settings
from engine.audiences.membership import least_people
from engine.operations.lookup import index
from engine.store.artefacts import Model
from engine.store.withheld import Withheld

Array = NDArray[Any]


def withheld(model: Model) -> Withheld:
    """Who may not be addressed; nobody where nothing was said."""
    return model.withheld or Withheld.nobody(model.segments.table.height)


def closed(model: Model, product: int, *, include_known: bool = False) -> Array:
    """Rising rows of who is passed over for a product: who acted on it, and who is withheld."""
    barred = withheld(model).rows
    if include_known:
        return barred
    seen = model.seen.of(product)
    if not barred.size:
        return seen
    fresh = barred[~_held(seen, barred)]
    return np.insert(seen, np.searchsorted(seen, fresh), fresh)


def _held(rising: Array, rows: Array) -> Array:
    if not rising.size:
        return np.zeros(rows.size, bool)
    place = np.minimum(np.searchsorted(rising, rows), rising.size - 1)
    found: Array = rising[place] == rows
    return found


def share_size_now(model: Model, product: int, size: int) -> int:
    """A best share's people, or all that are left for the product where they are fewer."""
    held, seen = withheld(model), model.seen
    open_ = model.users.height - int(seen.offsets[product + 1] - seen.offsets[product])
    if size <= open_ - held.rows.size:
        return size  # even if none of the withheld had acted on it
    if product not in held.free:
        held.free[product] = model.users.height - closed(model, product).size
    return min(size, held.free[product])


def segment_sizes_now(model: Model) -> Array:
    """(segments,) int64: members who may be addressed; zero for segments that became too small."""
    held = withheld(model)
    sizes: Array = np.diff(model.segments.offsets) - held.members
    if not held.members.any():
        return sizes
    rules = settings.load("audiences")["segments"]
    people = model.users.height - held.rows.size
    least = least_people(people, rules.minimum_people, rules.minimum_share)
    return np.where(sizes >= least, sizes, 0)


def with_sizes_now(model: Model, product: int, best: pl.DataFrame) -> pl.DataFrame:
    """Rows of the table of best segments with their sizes of now, without those of nobody."""
    if model.withheld is None or not model.withheld.rows.size:
        return best
    places, sizes = index(model).places, segment_sizes_now(model)
    counted = [
        int(sizes[places[id]]) if id in places else share_size_now(model, product, size)
        for id, size in best.select(f.SEGMENT, f.SIZE).iter_rows()
    ]
    return best.with_columns(pl.Series(f.SIZE, counted, pl.UInt32)).filter(pl.col(f.SIZE) > 0)
