"""Posts of a week placed so that they do not compete: the best set, not a good one.

In: worth of every hour of a week, what a post loses by its distance to the one before. Out: hours.
Never: a heuristic; what is returned is the optimum of the stated problem, by dynamic programming.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
_TWO = 2


def chain_totals(worth: Array, loss: Array, most: int) -> Array:
    """(most + 1,) the greatest worth of a week with so many posts; -inf where it cannot hold them.

    A week comes round: the first post follows the last one of the week before. Of a post `d` hours
    after the one before it `1 - loss[d]` of the worth of its hour is left.

    Args:
        worth: (hours,) of a post in each hour; -inf where none may go out.
        loss: (hours + 1,) by distance, 0 from some distance on; inf where posts may not be so
            close.
        most: posts, at least 1.
    """
    totals = (_reached(worth, loss, most) + _closing(worth, loss)).max(axis=(1, 2))
    totals[0] = 0.0
    return np.asarray(totals)


def chain(worth: Array, loss: Array, posts: int) -> Array:
    """Rising hours of the best week of exactly so many posts; of equal ones the first is taken.

    It must hold them: `chain_totals` is finite there.
    """
    if posts == 0:
        return np.zeros(0, np.int64)
    reached, step = _reached(worth, loss, posts), _step(worth, loss)
    row, last = np.divmod((reached[posts] + _closing(worth, loss)).argmax(), worth.size)
    hours = [int(last)]
    for left in range(posts - 1, 0, -1):
        hours.append(int((reached[left, row] + step[:, hours[-1]]).argmax()))
    return np.array(hours[::-1], np.int64)


def _starts(loss: Array) -> int:
    """How many hours a post is felt: so early in the week, the week before may touch a post."""
    return min(int(np.flatnonzero(loss)[-1]) + 1 if loss.any() else 0, loss.size - 1)


def _gap(loss: Array, distance: Array) -> Array:
    """What is left of a post at a distance; -inf where that is not allowed."""
    return np.asarray(np.where(np.isinf(loss[distance]), -np.inf, 1 - loss[distance]))


def _left(worth: Array, left: Array) -> Array:
    allowed = np.isfinite(left) & np.isfinite(worth)
    product = np.where(np.isfinite(worth), worth, 0.0) * np.where(np.isfinite(left), left, 0.0)
    return np.asarray(np.where(allowed, product, -np.inf))


def _step(worth: Array, loss: Array) -> Array:
    """(before, hour): what a post brings after one in an earlier hour of the same week."""
    hours = np.arange(worth.size)
    apart = hours - hours[:, None]
    found = _left(worth, _gap(loss, np.maximum(apart, 0)))
    return np.asarray(np.where(apart > 0, found, -np.inf))


def _closing(worth: Array, loss: Array) -> Array:
    """(first, last): what the first post of a week brings after the last one of the week before.

    The last row stands for all first posts so late that nothing touches them.
    """
    hours, starts = np.arange(worth.size), _starts(loss)
    apart = worth.size - hours + hours[:starts, None]
    early = np.where(np.isfinite(worth[:starts]), worth[:starts], 0.0)[:, None]
    left = _gap(loss, np.minimum(apart, worth.size))
    found = np.where(np.isfinite(left), early * np.where(np.isfinite(left), left, 0.0), -np.inf)
    found = np.where(hours >= hours[:starts, None], found, -np.inf)
    return np.vstack([found, np.zeros(worth.size)])


def _reached(worth: Array, loss: Array, most: int) -> Array:
    """(most + 1, first, last): greatest worth of chains of so many posts.

    Without that of the first post, but in the last row, where it is the hour's whole worth.
    """
    size, starts, step = worth.size, _starts(loss), _step(worth, loss)
    reached = np.full((most + 1, starts + 1, size), -np.inf)
    early = np.arange(starts)
    reached[1, early, early] = np.where(np.isfinite(worth[:starts]), 0.0, -np.inf)
    reached[1, starts, starts:] = worth[starts:]
    far = np.full(reached[1:-1, :, 0].shape, -np.inf)  # best of those so long ago that all is left
    for hour in range(1, size if most >= _TWO else 1):
        near = max(0, hour - starts)
        if near:
            far = np.maximum(far, reached[1:-1, :, near - 1])
        before = reached[1:-1, :, near:hour] + step[near:hour, hour]
        reached[2:, :, hour] = np.maximum(before.max(axis=2, initial=-np.inf), far + worth[hour])
    return reached


def share_out(
    totals: Sequence[Array], costs: Sequence[int], budget: int, *, all_of_it: bool
) -> Array:
    """How many posts each of some chains gets, so that their worth together is greatest.

    Args:
        totals: of each chain, by number of posts from 0; -inf where that is not possible.
        costs: of a post in each chain, at least 1.
        budget: what all posts may cost.
        all_of_it: the budget must be spent to the last; else of equal worth the cheaper is taken.

    Returns:
        (chains,) int64; where no choice spends all of the budget, that which spends most.
    """
    best, choices = np.full(budget + 1, -np.inf), []
    best[0] = 0.0
    for total, cost in zip(totals, costs, strict=True):
        posts = np.arange(min(total.size - 1, budget // cost) + 1)
        offers = np.full((posts.size, budget + 1), -np.inf)
        for number in posts:
            spent = number * cost
            offers[number, spent:] = best[: budget + 1 - spent] + total[number]
        choices.append(offers.argmax(axis=0))
        best = offers.max(axis=0)
    at = int(np.flatnonzero(np.isfinite(best))[-1]) if all_of_it else int(best.argmax())
    found = np.zeros(len(costs), np.int64)
    for place in range(len(costs) - 1, -1, -1):
        found[place] = choices[place][at]
        at -= int(found[place]) * costs[place]
    return found
