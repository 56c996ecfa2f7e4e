"""What people acted on in one go: their acts cut into stretches of time.

In: pairs with their moments. Out: a sparse matrix of stretches × products.
Never: who acted; a stretch has no name.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from training.matrices import Pairs

Array = NDArray[Any]

MINUTE = 60_000_000
"""Microseconds."""
TOGETHER = 0.5
"""Where fewer than this part of all acts have another beside them, they do not come in sessions."""


def come_in_sessions(pairs: Pairs, *, minutes: float) -> bool:
    """Whether most acts have another of the user within `minutes`, before or after."""
    parted = _parted(pairs, minutes)
    alone = parted & np.append(parted[1:], True)
    return float(alone.mean()) <= 1 - TOGETHER


def cut_sessions(pairs: Pairs, *, acts: int, minutes: float) -> sparse.csr_array:
    """(stretches, products) float32, 1 where a product was acted on in a stretch.

    A user's acts, in the order of their moments, those of one moment in the order of products, are
    parted where more than `minutes` lie between two, and cut into stretches of `acts`. They are cut
    once more half a stretch later, so that each act has neighbours on both sides. A stretch of one
    act tells of no neighbours and is left out.
    """
    parted, columns = _parted(pairs, minutes), pairs.columns[pairs.timeline]
    begins = np.flatnonzero(parted)
    lengths = np.diff(begins, append=parted.size)
    place = np.arange(parted.size) - np.repeat(begins, lengths)
    cuts = []
    for shift in (0, max(acts // 2, 1)):
        new = parted | (np.diff((place + shift) // acts, prepend=-1) != 0)
        number = np.cumsum(new) - 1
        several = np.bincount(number)[number] > 1
        _, rows = np.unique(number[several], return_inverse=True)
        shape = (int(rows.max(initial=-1)) + 1, pairs.shape[1])
        ones = np.ones(rows.size, np.float32)
        cuts.append(sparse.csr_array((ones, (rows, columns[several])), shape=shape))
    return sparse.csr_array(sparse.vstack(cuts))


def _parted(pairs: Pairs, minutes: float) -> Array:
    """Along the timeline: whether an act is the first of a user, or after a pause."""
    rows, at = pairs.rows[pairs.timeline], pairs.at[pairs.timeline]
    return np.append(True, (np.diff(rows) != 0) | (np.diff(at) > minutes * MINUTE))
