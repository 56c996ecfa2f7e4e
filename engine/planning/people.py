"""People counted once: whoever one placement moves is not moved again by another.

In: kinds of people, what placements bring of them, the share each touches. Out: what all bring
together, an allocation and a bound. Never: a person counted twice because two segments hold them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.planning.budget import Allocation, allocate_concave
from engine.planning.constraints import Limits
from engine.planning.curves import Scaled
from engine.planning.rounding import CENTS, round_plan

Array = NDArray[Any]
ROUNDS, CLOSE, HALVINGS, TINY = 60, 3e-4, 12, 1e-300
FLOOR = 1e-6  # the least share missed of which it is asked what more people would bring
BLOCK = 1 << 20  # numbers in one block of days
_NODES = np.polynomial.legendre.leggauss(3)
NODES = ((_NODES[0] + 1.0) / 2.0, _NODES[1] / 2.0)


@dataclass(frozen=True)
class Kinds:
    """Who may be moved by which placements: people of one kind by the same ones.

    Entries (e,) name a kind, one of its placements, and how many people the kind has. `count`
    placements in all; `size` (n,) the people of each.
    """

    kind: Array
    place: Array
    people: Array
    count: int

    @property
    def size(self) -> Array:
        """People (n,) of each placement; at least a tiny number, so that one may divide by it."""
        return np.maximum(np.bincount(self.place, self.people, self.count), TINY)

    def take(self, rows: Array) -> Kinds:
        """The same people by some placements, numbered in the order of `rows`."""
        number = np.full(self.count, -1)
        number[rows] = np.arange(len(rows))
        place = number[self.place]
        kept = place >= 0
        return Kinds(self.kind[kept], place[kept], self.people[kept], len(rows))

    def ranked(self, whole: Array) -> Crowd:
        """The crowd, where placements bring `whole` (..., n) if they move all of their people.

        People moved by several placements count for the one that brings most of a person; ties
        go to the placement that comes first. Each row of `whole` is a world with its own order.
        """
        order = np.argsort(self.kind, kind="stable")
        kind, place, people = self.kind[order], self.place[order], self.people[order]
        starts = np.flatnonzero(np.diff(kind, prepend=-1))
        counts = np.diff(starts, append=kind.size)
        first, end = np.repeat(starts, counts), np.repeat(starts + counts, counts)
        size = self.size
        each = whole / size
        falling = np.argsort(-each, axis=-1, kind="stable")
        rank = np.argsort(falling, axis=-1)
        # Kinds follow each other, and within them placements by their rank: one sort of numbers.
        begins = first.astype(np.int64) * self.count
        ranks = np.sort(begins + rank[..., place], axis=-1) - begins
        place = _taken(falling, ranks)
        each = _taken(each, place)
        following = np.concatenate([each[..., 1:], np.zeros_like(each[..., :1])], axis=-1)
        last = np.arange(kind.size) + 1 == end
        beyond = each - np.where(last, 0.0, following)
        return Crowd((first, end), place, people, people * beyond, size)


@dataclass(frozen=True)
class Crowd:
    """Kinds of people with their placements, those that bring most of a person first.

    Entries (..., e) are sorted by kind; each row is a world. `kinds` (e,) are the first entry of
    each one's kind, and the first after it; `people` (e,) how many the kind has; `gain` what they
    bring beyond what the kind's next placement brings of them, nowhere below 0; `size` (n,) the
    people of each placement. Shares (..., n) that placements miss of their people have a row for
    each world, too.
    """

    kinds: tuple[Array, Array]
    place: Array
    people: Array
    gain: Array
    size: Array

    @property
    def count(self) -> int:
        """How many placements there are."""
        return self.size.size

    def worlds(self, rows: Array) -> Crowd:
        """The crowds of some worlds."""
        return replace(self, place=self.place[rows], gain=self.gain[rows])

    def brought(self, missed: Array) -> Array:
        """What placements bring (...,) that miss each a share (..., n) of their people.

        Placements miss people independently, and each person moved brings the most that any of
        those who moved them does: the sum over kinds and placements, the best first, of `gain`
        for each person whom none so far missed. Concave in the spends together wherever the
        logarithm of a share missed is convex in a placement's own.
        """
        return np.asarray((self.gain * -np.expm1(self._logs(missed)[1])).sum(-1))

    def kept(self, missed: Array) -> Array:
        """The part (..., n) of what a placement brings that no better one brought already."""
        own, logs = self._logs(missed)
        with np.errstate(under="ignore"):
            before = np.exp(np.minimum(logs - own, 0.0))
        return _by_place(self.people * before, self.place, self.count) / self.size

    def alone(self, missed: Array) -> Array:
        """What a placement (..., n) adds for each share of its people, the others held fast."""
        # Less missed would be lost among the sums of other kinds; nobody sees the difference.
        own, logs = self._logs(np.maximum(missed, FLOOR))
        with np.errstate(under="ignore"):
            sums = _summed(self.gain * np.exp(logs))
            rest = (sums[..., self.kinds[1]] - sums[..., :-1]) * np.exp(-own)
        return _by_place(rest, self.place, self.count)

    def told(self, touched: Array) -> Array:
        """What each placement is told to bring, as a part (days, n) of what it brings by itself.

        Whoever several touch, with chances `touched` (days, n), acts as for the best of them. What
        a kind brings is taken as counted in proportion to an even split of what each placement
        brings by itself, so that all told is all brought, and placements alike share evenly; by
        chance alone a weak placement beside a strong one would be told of more. An even split is
        the mean of one over how many touch (Shapley 1953): with others of chances t the integral
        of the product of `1 - t u` over u from 0 to 1; Gauss and Legendre's nodes are exact for up
        to five others. Of a crowd of one world.
        """
        first, end = self.kinds
        starts = np.flatnonzero(first == np.arange(first.size))
        kind = np.repeat(np.arange(starts.size), np.diff(starts, append=first.size))
        sums = _summed(self.gain)
        whole, found = sums[end] - sums[:-1], np.zeros((len(touched), self.count))
        step = max(1, BLOCK // max(first.size, 1))
        for rows in (slice(day, day + step) for day in range(0, len(touched), step)):
            share, own = touched[rows][:, self.place], np.zeros((len(touched[rows]), first.size))
            for node, weight in zip(*NODES, strict=True):
                logs = np.log1p(-node * share)
                own += weight * np.exp(np.add.reduceat(logs, starts, axis=1)[:, kind] - logs)
            _, logs = self._logs(1.0 - touched[rows])
            brought = np.add.reduceat(self.gain * -np.expm1(logs), starts, axis=1)
            split = np.add.reduceat(whole * share * own, starts, axis=1)
            part = np.where(split > 0, brought / np.maximum(split, TINY), 1.0)[:, kind]
            found[rows] = _by_place(self.people * own * part, self.place, self.count)
        return found / self.size

    def _logs(self, missed: Array) -> tuple[Array, Array]:
        """Logarithms (..., e) of the share a placement missed, and it and all better ones did."""
        logs = np.log(np.maximum(missed, TINY))
        own = _taken(logs, self.place)
        sums = _summed(own)
        return own, sums[..., 1:] - sums[..., self.kinds[0]]


def _taken(values: Array, at: Array) -> Array:
    """Values (..., n) at numbers (e,), or (..., e) of each world's own."""
    return np.asarray(values[..., at] if at.ndim == 1 else np.take_along_axis(values, at, -1))


def _by_place(values: Array, place: Array, count: int) -> Array:
    """Sums values (..., e) of each world by their places (..., e) or (e,): (..., count)."""
    shape = (*values.shape[:-1], count)
    world = np.arange(int(np.prod(shape[:-1]))).reshape(*shape[:-1], 1) * count
    found = np.bincount((world + place).ravel(), values.ravel(), int(np.prod(shape)))
    return np.asarray(found.reshape(shape))


def _summed(values: Array) -> Array:
    """Sums along the last axis of everything before each value, and of all at the end."""
    found = np.zeros((*values.shape[:-1], values.shape[-1] + 1))
    np.cumsum(values, axis=-1, out=found[..., 1:])
    return found


def allocate_people(
    touch: Scaled,
    crowd: Crowd,
    limits: Limits,
    *,
    near: Array | None = None,
    close: float = CLOSE,
) -> Allocation:
    """Maximises what placements bring together; `start`s are not looked at.

    `touch` are curves from money to the share of its people that a placement moves. Each round
    the others' share in a placement's people is held fast, the plan best for that is sought, and
    a step is made towards it as far as more is brought. The bound is that of the tangent: no
    plan passes it (Frank & Wolfe 1956). It ends when the gap is `close`.

    Args:
        near: a spend (n,), within the limits or not, around which the first plan is sought.
    """
    plan, bound = None, np.inf
    missed = np.ones(crowd.count) if near is None else 1.0 - touch.value(near)
    worth = crowd.alone(missed)
    for _ in range(ROUNDS):
        wanted = allocate_concave(touch.times(worth), limits)
        step = wanted.cents.astype(np.float64)
        plan = step if plan is None else _towards(plan, step, touch, crowd)
        missed = 1.0 - touch.value(plan / CENTS)
        value, worth = float(crowd.brought(missed)), crowd.alone(missed)
        slope = touch.slope(plan / CENTS) * worth
        bound = min(bound, value + room(slope, plan, limits))
        if bound - value <= close * bound:
            break
    assert plan is not None
    whole = round_plan(plan, int(wanted.cents.sum()), limits.channel, limits.box)
    missed = 1.0 - touch.value(whole / CENTS)
    value = float(crowd.brought(missed))
    marginal = touch.slope(whole / CENTS) * crowd.alone(missed)
    return Allocation(whole, value, max(bound, value), wanted.price, marginal)


def _towards(plan: Array, step: Array, touch: Scaled, crowd: Crowd) -> Array:
    """The best of some points between two plans; what is brought has one peak along the way."""

    def brought(plan: Array) -> float:
        return float(crowd.brought(1.0 - touch.value(plan / CENTS)))

    best, most = plan, brought(plan)
    for part in (1.0, 0.75, *(0.5**power for power in range(1, HALVINGS))):
        tried = plan + part * (step - plan)
        value = brought(tried)
        if value < most and best is not plan:
            break
        best, most = (tried, value) if value > most else (best, most)
    return best


def room(slope: Array, plan: Array, limits: Limits) -> float:
    """How much more any plan could bring along the tangent: the dual of a linear programme.

    `slope` (n,) of the outcome for a unit of money at `plan` (n,) in cents. Any prices bound it.
    Those tried are the highest slopes among placements that could take more, in all and within
    channels that are at a limit.
    """
    low, high, first, last = limits.box
    free = (high > low) & (plan < high - 1)
    sums = np.bincount(limits.channel, plan, first.size)
    most = np.zeros(first.size)
    np.maximum.at(most, limits.channel[free], slope[free])
    # A channel that may have the whole budget is not bounded by its maximum.
    full, least = (sums >= last - 1) & (last < limits.budget), sums <= first + 1
    best = np.inf
    for price in (most[~full].max(initial=0.0), most.max(initial=0.0), float(np.median(slope))):
        own = np.where(full, np.maximum(most, price), price)
        own = np.where(least & ~full, np.minimum(most, price), own)
        each = slope - own[limits.channel]
        profit = np.maximum(each * low, each * high).sum()
        limited = np.maximum(own - price, 0.0) * last - np.maximum(price - own, 0.0) * first
        best = min(best, float(price * limits.budget + limited.sum() + profit.sum()))
    return max(0.0, (best - float(slope @ plan)) / CENTS)
