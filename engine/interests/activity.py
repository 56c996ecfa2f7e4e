"""What is known of a user before any product is named.

In: counts of likes, dislikes and acts. Out: features of users, in the units a head was learned in.
Never: an attribute of a person.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def user_features(likes: Array, dislikes: Array, acts: Array, bends: Array) -> Array:
    """(users, 5 + bends): log counts, rates, and hinges on activity; counts may be fractions."""
    busy = np.log1p(acts)
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


def standardised(acts: Array, mean: float, deviation: float) -> Array:
    """(users,): the log of acts, in deviations from the mean."""
    found: Array = (np.log1p(acts) - mean) / deviation
    return found
