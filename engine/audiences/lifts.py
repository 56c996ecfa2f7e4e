"""Lifts with intervals: the model's expectation, corrected by the likes that were held out.

In: the part of a product's likes a segment is expected to give, and the part it gave. Out: lift
over everybody with an interval. Never: an interval without an estimate of the model's own error.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.audiences.dispersion import relative_error

Array = NDArray[Any]
_LEAST = 1.0  # expected likes below which a count tells nothing about the error


def scatter(inside: tuple[Array, Array], everybody: tuple[Array, Array], scale: float) -> Array:
    """How far chance scatters a segment's part of likes, over what it does where rates are small.

    Each person likes a product once or not, so one of rate r scatters by r (1 - r), not by r:
    where rates are high there is less chance in counts than in those of a multinomial.

    Args:
        inside: (products, segments), sums of rates and of their squares inside each segment.
        everybody: (products,), the same of everybody.
        scale: held-out likes over those expected.
    """
    (likes, squares), (all_likes, all_squares) = inside, (each[:, None] for each in everybody)
    part = np.clip(likes / np.maximum(all_likes, 1e-12), 1e-9, 1 - 1e-9)
    others = (all_likes - likes) - scale * (all_squares - squares)
    spread = (1 - part) ** 2 * (likes - scale * squares) + part**2 * others
    found: Array = spread / np.maximum(all_likes * part * (1 - part), 1e-12)
    return found.clip(0, 1)


def model_error(
    observed: Array, total: Array, expected: Array, *, default: float, chance: Array | None = None
) -> float:
    """Relative error of expected parts, from the overdispersion of held-out counts.

    With error v, a segment's held-out likes O out of a product's T, expected E = T x part, have
    variance E (1 - part) (s + (E - part) v^2); the excess is summed over segments and products,
    see `dispersion.relative_error`.

    Args:
        observed, expected: (products, segments), held-out likes and the expected part of all.
        total: (products,), held-out likes of each product.
        chance: (products, segments), s, see `scatter`; ones by default.
    """
    counts = total[:, None] * expected
    told = (counts >= _LEAST) & (expected < 1 - 1e-9)
    part, mean = expected[told], counts[told]
    chi = (observed[told] - mean) ** 2 / (mean * (1 - part))
    usual = np.ones_like(chi) if chance is None else chance[told]
    return float(
        relative_error((chi - usual).sum(), told.sum(), (mean - part).sum(), default=default)
    )


def lift_intervals(
    held: tuple[ArrayLike, ArrayLike],
    expected: ArrayLike,
    lift: ArrayLike,
    people: ArrayLike,
    *,
    error: float,
    confidence: float,
) -> tuple[Array, Array, Array]:
    """Lift over everybody: value, lower and upper bound of an equal-tailed interval.

    The part p of a product's held-out likes that a segment gives has the prior
    Beta(k e, k (1 - e)), centred on its expectation e, with k = 1 / (e v^2) - 1 so that its
    relative error is v (and none where the segment is everybody). O of T held-out likes make it
    Beta(k e + O, k (1 - e) + T - O). The lift the model expects is corrected by p / e, and cannot
    exceed that of a segment that gives all likes. No likes held out: the prior speaks alone. All
    arguments broadcast.

    Args:
        held: O and T, likes held out inside the segment and of everybody.
        expected: e, the segment's part of the likes that could be held out.
        lift: what the model expects of the segment's open people, over all open people.
        people: the segment's part of open people.
    """
    from scipy.special import betaincinv

    inside, total = (np.asarray(each, np.float64) for each in held)
    part = np.clip(np.asarray(expected, np.float64), 1e-9, 1 - 1e-9)
    weight = np.maximum(1 / (part * error**2) - 1, 0.1)
    yes = weight * part + inside
    no = weight * (1 - part) + (total - inside)
    mean, tail = yes / (yes + no), (1 - confidence) / 2
    low, high = betaincinv(yes, no, tail), betaincinv(yes, no, 1 - tail)
    most = 1 / np.maximum(people, 1e-12)
    value, lower, upper = (
        np.minimum(np.asarray(lift) * found / part, most)
        for found in (mean, np.minimum(low, mean), np.maximum(high, mean))
    )
    return value, lower, upper
