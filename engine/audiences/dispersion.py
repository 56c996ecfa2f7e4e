"""How wrong expectations are, from how far counts scatter beyond chance.

In: the excess of chi-squared over counts, and what it was measured on. Out: relative errors.
Never: trust in an excess that chance alone may have brought.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]
_SMALLEST, _LARGEST = 0.02, 1.0


def relative_error(
    excess: ArrayLike, counts: ArrayLike, information: ArrayLike, *, default: float
) -> Array:
    """Estimates the relative error v of expectations by the method of moments.

    Where a count has expectation E and variance E + E^2 v^2, `sum(chi^2 - 1) / sum(E)` estimates
    v^2 with standard error sqrt(2 counts) / sum(E) (as DerSimonian & Laird 1986 do for trials).
    It is weighed against the default, taken to be uncertain by its own size, and one standard
    error is added in proportion to the weight, so that scarce counts widen intervals.

    Args:
        excess: sum(chi^2 - 1); counts: how many were summed; information: sum(E).
    """
    excess, counts, information = (
        np.asarray(each, np.float64) for each in (excess, counts, information)
    )
    known = (counts > 0) & (information > 0)
    noise = np.sqrt(2 * counts) / np.where(known, information, 1)
    weight = np.where(known, default**4 / (default**4 + noise**2), 0.0)
    found = excess / np.where(known, information, 1) + noise
    squared = weight * found + (1 - weight) * default**2
    errors: Array = np.sqrt(np.clip(squared, _SMALLEST**2, _LARGEST**2))
    return errors
