"""Sets to be covered: whom a greedy choice takes, and at most how much any choice could cover.

In: sets by listener, who may be chosen, how many, for how much. Out: the choice in its order, and
bounds that hold for every other. Never: a bound by trust; each is computed from the sets at hand.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.reach.sets import Sets

Array = NDArray[Any]

STEPS = 100
"""At most so many steps of prices."""
ENOUGH = 1e-3
"""A bound so near to what is covered is as good as none nearer."""
LEAST_COST = 1e-12
"""Divided by, where nothing is asked for."""
ROUNDING = 1e-9
"""Money that is short by so small a part is not short."""
NARROWED = 4
"""Who is in so many times fewer sets than the last of the most usual seldom matters."""


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

    @property
    def money(self) -> float:
        """The budget, with what sums of decimals may be short by."""
        return float("inf") if self.budget is None else self.budget * (1 + ROUNDING)


class Cover:
    """Sets by who is in them, to be covered greedily.

    Few people are in many sets, and only they are chosen or bound a choice: a table is made of
    those alone, and again of more where others turn out to matter.
    """

    def __init__(self, sets: Sets, weights: Array, people: int) -> None:
        self._sets, self._worth = sets, np.sign(weights[sets.roots])
        self._often = np.bincount(sets.members, minlength=people)
        if (self._worth <= 0).any():
            bright = np.repeat(self._worth > 0, np.diff(sets.starts))
            self._often = np.bincount(sets.members[bright], minlength=people)
        self._last: tuple[Wanted, _Table] | None = None
        self._foes = bool((weights < 0).any())
        self.brightest: float | None = None
        """Where there are detractors: no choice covers more sets of those who are to hear."""

    def greedy(self, wanted: Wanted) -> tuple[Array, Array, float]:
        """Who is chosen, what each added, and at most how many sets any choice could cover.

        The bound is the least, over all prefixes of the choice, of what the prefix covers and the
        largest gains that are left, as many as may be chosen or as the money buys (Tang et al.
        2018, eq. 10; for costs, of a fractional knapsack). Of detractors each person is charged a
        part, see `_Table.harm`.
        """
        least = self._least(wanted)
        while True:
            table = self._table(wanted, least)
            rows, gains, best, left, bright = table.greedy()
            enough = rows.size == wanted.count and min(gains.min(), left) >= least
            if least <= 1 or enough:
                break
            least = max(1, least // NARROWED)
        self._last = (wanted, table)
        self.brightest = bright if self._foes else None
        return table.who[rows], gains, best

    def tightened(self, wanted: Wanted, rows: Array, best: float, enough: float | None) -> float:
        """At most how many sets any choice could cover, by prices on the sets.

        For prices y from 0 to 1 a choice covers at most Σ (1 − y) and the prices of the sets that
        its people are in, each counted for every one of them: this is the dual of the linear
        programme of maximal coverage. Prices that say less are looked for by steps along the
        subgradient, of the length of Polyak (1969); each step's bound holds, however good it is.
        Detractors are charged as in `greedy`.

        Args:
            wanted: who may be asked, how many, for how much.
            rows: who was chosen by `greedy`; what they cover tells how far prices can go.
            best: a bound that is known, returned where none is found below it.
            enough: a bound below which none is looked for; nor is any where it lies below what is
                covered, which none can reach. None: as low a one as is found.
        """
        if self._last is None or self._last[0] is not wanted:
            self.greedy(wanted)
        table = self._last[1] if self._last else self._table(wanted, 1)
        met = table.times(np.isin(table.who, rows).astype(np.float64))
        covered, often = float(table.worth[met > 0].sum()), met * table.bright
        if enough is not None and (best <= enough or enough < covered):
            return best
        prices = np.where(often > 0, 0.3 / np.maximum(often, 1), 1.0) * table.bright
        length, stalled = 1.0, 0
        for _ in range(STEPS):
            most, shares = table.at_most(table.gains(prices))
            bound = float((table.bright - prices).sum()) + most
            stalled = 0 if bound < best else stalled + 1
            best = min(best, bound)
            if stalled == 5:
                length, stalled = length * 0.6, 0
            if best <= max(enough or 0.0, covered * (1 + ENOUGH)) or length < ENOUGH:
                break
            slope = table.times(shares) - 1
            fixed = ((prices <= 0) & (slope > 0)) | ((prices >= table.bright) & (slope < 0))
            slope[fixed] = 0
            step = length * (bound - covered) / max(float(slope @ slope), 1.0)
            prices = np.clip(prices - step * slope, 0, table.bright)
        return best

    def _least(self, wanted: Wanted) -> int:
        """In how many sets at least somebody is who seems to matter; 1 where costs decide."""
        often = self._often[wanted.allowed]
        if wanted.costs is not None or often.size <= wanted.count:
            return 1
        last = np.partition(often, often.size - wanted.count)[often.size - wanted.count]
        return max(1, int(last) // NARROWED)

    def _table(self, wanted: Wanted, least: int) -> _Table:
        """Of people who are in so many sets, by the sets that hold any of them."""
        some = wanted.allowed & (self._often >= least)
        held = np.flatnonzero(some[self._sets.members])
        number = np.cumsum(some, dtype=np.int32) - 1
        of = np.repeat(np.arange(len(self._sets), dtype=np.int32), np.diff(self._sets.starts))[held]
        first = np.flatnonzero(np.diff(of, prepend=-1))
        who = np.flatnonzero(some)
        others = np.sort(self._often[wanted.allowed & ~some])[::-1][: wanted.count]
        costs = None if wanted.costs is None else wanted.costs[who]
        return _Table(
            who,
            np.append(first, held.size),
            number[self._sets.members[held]],
            self._worth[of[first]],
            replace(wanted, costs=costs),
            others.astype(np.float64),
        )


@dataclass(frozen=True)
class _Table:
    """Some people, and the sets that any of them is in, in compressed rows of members.

    `others` are the largest numbers of sets that somebody else is in: at most so much they add.
    """

    who: Array
    starts: Array
    members: Array
    worth: Array
    wanted: Wanted
    others: Array

    @cached_property
    def by_person(self) -> tuple[Array, Array]:
        """The same in rows of sets by person; nobody is in none."""
        sets = np.repeat(np.arange(self.worth.size), np.diff(self.starts))
        keys = self.members.astype(np.int64) * self.worth.size + sets
        keys.sort()
        people, sets = np.divmod(keys, self.worth.size)
        often = np.bincount(people, minlength=self.who.size)
        return np.concatenate([[0], np.cumsum(often)]), sets

    @cached_property
    def bright(self) -> Array:
        """(sets,) 1 for those whose listener is to be reached, 0 for those of detractors."""
        return (self.worth > 0).astype(np.float64)

    @cached_property
    def harm(self) -> Array:
        """(people,) what each is charged at least for the detractors whom they reach.

        A detractor's set costs 1 once any of its people is chosen, of whom no more can be than
        may be chosen at all: so each may be charged one part in so many.
        """
        most = np.minimum(np.diff(self.starts), self.wanted.count)
        return self.gains(np.where(self.worth < 0, 1 / most, 0.0))

    def greedy(self) -> tuple[Array, Array, float, float, float]:
        """The choice, what each added, its bound, the least gain left that is part of it.

        The last is the bound without the charge for detractors.
        """
        wanted, size = self.wanted, self.who.size
        net, bright = self.gains(self.worth), self.gains(self.bright)
        left, free = np.ones(self.worth.size, np.bool_), np.ones(size, np.bool_)
        rows, gains, covered, best, alone, spent = [], [], 0.0, np.inf, np.inf, 0.0
        for _ in range(wanted.count):
            best, alone = self._bounds(covered, np.where(free, bright, 0), (best, alone))
            person = _next(net, free, wanted, spent)
            if person is None:
                break
            of = self._of(person)
            of = of[left[of]]
            rows.append(person)
            gains.append(net[person])
            covered += float(self.bright[of].sum())
            left[of], free[person] = False, False
            members, entry = self._members(of)
            net -= np.bincount(members, self.worth[of][entry], size)
            bright -= np.bincount(members, self.bright[of][entry], size)
            spent += 0.0 if wanted.costs is None else float(wanted.costs[person])
        open_ = np.where(free, bright, 0)
        best, alone = self._bounds(covered, open_, (best, alone))
        last = np.sort(open_)[::-1][: wanted.count]
        least = float(last[-1]) if last.size == wanted.count else 0.0
        return np.array(rows, np.int64), np.array(gains, np.float64), best, least, alone

    def _bounds(
        self, covered: float, gains: Array, before: tuple[float, float]
    ) -> tuple[float, float]:
        """The lower of bounds before and of these, with the charge for detractors and without."""
        charged = covered + self.at_most(gains)[0]
        if not self.harm.any():
            return (min(before[0], charged), min(before[1], charged))
        plain = covered + _at_most(np.concatenate([gains, self.others]), self.wanted)[0]
        return (min(before[0], charged), min(before[1], plain))

    def gains(self, worth: Array) -> Array:
        """(people,) what the sets of each are worth, where each set is worth so much."""
        starts, sets = self.by_person
        return np.add.reduceat(worth[sets], starts[:-1]) if sets.size else np.zeros(0)

    def times(self, shares: Array) -> Array:
        """(sets,) how many of the chosen are in each, by what share of each is chosen."""
        people = np.flatnonzero(shares)
        parts = [self._of(person) for person in people.tolist()]
        weights = np.repeat(shares[people], [part.size for part in parts])
        of = np.concatenate([*parts, self.by_person[1][:0]])
        return np.bincount(of, weights=weights, minlength=self.worth.size)

    def at_most(self, gains: Array) -> tuple[float, Array]:
        """The most that so many people, or so much money, could add, and who by what share."""
        most, shares = _at_most(np.concatenate([gains - self.harm, self.others]), self.wanted)
        return most, shares[: gains.size]

    def _of(self, person: int) -> Array:
        """The sets that somebody is in."""
        starts, sets = self.by_person
        found: Array = sets[starts[person] : starts[person + 1]]
        return found

    def _members(self, sets: Array) -> tuple[Array, Array]:
        """Everybody in these sets, and the place of the set that each is in."""
        first, length = self.starts[sets], np.diff(self.starts)[sets]
        entry = np.repeat(np.arange(sets.size), length)
        before = np.cumsum(length) - length
        return self.members[np.arange(entry.size) - before[entry] + first[entry]], entry


def _next(net: Array, free: Array, wanted: Wanted, spent: float) -> int | None:
    """Who adds most, by cost where there is one; None where nobody adds anything."""
    open_, costs = free & (net > 0), wanted.costs
    value = net
    if costs is not None and wanted.budget is not None:
        open_ &= spent + costs <= wanted.money
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
    costs = wanted.costs[some]
    order = np.argsort(-gains[some] / np.maximum(costs, LEAST_COST), kind="stable")
    costs = costs[order]
    left = wanted.money - (np.cumsum(costs) - costs)
    part = np.where(costs > 0, np.clip(left / np.maximum(costs, LEAST_COST), 0, 1), 1)
    bought = float(gains[some][order] @ part)
    if bought >= top:
        return top, shares
    shares = np.zeros(gains.size)
    shares[some[order]] = part
    return bought, shares
