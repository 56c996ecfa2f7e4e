"""What a head says about pairs: logits, and the rates they stand for.

In: embeddings of users and one head (products, terms, knots). Out: arrays of logits or rates.
Never: a choice among users, and never more pairs at once than the caller asked for.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Head(Protocol):
    """One question about every pair, answered by one inner product; see the model's contract."""

    @property
    def products(self) -> Array:
        """(products, width) float32."""

    @property
    def product_terms(self) -> Array:
        """(products,) float32."""

    @property
    def user_terms(self) -> Array:
        """(users,) float32."""

    @property
    def knots(self) -> Array:
        """(k, 2): rising logits and the rates they stand for."""


def logits(embeddings: Array, user_terms: Array, head: Head, products: Array | slice) -> Array:
    """Scores the given users for some products: (products, users) float32, products in rows.

    `embeddings` and `user_terms` belong to the same users, which may be a sample of all.
    """
    found: Array = np.ascontiguousarray(head.products[products]) @ embeddings.T
    found += user_terms
    found += head.product_terms[products][:, None]
    return found


def rates(logits: Array, knots: Array) -> Array:
    """Reads rates off the piecewise linear curve through the knots, flat outside; float32."""
    return np.interp(logits, knots[:, 0], knots[:, 1]).astype(np.float32)


def pair_logits(embeddings: Array, head: Head, rows: Array, product: int) -> Array:
    """Scores some users, by row number, for one product: (rows,) float32."""
    scores = np.vecdot(embeddings[rows], head.products[product])
    found: Array = scores + head.user_terms[rows] + head.product_terms[product]
    return found
