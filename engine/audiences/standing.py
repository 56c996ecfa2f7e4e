"""How every segment stands with every product, measured on a panel of users.

In: embeddings, two heads, segments. Out: for a block of products: who is open (has not acted
on it), their rates, and who of them belongs to the product's own best shares.
Never: more than one block of products at a time, or a person in a share who acted already.
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
class Echo:
    """How far word goes of whoever likes what they are shown.

    `carry` is (users,), how many others are expected to take up what each says once; `passing`
    (products,), how many of those who like a product say so.
    """

    carry: Array
    passing: Array


@dataclass(frozen=True)
class Panel:
    """Users on whom products are measured: everybody, or a seeded sample of them.

    `members` is (segments, panel) float32, `named` the rows of segments whose names say who their
    people are; `seen` (panel, products) marks pairs with an act;
    `open_people` (products,) is how many of everybody have not acted on each product, `least` how
    many of them a segment must hold; `weight` is how many users one of the panel stands for.
    `echo` is of the panel's people; None where nobody knows who passes on.
    """

    rows: Array
    embeddings: Array
    interest_terms: Array
    probability_terms: Array
    members: Array
    named: Array
    loyalty: Array
    echo: Echo | None
    seen: sparse.csc_array
    open_people: Array
    least: int
    weight: float

    @property
    def people(self) -> int:
        return int(self.rows.size)

    def carried(self, products: Array) -> Array | None:
        """(products, panel) further people reached where each likes each; None: nobody knows."""
        if self.echo is None:
            return None
        return np.multiply.outer(self.echo.passing[products], self.echo.carry)


@dataclass(frozen=True)
class Measured:
    """A block of products on the panel; products in rows.

    `open` is (products, panel), True for people who have not acted on the product; `people`
    (products,) is how many they are, `listable` the same, but zero where they are too few of
    everybody to stand as a best share. `interest` and `probability` are (products, panel) rates,
    zero for the others; `scores` are the logits of interest, minus infinity for the others, and
    `ranked` the same, highest first; `tops` is (shares, products, panel), True inside the best
    share.
    """

    open: Array
    people: Array
    listable: Array
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
    echo: Echo | None = None,
    seen: sparse.csc_array,
    most: int,
    least: int,
    seed: int,
) -> Panel:
    """Takes all of `rows`, or `most` of them at random, with all that is measured on them."""
    total = rows.size
    among = seen if total == seen.shape[0] else seen[rows]
    places = np.arange(total)
    if total > most:
        places = np.sort(np.random.default_rng(seed).choice(total, most, replace=False))
        rows = rows[places]
    columns = segments.indicator(embeddings.shape[0])[:, rows]
    return Panel(
        rows=rows,
        embeddings=np.ascontiguousarray(embeddings[rows]),
        interest_terms=np.asarray(heads[0].user_terms)[rows],
        probability_terms=np.asarray(heads[1].user_terms)[rows],
        members=columns.toarray().astype(np.float32),
        named=segments.named,
        loyalty=loyalty[rows],
        echo=None if echo is None else Echo(echo.carry[rows], echo.passing),
        seen=among if places.size == total else sparse.csc_array(among[places]),
        open_people=total - np.diff(among.indptr),
        least=least,
        weight=total / max(rows.size, 1),
    )


def measure(
    panel: Panel, heads: tuple[Head, Head], products: Array, shares: list[float]
) -> Measured:
    """Scores the panel for a block of products by both heads and marks the best shares.

    A share is one of everybody, of whom the open people are ranked: where fewer are open than it
    holds, it is all of them, and where they are fewer than `panel.least`, nobody.
    """
    interest, probability = heads
    closed = panel.seen[:, products].toarray().T > 0
    found = logits(panel.embeddings, panel.interest_terms, interest, products)
    other = logits(panel.embeddings, panel.probability_terms, probability, products)
    likely, chances = rates(found, interest.knots), rates(other, probability.knots)
    found[closed], likely[closed], chances[closed] = -np.inf, 0, 0
    ranked = -np.sort(-found, axis=1)
    people = panel.people - closed.sum(axis=1)
    listable = np.where(panel.open_people[products] >= panel.least, people, 0)
    tops = np.zeros((len(shares), *found.shape), bool)
    for at, counts in enumerate(share_people(shares, panel.people, listable).T):
        tops[at] = best_mask(found, ranked, counts)
    return Measured(~closed, people, listable, likely, chances, found, ranked, tops)


def share_size(share: float, people: int) -> int:
    """How many people a share is: rounded, at least one while there is anybody."""
    return min(people, max(1, int(np.floor(share * people + 0.5))))


def share_people(shares: list[float], people: int, open_people: Array) -> Array:
    """(products, shares): people in shares of everybody, all open ones where they are fewer."""
    sizes = np.array([share_size(share, people) for share in shares], np.int64)
    found: Array = np.minimum(sizes, open_people[:, None])
    return found


def best_mask(scores: Array, ranked: Array, counts: Array) -> Array:
    """Marks the highest of each row, ties by position.

    Args:
        scores: (rows, people); `ranked` the same, each row sorted, highest first.
        counts: (rows,), how many are marked.
    """
    last = np.take_along_axis(ranked, np.maximum(counts, 1)[:, None] - 1, axis=1)
    inside: Array = (scores >= last) & (counts > 0)[:, None]
    for row in np.flatnonzero(inside.sum(axis=1) > counts):
        above = scores[row] > last[row]
        level = np.flatnonzero(scores[row] == last[row])[: counts[row] - int(above.sum())]
        inside[row] = above
        inside[row, level] = True
    return inside
