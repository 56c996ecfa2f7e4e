"""What sets a group's taste apart from everybody's.

In: likes of groups by product or tag. Out: the columns that stand out, clearest first.
Never: a column that is merely popular.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from engine import frames as f

Array = NDArray[Any]


def standing_out(counts: Array, prior: float) -> Array:
    """z-scores of the log-odds of each group's likes against all other likes.

    Monroe, Colaresi & Quinn 2008, "Fightin' Words": the background, weighed as `prior` likes, is
    the informative Dirichlet prior of both sides, so that rare columns need more evidence.

    Args:
        counts: (groups, columns), likes.

    Returns:
        (groups, columns); zeros where nothing was liked at all.
    """
    total = counts.sum(axis=0)
    if total.sum() == 0:
        return np.zeros_like(counts, dtype=np.float64)
    background = prior * total / total.sum()
    within = counts + background
    others = (total - counts) + background
    seen = background > 0
    within, others = np.where(seen, within, 1.0), np.where(seen, others, 1.0)
    left = within.sum(axis=1, keepdims=True) - within
    right = others.sum(axis=1, keepdims=True) - others
    odds = np.log(within / np.maximum(left, 1e-9)) - np.log(others / np.maximum(right, 1e-9))
    scores: Array = np.where(seen, odds / np.sqrt(1 / within + 1 / others), 0.0)
    return scores


def distinctive(counts: Array, prior: float, clear: float, *, most: int) -> list[list[int]]:
    """For each group the columns whose z-score exceeds `clear`, clearest first, at most `most`."""
    scores = standing_out(counts, prior)
    if counts.shape[1] == 0:
        return [[] for _ in range(counts.shape[0])]
    order = np.argsort(-scores, axis=1, kind="stable")[:, :most]
    return [
        [int(column) for column in columns if scores[group, column] > clear]
        for group, columns in enumerate(order)
    ]


def tag_matrix(products: pl.DataFrame) -> tuple[list[str], sparse.csr_array]:
    """The tags in order of their names, and (products, tags) with 1 where a product has the tag."""
    pairs = (
        products.select(pl.int_range(pl.len()).alias("row"), f.TAGS)
        .explode(f.TAGS, empty_as_null=True)
        .drop_nulls()
        .unique(maintain_order=True)
    )
    tags = pairs[f.TAGS].unique().sort()
    columns = tags.search_sorted(pairs[f.TAGS]).to_numpy() if pairs.height else np.zeros(0, int)
    shape = (products.height, tags.len())
    ones = np.ones(pairs.height, np.float32)
    return tags.to_list(), sparse.csr_array((ones, (pairs["row"].to_numpy(), columns)), shape=shape)
