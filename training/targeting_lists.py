"""What came of addressing the first segments of a product's list, fold by fold of people.

In: a model of what came before, later opinions, prices. Out: tables by overlap and length of list.
Never: another list than the one that is written in the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine import frames as f
from engine.audiences.scores import logits
from engine.audiences.standing import Panel, share_size
from engine.audiences.targeting import Prices
from engine.settings import Scalar
from engine.store.artefacts import Model
from training.targeting_tables import Later

Array = NDArray[Any]
OVERLAPS = 11
"""Most overlaps with better segments that are looked at, from 0 to 1."""


@dataclass(frozen=True)
class Lists:
    """Unions of the first segments: `worth` (folds, products, overlaps, lengths).

    `people`, `likes` and `dislikes` are (products, overlaps, lengths); a list that ends before a
    length stays as it is.
    """

    worth: Array
    people: Array
    likes: Array
    dislikes: Array

    @property
    def longest(self) -> int:
        return int(self.people.shape[2])


def measure_lists(
    model: Model,
    panel: Panel,
    later: Later,
    *,
    products: Array,
    goal: tuple[str, dict[str, Scalar]],
    most: int,
) -> Lists:
    """Addresses the first 1 to `most` segments of each list and counts what came of it."""
    size = (products.size, OVERLAPS, most)
    people, likes, dislikes = (np.zeros(size, np.float32) for _ in range(3))
    worth = np.zeros((later.folds, *size), np.float32)
    best = model.segments.best.filter(pl.col("goal") == goal[0]).sort("product", f.RANK)
    starts = best["product"].search_sorted(np.append(products, products[-1:] + 1), side="left")
    ends = best["product"].search_sorted(products, side="right")
    prices = Prices.of(goal[1])
    folds = (later.fold[:, None] == np.arange(later.folds)).astype(np.float32)
    for at, product in enumerate(products):
        part = best.slice(int(starts[at]), int(ends[at] - starts[at])).head(most)
        if part.height == 0:
            continue
        inside, open_ = _members(model, panel, int(product), part)
        said = later.opinions[:, [product]].toarray()[:, 0]
        liked, disliked = (said > 0).astype(np.float32), (said < 0).astype(np.float32)
        value = prices.worth(liked, disliked, 0)
        columns = np.column_stack([value[:, None] * folds, open_, liked, disliked])
        overlaps = part[f.OVERLAP].to_numpy()
        for bound in range(OVERLAPS):
            kept = np.flatnonzero(overlaps <= bound / (OVERLAPS - 1) + 1e-6)[:most]
            if not kept.size:
                continue
            union = np.maximum.accumulate(inside[kept], axis=0).astype(np.float32)
            sums = (union @ columns)[np.minimum(np.arange(most), kept.size - 1)]
            people[at, bound], likes[at, bound], dislikes[at, bound] = sums[:, later.folds :].T
            cost = prices.worth(0, 0, people[at, bound])  # each fold bears its part
            worth[:, at, bound] = sums[:, : later.folds].T + later.parts[:, None] * cost
    return Lists(worth, people, likes, dislikes)


def _members(model: Model, panel: Panel, product: int, part: pl.DataFrame) -> tuple[Array, Array]:
    """(segments, panel) bool: open people of the listed segments; and who is open."""
    open_ = np.ones(panel.people, bool)
    open_[panel.seen[:, [product]].indices] = False
    places = {id: row for row, id in enumerate(model.segments.table[f.SEGMENT])}
    ranked: Array | None = None
    inside = np.zeros((part.height, panel.people), bool)
    for row, id in enumerate(part[f.SEGMENT]):
        if id in places:
            inside[row] = (panel.members[places[id]] > 0) & open_
            continue
        if ranked is None:
            one = np.array([product])
            score = logits(panel.embeddings, panel.interest_terms, model.interest, one)[0]
            ranked = np.argsort(-np.where(open_, score, -np.inf), kind="stable")
        share = float(str(id).removeprefix("top-")) / 100
        size = min(share_size(share, panel.people), int(open_.sum()))
        inside[row, ranked[:size]] = True
    return inside, open_
