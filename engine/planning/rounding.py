"""Money in whole cents: parts that sum exactly to the whole and keep their limits.

In: amounts as numbers. Out: whole cents as integers. Never: a sum that is off by one.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
CENTS = 100


def whole_cents(amount: float) -> int:
    """The cents of an amount, what is beyond them left out; 0.29 is 29, not 28."""
    return int((Decimal(repr(float(amount))) * CENTS).to_integral_value(ROUND_FLOOR))


def cents_up(amount: float) -> int:
    """The cents of an amount, a begun cent counted whole: a minimum stays kept."""
    return int((Decimal(repr(float(amount))) * CENTS).to_integral_value(ROUND_CEILING))


def round_parts(parts: Array, total: int, low: Array, high: Array) -> Array:
    """Whole numbers near `parts` that sum to `total`, by largest remainder (Hamilton's method).

    Each stays between its `low` and `high`, whole numbers too, with `sum(low) <= total <=
    sum(high)`. Of equal remainders the first in the order given wins.
    """
    whole = np.clip(np.floor(parts + 1e-9), low, high).astype(np.int64)
    short = int(total - whole.sum())
    while short != 0:
        rest = parts - whole
        if short > 0:
            order = np.argsort(-rest, kind="stable")
            room = (high - whole)[order]
        else:
            order = np.argsort(rest, kind="stable")
            room = (whole - low)[order]
        # One for each first, so that no part strays from its share; then again for the rest.
        each = np.minimum(room, max(1, abs(short) // max(parts.size, 1))).astype(np.int64)
        taken = np.minimum(each, np.maximum(abs(short) - (np.cumsum(each) - each), 0))
        if taken.sum() == 0:
            raise ValueError(f"{total} does not fit between {low.sum()} and {high.sum()}")
        whole[order] += np.sign(short) * taken
        short = int(total - whole.sum())
    return whole


def round_plan(spend: Array, total: int, channel: Array, box: tuple[Array, ...]) -> Array:
    """Cents of each placement: channels' sums are rounded first, then the placements in each.

    Args:
        spend: (n,) in cents, as numbers.
        total: the sum to reach.
        channel: (n,) the channel of each placement, from 0.
        box: low and high of placements (n,), and of channels (c,), whole cents.
    """
    low, high, channel_low, channel_high = box
    count = channel_low.size
    sums = np.bincount(channel, spend, count)
    least = np.maximum(np.bincount(channel, low, count), channel_low).astype(np.int64)
    most = np.minimum(np.bincount(channel, high, count), channel_high).astype(np.int64)
    totals = round_parts(sums, total, least, most)
    cents = np.zeros(spend.size, np.int64)
    order = np.argsort(channel, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(channel[order])) + 1):
        each = channel[rows[0]]
        cents[rows] = round_parts(spend[rows], int(totals[each]), low[rows], high[rows])
    return cents
