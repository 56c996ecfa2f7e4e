"""How near a model came to the planted truth, beside the oracle who knows it.

In: a world and what was learned from its events. Out: AUCs, and true rates of any set of users.
Never: a judgement on pairs that the events already told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from engine.audiences.scores import logits
from engine.frames import PRODUCT, SEGMENT, USER
from engine.store.artefacts import Head, Model
from training.simulate import World
from training.world.plan import Array
from training.world.truth import soft_auc


@dataclass(frozen=True)
class Judgement:
    """Mean AUCs over products among the pairs not seen in training, and the best there can be.

    Interest is judged by who will be shown a product and like it, taste by who would like it if
    it were shown to them.
    """

    interest: float
    interest_oracle: float
    taste: float
    taste_oracle: float


def judge(world: World, model: Model) -> Judgement:
    """Compares both heads of a model with the truth of the world it learned from."""
    users, products = rows_in_world(world, model)
    unseen = ~seen_pairs(world)[np.ix_(users, products)]
    truth = world.truth
    interest, taste = truth.interest(users, products), truth.like(users, products)
    return Judgement(
        interest=_mean_auc(lambda p: _answers(model, model.interest, p), interest, unseen),
        interest_oracle=_mean_auc(lambda p: interest[:, p], interest, unseen),
        taste=_mean_auc(lambda p: _answers(model, model.probability, p), taste, unseen),
        taste_oracle=_mean_auc(lambda p: taste[:, p], taste, unseen),
    )


def rows_in_world(world: World, model: Model) -> tuple[Array, Array]:
    """For each user and each product of a model, their row in the world."""
    return (
        _places(world.users[USER], model.users[USER]),
        _places(world.products[PRODUCT], model.products[PRODUCT]),
    )


def seen_pairs(world: World) -> Array:
    """(users, products) bool: the events speak of the pair."""
    seen = np.zeros((world.users.height, world.products.height), bool)
    users = _places(world.users[USER], world.events[USER])
    seen[users, _places(world.products[PRODUCT], world.events[PRODUCT])] = True
    return seen


def _places(ids: pl.Series, wanted: pl.Series) -> Array:
    places = pl.DataFrame({"id": ids}).with_row_index("place")
    found = pl.DataFrame({"id": wanted}).join(places, on="id", how="left", maintain_order="left")
    return np.asarray(found["place"].to_numpy())


def _answers(model: Model, head: Head, product: int) -> Array:
    chosen = slice(product, product + 1)
    return np.asarray(logits(model.embeddings, head.user_terms, head, chosen)[0])


def _mean_auc(scores: Callable[[int], Array], chances: Array, among: Array) -> float:
    each = [
        soft_auc(scores(product)[rows], chances[rows, product])
        for product, rows in enumerate(among.T)
        if rows.any()
    ]
    return float(np.nanmean(each))


def members_of(model: Model, segment: str, *, product: int, size: int) -> Array:
    """Rows of a segment's users who had not acted on a product when the model was learned.

    Best shares of the product are the `size` first of them; ties go to the first rows.
    """
    open_ = np.ones(model.users.height, bool)
    open_[model.seen.of(product)] = False
    found = model.segments.table[SEGMENT].index_of(segment)
    if found is not None:
        start, end = model.segments.offsets[found : found + 2]
        members = np.asarray(model.segments.members[start:end], np.int64)
        return members[open_[members]]
    left = np.flatnonzero(open_)
    ranking = np.argsort(-_answers(model, model.interest, product)[left], kind="stable")
    return np.sort(left[ranking[:size]])


def overlap(one: Array, other: Array) -> float:
    """Jaccard index of two sets of rows; 0 where both are empty."""
    both = np.intersect1d(one, other).size
    return both / max(one.size + other.size - both, 1)


@dataclass(frozen=True)
class Worth:
    """What a set of users truly brings for a product."""

    size: int
    rate: float  # mean planted interest of its members; zero without any
    possible: float  # mean planted interest of the best set of that size
    everybody: float  # mean planted interest of all who could be addressed

    @property
    def reached(self) -> float:
        """Part of the possible likes that the set holds."""
        return self.rate / self.possible if self.possible else float("nan")


def worth(world: World, members: Array, product: int, *, among: Array | None = None) -> Worth:
    """The truth about some users (rows of the world) and one product (row of the world).

    Args:
        among: rows of the users who could be addressed, by default all; members are some of them.
    """
    chances = world.truth.interest(products=slice(product, product + 1))[:, 0]
    others = chances if among is None else chances[among]
    best = np.sort(others)[::-1][: members.size]
    rate, possible, everybody = (
        float(part.mean()) if part.size else 0.0 for part in (chances[members], best, others)
    )
    return Worth(int(members.size), rate, possible, everybody)
