"""Who takes the word up: how likely somebody whom an ad touched passes it on.

In: how likely they like it, and how often what is liked is shared. Out: chances.
Never: a product's share by its own few likes alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import InvalidValue
from engine.frames import ACTION, LIKES, PRODUCT, USER

Array = NDArray[Any]

LIKE, SHARE = "like", "share"
SHARES = "shares"


def likes_passed_on(acts: pl.LazyFrame) -> pl.DataFrame:
    """product_id, likes, shares: how many people liked or shared each product, and shared it.

    Args:
        acts: those that stand, in the columns of events.
    """
    said = acts.filter(pl.col(ACTION).is_in([LIKE, SHARE])).drop_nulls(PRODUCT)
    people = said.group_by(PRODUCT, USER).agg((pl.col(ACTION) == SHARE).any().alias(SHARES))
    counts = people.group_by(PRODUCT).agg(pl.len().alias(LIKES), pl.col(SHARES).sum())
    return counts.sort(PRODUCT).collect()


def shares_per_like(likes: Array, shares: Array, usual: float, strength: float) -> Array:
    """(groups,) how many of those who like what belongs to a group pass it on.

    That of all groups is drawn to what is usual as by `strength` likes, and each group to that of
    all by as many more (a beta law before a binomial).

    Args:
        likes: (groups,) people who liked.
        shares: (groups,) those of them who shared.
        usual: from 0 to 1, before anything was seen.
        strength: above 0.

    Raises:
        InvalidValue: more shared than liked, or fewer than nobody.
    """
    if not ((shares >= 0) & (shares <= likes)).all():
        raise InvalidValue("shares", "must be part of the likes")
    everywhere = _drawn(likes.sum(), shares.sum(), usual, strength)
    return np.asarray(_drawn(likes, shares, everywhere, strength))


def _drawn(likes: Any, shares: Any, before: Any, strength: float) -> Any:
    return (shares + strength * before) / (likes + strength)


def uptake(probability: Array, per_like: Array | float) -> Array:
    """(people,) the chance that each, once an ad showed it, likes it and passes it on."""
    found: Array = np.asarray(probability, np.float64) * per_like
    return found
