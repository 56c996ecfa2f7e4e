"""What came of audiences of every width and blend on later opinions, fold by fold of people.

In: a model of what came before, later opinions, prices. Out: tables that trials look up.
Never: a fit; people are ranked once for each blend, and trials only choose among what was found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from engine.audiences.standing import Panel
from engine.audiences.targeting import Prices, order_people, share_grid, up_to
from engine.settings import Scalar
from engine.store.artefacts import Model

Array = NDArray[Any]
BLENDS = 11
"""Weights of interest that are looked at, from 0 to 1."""


@dataclass(frozen=True)
class Later:
    """Opinions to judge by, on the panel: (panel, products) with 1 for a like, -1 for a dislike.

    `fold` (panel,) says which people judge together.
    """

    opinions: sparse.csc_array
    fold: Array

    @property
    def folds(self) -> int:
        return int(self.fold.max(initial=0)) + 1

    @property
    def parts(self) -> Array:
        """(folds,): the part of people who are in each."""
        found: Array = np.bincount(self.fold, minlength=self.folds) / max(self.fold.size, 1)
        return found


@dataclass(frozen=True)
class Tables:
    """Audiences of every product (rows), blend and share, and what came of them.

    `gains` (products, blends, shares) is what the model expects, `people` (products, shares) who
    is in, on the panel; `worth` (folds, products, blends, shares) what came of it by prices;
    `likes` and `dislikes` (products, blends, shares) of all folds. `known` (products,) are the
    likes the model knows of, by which products speak for themselves.
    """

    products: Array
    known: Array
    blends: Array
    shares: Array
    people: Array
    gains: Array
    worth: Array
    likes: Array
    dislikes: Array
    weight: float
    """How many users one of the panel stands for."""


def measure_widths(
    model: Model,
    panel: Panel,
    later: Later,
    *,
    products: Array,
    goal: dict[str, Scalar],
    points: int,
    block: int,
) -> Tables:
    """Ranks the panel for each product by each blend and counts what came of the best shares."""
    shares, blends = share_grid(panel.people, points), np.linspace(0, 1, BLENDS)
    size = (products.size, blends.size, shares.size)
    gains, likes, dislikes = (np.zeros(size, np.float32) for _ in range(3))
    worth = np.zeros((later.folds, *size), np.float32)
    people = np.zeros((products.size, shares.size), np.int64)
    for at, weight in enumerate(blends):
        row = 0
        for ordered in order_people(
            panel,
            (model.interest, model.probability),
            products,
            blend=np.full(products.size, weight, np.float32),
            shares=shares,
            goal=goal,
            block=block,
        ):
            part = slice(row, row + ordered.products.size)
            row = part.stop
            people[part], gains[part, at] = ordered.people, ordered.gains
            said = later.opinions[:, ordered.products].toarray().T
            sums = _came_of(said, ordered.order, ordered.people, later, Prices.of(goal))
            likes[part, at], dislikes[part, at], worth[:, part, at] = sums
    known = model.products["likes"].to_numpy().astype(np.float64)[products]
    return Tables(
        products, known, blends, shares, people, gains, worth, likes, dislikes, panel.weight
    )


def _came_of(
    said: Array, order: Array, people: Array, later: Later, prices: Prices
) -> tuple[Array, Array, Array]:
    likes, dislikes = (said > 0).astype(np.float32), (said < 0).astype(np.float32)
    # what people cost is known: each fold bears its part, whoever of it happens to be addressed
    worth, cost = prices.worth(likes, dislikes, 0), prices.worth(0, 0, people)
    by_fold = [
        up_to(worth * (later.fold == fold), order, people) + part * cost
        for fold, part in enumerate(later.parts)
    ]
    return up_to(likes, order, people), up_to(dislikes, order, people), np.stack(by_fold)
