"""What is known of a user before any product is named.

In: counts of likes, dislikes and acts. Out: features of users, in the units a head was learned in.
Never: an attribute of a person.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def activity(acts: Array, products: int) -> Array:
    """(users,): log odds that a user has acted on a product.

    Where products are many this is the log of acts; where they are few it tells those who have
    acted on almost all from those who have acted on most. Acts beyond the products count as all.
    """
    done = np.minimum(acts, products)
    found: Array = np.log((done + 0.5) / (products - done + 0.5))
    return found


def user_features(likes: Array, dislikes: Array, acts: Array, bends: Array, busy: Array) -> Array:
    """(users, 5 + bends): logs, rates, and hinges on `busy`, which is `activity`.

    Counts may be fractions.
    """
    return np.column_stack(
        [
            np.log1p(likes),
            busy,
            np.log1p(dislikes),
            (likes + 1) / (acts + 2),
            (dislikes + 1) / (acts + 2),
            np.maximum(busy[:, None] - bends, 0),
        ]
    )
