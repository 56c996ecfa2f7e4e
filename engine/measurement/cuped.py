"""What was known of people before a campaign, taken out of what they did during it: CUPED.

In: outcomes, what each person did before, and who was held out. Out: outcomes of the same
difference and less variance. Never: anything that happened after the split was made.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidValue

Array = NDArray[Any]


def adjust(outcome: Array, baseline: Array, held_out: Array) -> tuple[Array, float]:
    """Outcomes less what the baseline foretells, and the share of variance that this takes away.

    `y - theta' (x - mean x)` (Deng, Xu, Kohavi & Walker 2013, eq. 4): its mean differs from that
    of y by nothing but noise, since x was known before the split. theta is chosen for the least
    variance of the difference of means, so each side counts by its variance over its people:
    with one baseline `(cov_1 / n_1 + cov_0 / n_0) / (var_1 / n_1 + var_0 / n_0)`.

    Args:
        outcome: (n,), finite.
        baseline: (n,) or (n, k), finite: zero, not missing, for those who were not there before.
        held_out: (n,), True for the holdout; at least two people on each side.

    Raises:
        InvalidValue: a baseline of another length, or one that is not finite.
    """
    y = np.asarray(outcome, np.float64)
    x = np.asarray(baseline, np.float64).reshape(len(y), -1) if len(baseline) == len(y) else None
    if x is None or not np.isfinite(x).all():
        raise InvalidValue("baseline", "must be as long as the outcomes, each a finite number")
    sides = (held_out, ~held_out)
    between, within = np.zeros((x.shape[1], x.shape[1])), np.zeros(x.shape[1])
    for side in sides:
        around = x[side] - x[side].mean(axis=0)
        scale = side.sum() * (side.sum() - 1)
        between += around.T @ around / scale
        within += around.T @ (y[side] - y[side].mean()) / scale
    theta = np.linalg.pinv(between, hermitian=True) @ within
    adjusted: Array = y - (x - x.mean(axis=0)) @ theta
    before = sum(y[side].var(ddof=1) / side.sum() for side in sides)
    after = sum(adjusted[side].var(ddof=1) / side.sum() for side in sides)
    return adjusted, float(1 - after / before) if before > 0 else 0.0
