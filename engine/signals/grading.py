"""How strongly an opinion was meant: its value beside the same user's other acts of the kind.

In: users, actions and values of acts. Out: a grade for each act, one on average for each user.
Never: a comparison between users, whose scales differ, or between actions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def grade_acts(users: Array, actions: Array, values: Array, polarity: Array) -> Array:
    """(acts,) float64 from 0.5 to 1.5: half, plus the part of the user's such acts that is weaker.

    A like with the highest of a user's many ratings comes near 1.5, one with the lowest near 0.5;
    of dislikes the lowest value is the strongest. Ties share their mean rank, so values that are
    all equal grade all acts 1. Acts without a finite value, and acts of polarity 0, are graded 1.

    Args:
        users, actions: (acts,) whole numbers.
        values: (acts,) ratings, listens, amounts; NaN where there is none.
        polarity: (acts,) 1, 0 or -1.
    """
    grades = np.ones(values.size)
    valued = np.flatnonzero(np.isfinite(values) & (polarity != 0))
    if valued.size == 0:
        return grades
    strength = values[valued] * polarity[valued]
    order = np.lexsort((strength, actions[valued], users[valued]))
    group = _runs(users[valued][order], actions[valued][order])
    level = _runs(group, strength[order])
    place = np.arange(valued.size)
    size = np.bincount(group)
    first = np.cumsum(size) - size
    rank = (np.bincount(level, place) / np.bincount(level))[level] - first[group] + 0.5
    grades[valued[order]] = 0.5 + rank / size[group]
    return grades


def _runs(*columns: Array) -> Array:
    """Numbers the runs of equal rows of sorted columns, from 0."""
    new = np.zeros(columns[0].size, bool)
    for column in columns:
        new[1:] |= column[1:] != column[:-1]
    return np.cumsum(new)
