"""How every segment stands with every product, measured on a panel of users.

In: embeddings, two heads, segments. Out: for a block of products: rates of each panel user,
means by segment, and who belongs to the product's own best shares.
Never: more than one block of products at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from engine.audiences.membership import Membership
from engine.audiences.scores import Head, logits, rates

Array = NDArray[Any]


@dataclass(frozen=True)
class Panel:
    """Users on whom products are measured: everybody, or a seeded sample of them.

    `members` is (segments, panel) float32; `known` (panel, products) marks likes that are known;
    `weight` is how many users one of the panel stands for.
    """

    rows: Array
    embeddings: Array
    interest_terms: Array
    probability_terms: Array
    members: Array
    loyalty: Array
    known: sparse.csc_array | None
    weight: float

    @property
    def people(self) -> int:
        return int(self.rows.size)


@dataclass(frozen=True)
class Measured:
    """A block of products on the panel; products in rows.

    `interest` and `probability` are (products, panel) rates; `scores` are the logits of interest
    and `ranked` the same, highest first; `tops` is (shares, products, panel), True inside the
    best share.
    """

    interest: Array
    probability: Array
    scores: Array
    ranked: Array
    tops: Array


def draw_panel(
    rows: Array,
    heads: tuple[Head, Head],
    *,
    embeddings: Array,
    segments: Membership,
    loyalty: Array,
    known: sparse.csr_array | None,
    most: int,
    seed: int,
) -> Panel:
    """Takes all of `rows`, or `most` of them at random, with all that is measured on them."""
    total = rows.size
    if total > most:
        rows = np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
    columns = segments.indicator(embeddings.shape[0])[:, rows]
    return Panel(
        rows=rows,
        embeddings=np.ascontiguousarray(embeddings[rows]),
        interest_terms=np.asarray(heads[0].user_terms)[rows],
        probability_terms=np.asarray(heads[1].user_terms)[rows],
        members=columns.toarray().astype(np.float32),
        loyalty=loyalty[rows],
        known=None if known is None else sparse.csc_array(known[rows]),
        weight=total / max(rows.size, 1),
    )


def measure(
    panel: Panel, heads: tuple[Head, Head], products: Array | slice, shares: list[float]
) -> Measured:
    """Scores the panel for a block of products by both heads and marks the best shares."""
    interest, probability = heads
    found = logits(panel.embeddings, panel.interest_terms, interest, products)
    ranked = -np.sort(-found, axis=1)
    tops = np.stack(
        [best_mask(found, ranked, share_size(share, panel.people)) for share in shares]
    ) if shares else np.zeros((0, *found.shape), bool)  # fmt: skip
    other = logits(panel.embeddings, panel.probability_terms, probability, products)
    likely, chances = rates(found, interest.knots), rates(other, probability.knots)
    return Measured(likely, chances, found, ranked, tops)


def share_size(share: float, people: int) -> int:
    """How many people a share is: rounded, at least one while there is anybody."""
    return min(people, max(1, int(np.floor(share * people + 0.5))))


def best_mask(scores: Array, ranked: Array, count: int) -> Array:
    """Marks the `count` highest of each row, ties by position.

    Args:
        scores: (rows, people); `ranked` the same, each row sorted, highest first.
    """
    last = ranked[:, count - 1 : count]
    inside: Array = scores >= last
    for row in np.flatnonzero(inside.sum(axis=1) > count):
        above = scores[row] > last[row]
        level = np.flatnonzero(scores[row] == last[row])[: count - int(above.sum())]
        inside[row] = above
        inside[row, level] = True
    return inside


def segment_means(values: Array, members: Array) -> Array:
    """Means of (products, panel) values within (segments, panel) members: (products, segments).

    Zero where a segment has nobody on the panel.
    """
    sizes = members.sum(axis=1)
    means: Array = (values @ members.T) / np.maximum(sizes, 1)
    return means
