"""Where an id lies in a model, and what is near an id that does not.

In: a model and ids. Out: row numbers, or an error that names up to five known ids.
Never: a copy of what the model maps.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine import frames as f
from engine.errors import UnknownEntity
from engine.store.artefacts import Model, Segments

Array = NDArray[Any]
_NEAR, _NEIGHBOURS, _CANDIDATES, _ALIKE = 5, 20, 200, 0.5


@dataclass(frozen=True)
class Index:
    """What is looked up in one model again and again; made once for each model."""

    products: dict[str, int]  # in the order of rows
    names: list[str]
    rarest: list[tuple[int, dict[str, Any]]]  # segments: place in the table, and in words
    places: dict[str, int]  # of segments in the table
    best_starts: Array  # (products + 1,) rows of `best`
    shares: Array  # (shares,) of the curves
    share_sizes: Array  # (products, shares) people who had not acted on the product
    thresholds: Array  # (products, shares) interest logits

    @classmethod
    def of(cls, model: Model) -> Index:
        """Reads what is needed from the tables of a model."""
        count, curves = model.products.height, model.segments.curves
        points = curves.height // max(count, 1)
        rows = model.segments.best["product"].to_numpy()
        return cls(
            {id: row for row, id in enumerate(model.products[f.PRODUCT])},
            _names(model.products).to_list(),
            _rarest(model.segments.table),
            {id: place for place, id in enumerate(model.segments.table[f.SEGMENT])},
            np.searchsorted(rows, np.arange(count + 1)),
            curves[f.SHARE][:points].to_numpy(),
            curves[f.SIZE].to_numpy().reshape(count, points),
            curves["threshold"].to_numpy().reshape(count, points),
        )


def _rarest(table: pl.DataFrame) -> list[tuple[int, dict[str, Any]]]:
    rows = table.with_row_index("at").sort(f.SIZE, f.SEGMENT)
    words = rows.select(f.SEGMENT, f.NAME, f.KIND, f.SIZE).to_dicts()
    return list(zip(rows["at"].to_list(), words, strict=True))


def _names(products: pl.DataFrame) -> pl.Series:
    ids = products[f.PRODUCT]
    return products[f.NAME].fill_null(ids) if f.NAME in products.columns else ids


_indexes: dict[int, tuple[weakref.ref[Segments], pl.DataFrame, Index]] = {}


def index(model: Model) -> Index:
    """The index of a model, kept as long as its segments live.

    It is found by the parts it was made from: a model stays the same while people withdraw.
    """
    made_from = model.segments
    key = id(made_from)
    found = _indexes.get(key)
    if found is None or found[0]() is not made_from or found[1] is not model.products:
        watch = weakref.ref(made_from, lambda _: _indexes.pop(key, None))
        found = (watch, model.products, Index.of(model))
        _indexes[key] = found
    return found[2]


def product_row(model: Model, product_id: str) -> int:
    """The row of a product.

    Raises:
        UnknownEntity: the model does not know it; `near` also looks at names.
    """
    row = index(model).products.get(product_id)
    if row is None:
        near = near_ids(product_id, model.products[f.PRODUCT], _names(model.products))
        raise UnknownEntity("product", product_id, near)
    return row


def user_rows(model: Model, user_ids: list[str]) -> tuple[Array, list[str]]:
    """Rows of the users that the model knows, in the order asked, and the ids it does not."""
    ids, known = model.users[f.USER], model.users.height
    asked = pl.Series(user_ids, dtype=pl.String)
    at = np.atleast_1d(ids.search_sorted(asked).to_numpy())
    inside = at < known
    same = np.zeros(at.size, bool)
    same[inside] = (ids.gather(at[inside]) == asked.filter(pl.Series(inside))).to_numpy()
    return at[same].astype(np.int64), asked.filter(pl.Series(~same)).to_list()


def near_ids(wanted: str, ids: pl.Series, names: pl.Series | None = None) -> tuple[str, ...]:
    """Up to five ids that resemble what was wanted, nearest first; by name too where given.

    A bounded number of candidates is compared: neighbours in order, ids that begin alike, names
    that hold the text.
    """
    at = int(ids.search_sorted(wanted))
    start = max(0, at - _NEIGHBOURS)
    candidates = {id: "" for id in ids.slice(start, 2 * _NEIGHBOURS)}
    if ids.len() <= _CANDIDATES:
        candidates |= dict.fromkeys(ids, "")
    if names is not None:
        held = names.str.to_lowercase().str.contains(wanted.lower(), literal=True)
        matches = pl.DataFrame({"id": ids, "name": names}).filter(held.fill_null(False))
        candidates |= dict(matches.head(_CANDIDATES).iter_rows())
    scored = [(_alike(wanted, id, name), id) for id, name in candidates.items()]
    best = sorted((-score, id) for score, id in scored if score >= _ALIKE)
    return tuple(id for _, id in best[:_NEAR])


def _alike(wanted: str, id: str, name: str) -> float:
    if name:
        return 1.0  # the name holds what was wanted
    return SequenceMatcher(None, wanted.lower(), id.lower()).ratio()
