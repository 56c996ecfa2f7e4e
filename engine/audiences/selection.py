"""The best segments of a product: by value for the goal, counting nobody twice.

In: a measured block of products, the segments on the panel, one goal. Out: picks, best first,
with the overlap of each with the better ones. Never: ten names for the same people, or a best
share in the place of a name for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.audiences.standing import Measured
from engine.settings import Scalar

Array = NDArray[Any]
_ROUNDING = 1e-4  # of sums of single precision


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
    """How many are kept, the overlap above which one is not listed, the least mean worth.

    `people` is how many open people of the panel a segment must hold; `alike` is the Jaccard
    overlap from which on a best share leaves its place to a named segment.
    """

    kept: int
    overlap: float
    worth: float
    people: float = 1
    alike: float = 1.0


def values(
    measured: Measured, loyalty: Array, goal: dict[str, Scalar], carried: Array | None = None
) -> Array:
    """What each panel user is worth to the goal for each product; open people's mean is 1.

    Those who are not open are worth nothing; the others `(interest x lift of interest +
    probability x lift of probability) x loyalty x (1 + earned x earned reach)`, see
    `configs/goals.toml`. Where nobody knows who passes on, no reach is earned. Where a
    rate is zero for everybody, its lift is 1 for everybody.
    """
    open_ = measured.open
    weights = np.array([goal["interest"], goal["probability"]], np.float32)
    weights = weights / weights.sum() if weights.sum() > 0 else np.full(2, 0.5, np.float32)
    worth: Array = weights[0] * lifts(measured.interest, open_)
    worth += weights[1] * lifts(measured.probability, open_)
    faith = np.float32(goal["loyalty"])
    if faith > 0:
        worth *= (1 - faith) + faith * loyalty
        worth = lifts(worth, open_)
    earned = np.float32(goal["earned"])
    if earned > 0 and carried is not None:
        worth *= 1 + earned * measured.probability * carried
        worth = lifts(worth, open_)
    return worth


def lifts(rates: Array, open_: Array) -> Array:
    """Rates of each row over the mean of open people; ones for them where it is zero.

    Args:
        rates, open_: (products, panel); rates of those who are not open are zero.
    """
    people = np.maximum(open_.sum(axis=1, keepdims=True), 1)
    means = rates.sum(axis=1, keepdims=True, dtype=np.float64) / people
    found: Array = np.where(means > 0, rates / np.where(means > 0, means, 1), open_)
    return found.astype(np.float32)


def pick(
    members: Array,
    tops: Array,
    worth: Array,
    *,
    open_: Array,
    size_power: float,
    limits: Limits,
    named: Array | None = None,
) -> Picks:
    """Takes segments greedily: the value of the next counts only people not in better ones.

    Where the next is a best share of about the same people (`limits.alike`) as a segment whose
    name says who they are, the best such segment is taken in its place: a name can be understood,
    and addressed elsewhere. The share is looked at again afterwards.

    Only open people count. A segment's score is the value of its uncovered people per member,
    times its share of everybody to the power `size_power`; ties go to the earlier segment.
    Segments with fewer than `limits.people` are not taken, nor best shares of nobody; nor are
    segments whose people are worth less than `limits.worth`; where none is worth that, those
    worth no less than everybody are. Greedy cover of a submodular value: Nemhauser, Wolsey &
    Fisher 1978.

    Args:
        members: (segments, panel) float32, 1 for members.
        tops: (shares, products, panel) bool, each product's own best shares.
        worth: (products, panel), mean 1 over open people, zero for others.
        open_: (products, panel) bool, who has not acted on the product.
        named: rows of `members` whose names say who their people are; none by default.
    """
    named = np.zeros(0, np.int64) if named is None else named
    count, people = worth.shape
    sizes = _gains(open_.astype(np.float32), members, tops)
    scale = (sizes / max(people, 1)) ** size_power / np.maximum(sizes, 1)
    uncovered, free = worth.copy(), open_.copy()
    gains = _gains(uncovered, members, tops)
    least = np.where(np.arange(sizes.shape[1]) < len(members), max(limits.people, 1), 1)
    means = np.where(sizes >= least, gains / np.maximum(sizes, 1), -np.inf)
    left = _listable(means, limits.worth)
    found = Picks(
        np.full((count, limits.kept), -1, np.int16), np.zeros((count, limits.kept), np.float32)
    )
    taken = np.zeros(count, np.int64)
    while (live := np.flatnonzero((taken < limits.kept) & left.any(axis=1))).size:
        scores = np.where(left[live], gains[live] * scale[live], -np.inf)
        chosen = scores.argmax(axis=1)
        _prefer_names(chosen, live, scores, (members, tops, sizes), named, limits.alike)
        inside = _inside(chosen, live, members, tops)
        overlap = 1 - (inside & free[live]).sum(axis=1) / sizes[live, chosen]
        left[live, chosen] = False
        fresh = overlap <= limits.overlap
        rows, new = live[fresh], inside[fresh]
        found.segments[rows, taken[rows]] = chosen[fresh]
        found.overlaps[rows, taken[rows]] = np.maximum(overlap[fresh], 0)
        taken[rows] += 1
        free[rows] &= ~new
        uncovered[rows] *= free[rows]
        gains[rows] = _gains(uncovered[rows], members, tops[:, rows])
    return found


def _listable(means: Array, worth: float) -> Array:
    clear = means >= worth
    listable: Array = np.where(clear.any(axis=1, keepdims=True), clear, means >= 1 - _ROUNDING)
    return listable


def _prefer_names(
    chosen: Array,
    products: Array,
    scores: Array,
    people: tuple[Array, Array, Array],
    named: Array,
    alike: float,
) -> None:
    """Puts the best named segment of about the same people where a best share was chosen."""
    members, tops, sizes = people
    rows = np.flatnonzero(chosen >= len(members))
    if not rows.size or not named.size:
        return
    shares = _inside(chosen[rows], products[rows], members, tops)
    common = shares.astype(np.float32) @ members[named].T
    either = shares.sum(axis=1)[:, None] + sizes[products[rows]][:, named] - common
    fitting = np.where(common >= alike * either, scores[rows][:, named], -np.inf)
    found = fitting.max(axis=1) > -np.inf
    chosen[rows[found]] = named[fitting.argmax(axis=1)[found]]


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
