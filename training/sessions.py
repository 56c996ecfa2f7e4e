"""What people acted on in one go: their acts cut into stretches of time.

In: pairs with their moments. Out: a sparse matrix of stretches × products.
Never: who acted; a stretch has no name.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from training.matrices import Pairs

MINUTE = 60_000_000
"""Microseconds."""


def cut_sessions(pairs: Pairs, *, acts: int, minutes: float) -> sparse.csr_array:
    """(stretches, products) float32, 1 where a product was acted on in a stretch.

    A user's acts, in the order of their moments, those of one moment in the order of products, are
    parted where more than `minutes` lie between two. What is longer than `acts` is cut into
    stretches of so many, and once more half a stretch later, so that each act has neighbours on
    both sides.
    """
    order = np.lexsort((pairs.columns, pairs.at, pairs.rows))
    rows, at, columns = pairs.rows[order], pairs.at[order], pairs.columns[order]
    parted = (np.diff(rows) != 0) | (np.diff(at) > minutes * MINUTE)
    begins = np.flatnonzero(np.append(True, parted))
    lengths = np.diff(begins, append=rows.size)
    place = np.arange(rows.size) - np.repeat(begins, lengths)
    session = np.repeat(np.arange(begins.size), lengths)
    cuts = [
        _cut(session, (place + shift) // acts, columns, pairs.shape[1])
        for shift in (0, max(acts // 2, 1))
    ]
    return sparse.csr_array(sparse.vstack(cuts))


def _cut(
    session: np.ndarray, piece: np.ndarray, columns: np.ndarray, products: int
) -> sparse.csr_array:
    new = np.append(True, (np.diff(session) != 0) | (np.diff(piece) != 0))
    number = np.cumsum(new) - 1
    ones = np.ones(columns.size, np.float32)
    return sparse.csr_array((ones, (number, columns)), shape=(int(number[-1]) + 1, products))
