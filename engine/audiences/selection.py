"""The best segments of a product: by value for the goal, counting nobody twice.

In: a measured block of products, the segments on the panel, one goal. Out: picks, best first,
with the overlap of each with the better ones. Never: ten names for the same people.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.audiences.standing import Measured, Panel
from engine.settings import Scalar

Array = NDArray[Any]
_WORTHLESS = -np.inf


@dataclass(frozen=True)
class Picks:
    """Best segments of each product of a block, in rows.

    `segments` is (products, kept): the number of a segment, or the number of segments plus that
    of a best share; -1 after the last. `overlaps` is the part already in better ones.
    """

    segments: Array
    overlaps: Array


@dataclass(frozen=True)
class Limits:
    """How many are kept, the overlap above which one is not listed, the least people."""

    kept: int
    overlap: float
    least: int


def values(measured: Measured, loyalty: Array, goal: dict[str, Scalar]) -> Array:
    """What each panel user is worth to the goal for each product; everybody's mean is 1.

    `(interest x lift of interest + probability x lift of probability) x loyalty`, see
    `configs/goals.toml`. Where a rate is zero for everybody, its lift is 1 for everybody.
    """
    weights = np.array([goal["interest"], goal["probability"]], np.float32)
    weights = weights / weights.sum() if weights.sum() > 0 else np.full(2, 0.5, np.float32)
    worth: Array = weights[0] * lifts(measured.interest) + weights[1] * lifts(measured.probability)
    faith = np.float32(goal["loyalty"])
    if faith > 0:
        worth *= (1 - faith) + faith * loyalty
        worth = lifts(worth)
    return worth


def lifts(rates: Array) -> Array:
    """Rates of each row over their mean; ones where the mean is zero."""
    means = rates.mean(axis=1, keepdims=True)
    found: Array = np.where(means > 0, rates / np.where(means > 0, means, 1), np.float32(1))
    return found.astype(np.float32)


def pick(panel: Panel, tops: Array, worth: Array, size_power: float, limits: Limits) -> Picks:
    """Takes segments greedily: the value of the next counts only people not in better ones.

    A segment's score is the value of its uncovered people per member, times its share of
    everybody to the power `size_power`. Segments whose people are worth less than everybody are
    not taken. Greedy cover of a submodular value: Nemhauser, Wolsey & Fisher 1978.

    Args:
        tops: (shares, products, panel) bool, the product's own best shares.
        worth: (products, panel), mean 1.
    """
    members = panel.members
    shares = tops.shape[0]
    sizes = np.concatenate([members.sum(axis=1), tops.sum(axis=2)[:, 0] if shares else []])
    scale = (sizes / max(panel.people, 1)) ** size_power / np.maximum(sizes, 1)
    count = worth.shape[0]
    uncovered = worth.copy()
    gains = _gains(uncovered, members, tops)
    open_ = (gains >= (1 - 1e-5) * sizes) & (sizes * panel.weight >= limits.least)
    free = np.ones(worth.shape, bool)
    found = Picks(
        np.full((count, limits.kept), -1, np.int16), np.zeros((count, limits.kept), np.float32)
    )
    taken = np.zeros(count, np.int64)
    everyone = np.arange(count)
    while True:
        scores = np.where(open_, gains * scale, _WORTHLESS)
        chosen = scores.argmax(axis=1) if scores.shape[1] else np.zeros(count, np.int64)
        live = everyone[(taken < limits.kept) & open_.any(axis=1)]
        if live.size == 0:
            return found
        inside = _inside(chosen[live], live, members, tops)
        overlap = 1 - (inside & free[live]).sum(axis=1) / sizes[chosen[live]]
        open_[live, chosen[live]] = False
        fresh = overlap <= limits.overlap
        rows, new = live[fresh], inside[fresh]
        found.segments[rows, taken[rows]] = chosen[rows]
        found.overlaps[rows, taken[rows]] = overlap[fresh]
        taken[rows] += 1
        free[rows] &= ~new
        uncovered[rows] *= free[rows]
        gains[rows] = _gains(uncovered[rows], members, tops[:, rows])


def _gains(uncovered: Array, members: Array, tops: Array) -> Array:
    static = uncovered @ members.T
    own = [np.einsum("pu,pu->p", uncovered, top, dtype=np.float32) for top in tops]
    gains: Array = np.column_stack([static, *own])
    return gains


def _inside(chosen: Array, products: Array, members: Array, tops: Array) -> Array:
    segments = members.shape[0]
    inside = np.empty((chosen.size, members.shape[1]), bool)
    static = chosen < segments
    inside[static] = members[chosen[static]] > 0
    inside[~static] = tops[chosen[~static] - segments, products[~static]]
    return inside
