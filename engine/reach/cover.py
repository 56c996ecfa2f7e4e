"""Sets to be covered: whom a greedy choice takes, and at most how much any choice could cover.

In: sets by listener, who may be chosen, how many, for how much. Out: the choice in its order, and
bounds that hold for every other. Never: a bound by trust; each is computed from the sets at hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from engine.reach.sets import Sets

Array = NDArray[Any]

STEPS = 100
"""At most so many steps of prices."""
ENOUGH = 1e-3
"""A bound so near to what is covered is as good as none nearer."""
LEAST_COST = 1e-12


@dataclass(frozen=True)
class Wanted:
    """Who is to be reached, and who may be asked.

    Attributes:
        weights: (people,) what it is worth that each hears of it; below 0 for detractors.
        allowed: (people,) whether each may be asked.
        count: at most so many advocates.
        costs: (people,) what each asks for; None: nothing.
        budget: what all together may cost; None: no limit.
    """

    weights: Array
    allowed: Array
    count: int
    costs: Array | None = None
    budget: float | None = None


class Cover:
    """Sets by who is in them, to be covered greedily."""

    def __init__(self, sets: Sets, weights: Array, people: int) -> None:
        ones = np.ones(sets.members.size, np.bool_)
        table = sparse.csr_array((ones, sets.members, sets.starts), shape=(len(sets), people))
        by_person = table.tocsc()
        self._sets, self._starts, self._of = sets, by_person.indptr, by_person.indices
        self._worth = np.sign(weights[sets.roots])
        self._people = people

    def greedy(self, wanted: Wanted) -> tuple[Array, Array, float]:
        """Who is chosen, what each added, and at most how many sets any choice could cover.

        The bound is the least, over all prefixes of the choice, of what the prefix covers and the
        largest gains that are left, as many as may be chosen or as the money buys (Tang et al.
        2018, eq. 10; for costs, of a fractional knapsack). It looks away from detractors, whom the
        best choice might avoid.
        """
        left = np.ones(len(self._sets), bool)
        net = self._gains(np.flatnonzero(left), self._worth)
        bright = self._gains(np.flatnonzero(self._worth > 0), self._worth)
        free, money = wanted.allowed.copy(), wanted.budget
        rows, gains, covered, best = [], [], 0.0, np.inf
        for _ in range(wanted.count):
            best = min(best, covered + _at_most(np.where(free, bright, 0), wanted)[0])
            person = _next(net, free, wanted.costs, money)
            if person is None:
                break
            of = self._of[self._starts[person] : self._starts[person + 1]]
            of = of[left[of]]
            rows.append(person)
            gains.append(net[person])
            covered += float((self._worth[of] > 0).sum())
            left[of], free[person] = False, False
            net -= self._gains(of, self._worth)
            bright -= self._gains(of[self._worth[of] > 0], self._worth)
            if money is not None and wanted.costs is not None:
                money -= float(wanted.costs[person])
        best = min(best, covered + _at_most(np.where(free, bright, 0), wanted)[0])
        return np.array(rows, np.int64), np.array(gains, np.float64), best

    def tightened(self, wanted: Wanted, rows: Array, best: float, enough: float | None) -> float:
        """At most how many sets any choice could cover, by prices on the sets.

        For prices y from 0 to 1 a choice covers at most Σ (1 − y) and the prices of the sets that
        its people are in, each counted for every one of them: this is the dual of the linear
        programme of maximal coverage. Prices that say less are looked for by steps along the
        subgradient, of the length of Polyak (1969); each step's bound holds, however good it is.

        Args:
            wanted: who may be asked, how many, for how much.
            rows: who was chosen; what they cover tells how far prices can go.
            best: a bound that is known, returned where none is found below it.
            enough: a bound below which none is looked for; nor is any where it lies below what is
                covered, which none can reach. None: as low a one as is found.
        """
        bright = np.flatnonzero(self._worth > 0)
        often = self._times(_among(rows, self._people))[bright]
        covered = float((often > 0).sum())
        if enough is not None and (best <= enough or enough < covered):
            return best
        members, entry = self._members(bright)
        prices = np.where(often > 0, 0.3 / np.maximum(often, 1), 1.0)
        length, stalled = 1.0, 0
        for _ in range(STEPS):
            gains = np.bincount(members, weights=prices[entry], minlength=self._people)
            most, shares = _at_most(np.where(wanted.allowed, gains, 0), wanted)
            bound = float((1 - prices).sum()) + most
            stalled = 0 if bound < best else stalled + 1
            best = min(best, bound)
            if stalled == 5:
                length, stalled = length * 0.6, 0
            if best <= max(enough or 0.0, covered * (1 + ENOUGH)) or length < ENOUGH:
                break
            slope = self._times(shares)[bright] - 1
            fixed = ((prices <= 0) & (slope > 0)) | ((prices >= 1) & (slope < 0))
            slope[fixed] = 0
            step = length * (bound - covered) / max(float(slope @ slope), 1.0)
            prices = np.clip(prices - step * slope, 0, 1)
        return best

    def _times(self, shares: Array) -> Array:
        """(sets,) how many of the chosen are in each, by what share of each is chosen."""
        people = np.flatnonzero(shares)
        parts = [self._of[self._starts[one] : self._starts[one + 1]] for one in people]
        of = np.concatenate([*parts, self._of[:0]])
        weights = np.repeat(shares[people], [part.size for part in parts])
        return np.bincount(of, weights=weights, minlength=len(self._sets))

    def _members(self, sets: Array) -> tuple[Array, Array]:
        """Everybody in these sets, and the place of the set that each is in."""
        first, length = self._sets.starts[sets], np.diff(self._sets.starts)[sets]
        entry = np.repeat(np.arange(sets.size), length)
        before = np.cumsum(length) - length
        return self._sets.members[np.arange(entry.size) - before[entry] + first[entry]], entry

    def _gains(self, sets: Array, worth: Array) -> Array:
        """(people,) of each person the worth of those of these sets that they are in."""
        members, entry = self._members(sets)
        return np.bincount(members, weights=worth[sets][entry], minlength=self._people)


def _among(rows: Array, people: int) -> Array:
    """(people,) 1 for these, 0 for the others."""
    found = np.zeros(people)
    found[rows] = 1
    return found


def _next(net: Array, free: Array, costs: Array | None, money: float | None) -> int | None:
    """Who adds most, by cost where there is one; None where nobody adds anything."""
    open_ = free & (net > 0)
    value = net
    if costs is not None and money is not None:
        open_ &= costs <= money
        value = net / np.maximum(costs, LEAST_COST)
    if not open_.any():
        return None
    return int(np.where(open_, value, -np.inf).argmax())


def _at_most(gains: Array, wanted: Wanted) -> tuple[float, Array]:
    """The most that so many people, or so much money, could add if no two of them overlapped.

    Returns:
        That, and the share of each person that adds it: a part of one where money ends.
    """
    some = np.flatnonzero(gains > 0)
    shares = np.zeros(gains.size)
    if some.size > wanted.count:
        some = some[np.argpartition(gains[some], some.size - wanted.count)[-wanted.count :]]
    shares[some] = 1
    top = float(gains[some].sum())
    if wanted.costs is None or wanted.budget is None:
        return top, shares
    some = np.flatnonzero(gains > 0)
    costs = np.maximum(wanted.costs[some], LEAST_COST)
    order = np.argsort(-gains[some] / costs, kind="stable")
    spent = np.cumsum(costs[order])
    part = np.clip((wanted.budget - (spent - costs[order])) / costs[order], 0, 1)
    bought = float(gains[some][order] @ part)
    if bought >= top:
        return top, shares
    shares = np.zeros(gains.size)
    shares[some[order]] = part
    return bought, shares
