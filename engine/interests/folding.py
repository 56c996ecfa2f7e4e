"""People who came after training: their embedding from their acts, without a fit.

In: the folding arrays of a model, and acts as sparse rows. Out: embeddings and user terms.
Never: a change of the model, and never a user of the model again.

The neighbourhoods fold in exactly: a user's row is their acts times a matrix. What LightFM knows
of a user is predicted by ridge regression from the mean embeddings of the products they liked and
disliked and from their counts, learned over the users of the training. Who comes after training
counts as present at its end, whenever their acts were.

The arrays: `columns` (parts, 2) first and last column of each part among the embeddings, in the
order of `PARTS`, both -1 where a model lacks the part; `likes`, `seen`, `opinion`, `lookalike`,
`sessions` (products, width); `presence` (width,) the row of one act at the end; `bridge_products`
(products, w) and `bridge` (2 w + 3, LightFM's columns); `activity` mean, deviation and whether
embeddings are repeated times activity; `bends`; `interest_terms` and `probability_terms` the
weights of `user_features`, then that of activity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from engine.interests.activity import activity, user_features

Array = NDArray[Any]
Acts = sparse.csr_array

PRESENCE = "presence"
PARTS = ("warp", "logistic", "likes", "seen", "opinion", "lookalike", "ties", PRESENCE, "sessions")
"""In the order of `columns`; models from before the last ones have fewer columns."""
OF_TIME = (PRESENCE, "sessions")
"""Parts that tell when people act, besides what they like."""
BRIDGED = ("warp", "logistic")


@dataclass(frozen=True)
class Folded:
    """Rows as the acts that were given."""

    embeddings: Array  # (users, width) float32
    interest_terms: Array  # (users,) float32
    probability_terms: Array  # (users,) float32


def fold_in(folding: dict[str, Array], *, likes: Acts, dislikes: Acts, seen: Acts) -> Folded:
    """Embeds users from 0/1 matrices (users, products) of what they liked, disliked and saw.

    `seen` includes the liked and the disliked. A user without acts gets the average newcomer:
    zeros, and the terms of somebody who did nothing.
    """
    columns = folding["columns"]
    plain = np.zeros((likes.shape[0], int(columns.max())), np.float32)
    # nobody's ties are known on arrival: those columns stay zero
    acts = {
        "likes": likes,
        "seen": seen,
        "opinion": likes - dislikes,
        "lookalike": likes,
        "sessions": seen,
    }
    for name, (start, stop) in zip(PARTS, columns, strict=False):
        if start >= 0 and name in acts:
            plain[:, start:stop] = acts[name] @ folding[name]
        elif start >= 0 and name == PRESENCE:
            number = np.asarray(seen.sum(1)).ravel()[:, None]
            plain[:, start:stop] = np.sqrt(number) * folding[name]
    plain[:, _bridged(columns)] = (
        bridge_inputs(folding["bridge_products"], likes, dislikes) @ (folding["bridge"])
    )
    counts = [np.asarray(matrix.sum(1)).ravel() for matrix in (likes, dislikes, seen)]
    mean, deviation, repeated = folding["activity"]
    busy = activity(counts[2], likes.shape[1])
    standard = (busy - mean) / deviation
    if repeated:
        plain = np.hstack([plain, plain * standard[:, None].astype(np.float32)])
    features = user_features(counts[0], counts[1], counts[2], folding["bends"], busy)
    known = np.column_stack([features, standard])
    embeddings = plain * folding["balance"]
    return Folded(
        embeddings.astype(np.float32),
        (known @ folding["interest_terms"]).astype(np.float32),
        (known @ folding["probability_terms"]).astype(np.float32),
    )


def _bridged(columns: Array) -> Array:
    spans = dict(zip(PARTS, columns, strict=False))
    return np.concatenate([np.arange(*spans[name]) for name in BRIDGED if spans[name][0] >= 0])


def bridge_inputs(products: Array, likes: Acts, dislikes: Acts) -> Array:
    """(users, 2 w + 3): mean embedding of the liked, of the disliked, log counts of both, 1."""
    sides = []
    for matrix in (likes, dislikes):
        count = np.asarray(matrix.sum(1)).ravel()[:, None]
        sides += [(matrix @ products) / np.maximum(count, 1), np.log1p(count)]
    return np.hstack([*sides, np.ones((likes.shape[0], 1))])


def fit_bridge(
    products: Array, users: Array, *, likes: Acts, dislikes: Acts, ridge: float
) -> Array:
    """(2 w + 3, columns): ridge regression from `bridge_inputs` to LightFM's columns of users."""
    inputs = bridge_inputs(products, likes, dislikes)
    square = inputs.T @ inputs + ridge * np.eye(inputs.shape[1])
    found: Array = np.linalg.solve(square, inputs.T @ users)
    return found.astype(np.float32)
