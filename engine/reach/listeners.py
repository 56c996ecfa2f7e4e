"""What it is worth that each person of a graph hears of a product: its audience, its detractors.

In: each person's chance of liking it, who is its audience, what a like is worth and a dislike
costs. Out: weights of listeners, and who may be asked. Never: somebody asked who would rather
speak against it, or a stranger counted whose taste nobody knows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def worth(chances: Array, like: float, dislike: float) -> Array:
    """(people,) what is expected of each who hears: likes, less dislikes at what they cost.

    In units of a like. NaN where the chance of liking is not known.

    Args:
        chances: (people,) P(like | shown), NaN where it is not known.
        like: what a like is worth; above 0.
        dislike: what a dislike costs.
    """
    found: Array = chances - (1 - chances) * dislike / like
    return found


def listener_weights(worths: Array, audience: Array) -> Array:
    """(people,) float64: worths of the audience; of others what is below 0; 0 for strangers.

    Whoever dislikes a product may speak against it, in its audience or out of it; whoever would
    like it counts only where they are wanted.

    Args:
        worths: as from `worth`.
        audience: (people,) bool.
    """
    known = np.nan_to_num(worths, nan=0.0)
    found: Array = np.where(audience, known, np.minimum(known, 0)).astype(np.float64)
    return found


def may_speak(worths: Array) -> Array:
    """(people,) bool: who would rather speak for a product than against it, as far as is known."""
    found: Array = np.nan_to_num(worths, nan=-1.0) > 0
    return found
