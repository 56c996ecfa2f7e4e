"""Parts and heads folded into what serving needs: embeddings side by side, one row for each user.

In: a stack and its two heads. Out: arrays with logit(u, p) = E[u]·P[p] + t[u] + t[p].
Never: an approximation; the arrays give the heads' own logits up to float32.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.store.artefacts import Head
from training.heads import LogisticHead, Stack

Array = NDArray[Any]


@dataclass(frozen=True)
class Scorer:
    """Embeddings and two heads, as a model keeps them; `balance` is what columns were scaled by."""

    embeddings: Array  # (users, width) float32
    interest: Head
    probability: Head
    balance: Array  # (width,) float32


def assemble(stack: Stack, interest: LogisticHead, probability: LogisticHead) -> Scorer:
    """Folds scales, weights and features into arrays.

    Columns of the embeddings are scaled by the size of the products' columns beside them, so that
    distances between users are differences in what they would answer, not in how parts are coded.
    """
    embeddings = user_columns(stack)
    sides = [product_columns(stack, head) for head in (interest, probability)]
    size = np.sqrt(np.mean([np.mean(products**2, axis=0) for products, _ in sides], axis=0))
    balance = np.where(size > 0, size, 1.0)
    heads = [
        Head(
            (products / balance).astype(np.float32),
            product_terms.astype(np.float32),
            user_terms(stack, head).astype(np.float32),
            head.knots(),
        )
        for head, (products, product_terms) in zip((interest, probability), sides, strict=True)
    ]
    return Scorer(
        (embeddings * balance).astype(np.float32), heads[0], heads[1], balance.astype(np.float32)
    )


def user_columns(stack: Stack) -> Array:
    """(users, width): the parts side by side, and once more times activity where heads use it."""
    plain = np.hstack([part.users for part in stack.parts])
    if not stack.by_activity:
        return plain
    return np.hstack([plain, plain * stack.sides.activity[:, None].astype(np.float32)])


def _weights(stack: Stack, head: LogisticHead) -> tuple[Array, Array, Array, Array]:
    """Per part: alone, by popularity and by activity, in raw units; then the sides' weights."""
    parts = len(stack.parts)
    blocks = 3 if stack.by_activity else 2
    table = head.coefficients[: blocks * parts].reshape(blocks, parts) / stack.scale.deviation
    sides = head.coefficients[blocks * parts :]
    by_activity = table[2] if stack.by_activity else np.zeros(parts)
    return table[0], table[1], by_activity, sides


def product_columns(stack: Stack, head: LogisticHead) -> tuple[Array, Array]:
    """(products, width) and (products,): the weighted parts of products, and their terms."""
    alone, by_popularity, by_activity, sides = _weights(stack, head)
    popularity = stack.sides.popularity
    weights = alone + popularity[:, None] * by_popularity  # (products, parts)
    columns = [part.products * weights[:, [k]] for k, part in enumerate(stack.parts)]
    if stack.by_activity:
        columns += [part.products * by_activity[k] for k, part in enumerate(stack.parts)]
    features = stack.sides.products
    terms = features @ sides[-features.shape[1] :] - weights @ stack.scale.mean + head.constant
    return np.hstack(columns), terms


def user_terms(stack: Stack, head: LogisticHead) -> Array:
    """(users,): what a head says of a user whatever the product."""
    known = np.column_stack([stack.sides.users, stack.sides.activity])
    found: Array = known @ user_weights(stack, head)
    return found


def user_weights(stack: Stack, head: LogisticHead) -> Array:
    """(features + 1,): a head's weights of the features of users, and of their activity."""
    _, _, by_activity, sides = _weights(stack, head)
    features = sides[: stack.sides.users.shape[1]]
    return np.append(features, -float(by_activity @ stack.scale.mean))
