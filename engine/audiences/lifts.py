"""Lifts with intervals: the model's expectation, corrected by the likes that were held out.

In: the part of a product's likes a segment is expected to give, and the part it gave. Out: lift
over everybody with an interval. Never: an interval without an estimate of the model's own error.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.audiences.dispersion import relative_error

Array = NDArray[Any]
_LEAST = 1.0  # expected likes below which a count tells nothing about the error


def model_error(observed: Array, total: Array, expected: Array, *, default: float) -> float:
    """Relative error of expected parts, from the overdispersion of held-out counts.

    With error v, a segment's held-out likes O out of a product's T, expected E = T x part, have
    variance E (1 - part) (1 + (E - part) v^2); the excess is summed over segments and products,
    see `dispersion.relative_error`.

    Args:
        observed, expected: (products, segments), held-out likes and the expected part of all.
        total: (products,), held-out likes of each product.
    """
    counts = total[:, None] * expected
    told = (counts >= _LEAST) & (expected < 1 - 1e-9)
    part, mean = expected[told], counts[told]
    chi = (observed[told] - mean) ** 2 / (mean * (1 - part))
    return float(relative_error((chi - 1).sum(), told.sum(), (mean - part).sum(), default=default))


def lift_intervals(
    observed: Array,
    total: Array,
    expected: Array,
    people: Array,
    *,
    error: float,
    confidence: float,
) -> tuple[Array, Array, Array]:
    """Lift over everybody: value, lower and upper bound of an equal-tailed interval.

    The part p of a product's likes that a segment gives has the prior
    Beta(k e, k (1 - e)), centred on the model's expectation e, with k = 1 / (e v^2) - 1 so that
    its relative error is v (and none where the segment is everybody). O of T held-out likes make
    it Beta(k e + O, k (1 - e) + T - O); the lift is p over the part of people. No likes held out:
    the prior speaks alone. All arguments broadcast.

    Args:
        expected: the part of all expected likes; people: the part of everybody.
    """
    from scipy.special import betaincinv

    part = np.clip(np.asarray(expected, np.float64), 1e-9, 1 - 1e-9)
    weight = np.maximum(1 / (part * error**2) - 1, 0.1)
    yes = weight * part + observed
    no = weight * (1 - part) + (total - observed)
    value = yes / (yes + no)
    tail = (1 - confidence) / 2
    share = np.maximum(people, 1e-12)
    lower = np.minimum(betaincinv(yes, no, tail), value) / share
    upper = np.maximum(betaincinv(yes, no, 1 - tail), value) / share
    return value / share, lower, upper
