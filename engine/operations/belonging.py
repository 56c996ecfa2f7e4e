"""Where users belong: the segments that hold them, and the products in whose best share they are.

In: a model and rows of its users, or newcomers. Out: for each of them segments in words, at most
so many. Never: a product among a user's own that they have acted on.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import frames as f
from engine.audiences.reasons import share_words
from engine.audiences.scores import logits
from engine.operations.lookup import Index, index
from engine.operations.newcomers import Newcomers
from engine.operations.withholding import segment_sizes_now, share_size_now
from engine.store.artefacts import Model

Array = NDArray[Any]
Named = list[dict[str, Any]]
_USERS = 64  # users scored for all products at a time


def memberships(model: Model, rows: Array, limit: int) -> list[Named]:
    """The segments each user is a member of, rarest first, at most `limit`; sizes as of now."""
    parts, sizes = model.segments, segment_sizes_now(model)
    found: list[Named] = [[] for _ in range(rows.size)]
    for at, segment in index(model).rarest:
        if not sizes[at]:
            continue
        members = parts.members[parts.offsets[at] : parts.offsets[at + 1]]
        place = np.minimum(np.searchsorted(members, rows), members.size - 1)
        for user in np.flatnonzero(members[place] == rows):
            if len(found[user]) < limit:
                found[user].append(segment | {f.SIZE: int(sizes[at])})
    return found


def known_shares(
    model: Model, rows: Array, limit: int, *, hidden: Set[int] = frozenset()
) -> list[Named]:
    """Products in whose best share each user is: smallest share first, then by margin.

    Products of the rows that are `hidden` are passed over.
    """
    return _shares(
        model,
        (model.embeddings[rows], model.interest.user_terms[rows]),
        limit,
        lambda at, product: product in hidden or _holds(model.seen.of(product), rows[at]),
    )


def newcomers_shares(
    model: Model, newcomers: Newcomers, limit: int, *, hidden: Set[int] = frozenset()
) -> dict[str, Named]:
    """The same for people whom the model does not know, by id."""
    found = _shares(
        model,
        (newcomers.folded.embeddings, newcomers.folded.interest_terms),
        limit,
        lambda at, product: product in hidden or _holds(newcomers.acted_on(at), product),
    )
    return dict(zip(newcomers.ids, found, strict=True))


def _holds(rising: Array, number: int) -> bool:
    at = rising.searchsorted(rising.dtype.type(number))
    return bool(at < rising.size and rising[at] == number)


def _shares(
    model: Model, users: tuple[Array, Array], limit: int, acted: Callable[[int, int], bool]
) -> list[Named]:
    known, (embeddings, terms) = index(model), users
    ids = list(known.products)
    found: list[Named] = []
    people = embeddings.shape[0]
    for start in range(0, people if known.shares.size else 0, _USERS):
        part = slice(start, start + _USERS)
        scores = logits(embeddings[part], terms[part], model.interest, slice(None))
        for at, own in enumerate(scores.T, start):
            products, smallest = _reached(known, own)
            new = (product for product in products if not acted(at, product))
            found.append(
                [
                    _own_share(model, ids[product], product, smallest[product])
                    for product in islice(new, limit)
                ]
            )
    return found or [[] for _ in range(people)]


def _reached(known: Index, own: Array) -> tuple[Array, Array]:
    """Products of which a user reaches a share, in order, and for all the smallest one's place."""
    # Thresholds fall with the share, so the number not reached is the smallest one's place.
    smallest = (own[:, None] < known.thresholds).sum(axis=1)
    inside = np.flatnonzero(smallest < known.shares.size)
    margin = own[inside] - known.thresholds[inside, -1]
    best = inside[np.lexsort((inside, -margin, smallest[inside]))]
    return best, smallest


def _own_share(model: Model, id: str, product: int, at: int) -> dict[str, Any]:
    known = index(model)
    share = float(known.shares[at])
    return {
        f.SEGMENT: f"top-{100 * share:g}",
        f.NAME: f"Best {share_words(share)} for {known.names[product]}",
        f.KIND: "top",
        f.SIZE: share_size_now(model, product, int(known.share_sizes[product, at])),
        f.PRODUCT: id,
        f.SHARE: share,
    }
