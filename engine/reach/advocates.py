"""Whom to ask to carry the word: people whose word together reaches most listeners, with the proof.

In: a graph, how much each listener counts, who may be asked and at what cost. Out: advocates in
the order of their choice, what they reach with an interval, and at least what part of the best
possible that is. Never: somebody who may not be asked, or a bound that was not computed.

Sets are drawn in two collections that know nothing of each other: advocates are chosen greedily
on the first, which also bounds what any choice could reach, and are judged on the second (OPIM-C:
Tang, Tang, Xiao & Yuan 2018, "Online processing algorithms for influence maximization"). Both grow
until the proven part is as large as was asked.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import inf, lgamma, log, log1p, log2, sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidValue
from engine.reach.cover import Cover, Wanted
from engine.reach.graph import Graph
from engine.reach.sets import Sets, draw_sets

Array = NDArray[Any]
Tick = Callable[[int, float], None]

MOST_GROWTH = 4
"""At most so many times as many sets are drawn before it is looked again."""
HALVINGS = 50
HELD = 1 << 25
"""At most about so many members of sets are held of each collection."""
TRIED = 32


@dataclass(frozen=True)
class Effort:
    """How much is proven, how surely, and for how long it is tried.

    `first` sets are drawn at the start, at most `most`; `proof` is the part of the best possible
    that is to be proven, and `level` the confidence of proof and interval.
    """

    first: int
    most: int
    proof: float
    level: float
    seed: int = 0


@dataclass(frozen=True)
class Chosen:
    """Advocates by rows, the one of most reach first, and what is known of their reach.

    `reach` is what they reach together in units of the weights; of detractors what they reach is
    taken away. Its interval holds after however many looks drawing ended. `proof` is the part of
    the best possible that is proven, `sets` how many were drawn.
    """

    rows: Array
    gains: Array
    reach: float
    lower: float
    upper: float
    proof: float
    sets: int


def choose(
    graph: Graph, wanted: Wanted, effort: Effort, tick: Tick = lambda sets, proof: None
) -> Chosen:
    """The advocates for what is wanted; ties of equal gain go to the first by row.

    Fewer than asked come back where nobody else may be asked, is affordable or reaches anybody.

    Raises:
        InvalidValue: nobody may be asked, or nobody is to be reached.
    """
    _refuse(graph, wanted)
    weights = wanted.weights.astype(np.float64)
    total = float(np.abs(weights).sum())
    drawn = _Drawing(graph, weights, effort.seed)
    sizes = _sizes(effort, drawn.room())
    error = (1 - effort.level) / (3 * len(sizes))
    step = 0
    while True:
        chosen, judged = drawn.upto(sizes[step])
        cover = Cover(chosen, weights, len(graph))
        rows, gains, best = cover.greedy(wanted)
        met, signs = meets(judged, rows, len(graph)), np.sign(weights[judged.roots])
        last, least = step == len(sizes) - 1, _least(met, signs, error)
        enough = None if last else _enough(least, effort.proof, len(chosen), error)
        best = cover.tightened(wanted, rows, best, enough)
        most = at_most(best, len(chosen), error)
        proof = max(0.0, min(1.0, least / most))
        tick(len(chosen) + len(judged), proof)
        if proof >= effort.proof or last:
            break
        covered = float(gains.sum())
        if enough is not None and enough < covered:  # so nothing was tightened in vain
            best, proof = covered, least / at_most(covered, len(chosen), error)
        step = _next_step(sizes, step, effort.proof, proof, covered / max(best, 1.0))
    reach, lower, upper = _interval(np.where(met, signs, 0.0), 1 - (1 - effort.level) / len(sizes))
    return Chosen(
        rows,
        gains * total / len(chosen),
        reach * total,
        lower * total,
        upper * total,
        proof,
        len(chosen) + len(judged),
    )


def _refuse(graph: Graph, wanted: Wanted) -> None:
    if wanted.weights.shape != (len(graph),) or not np.isfinite(wanted.weights).all():
        raise InvalidValue("weights", "are not one finite number for each person")
    if not wanted.allowed.any():
        raise InvalidValue("advocates", "nobody of the graph may be asked")
    if not (wanted.weights > 0).any():
        raise InvalidValue("audience", "has nobody who hears of anybody in the graph")
    if wanted.count < 1:
        raise InvalidValue("seeds", f"{wanted.count} is not at least 1")


def _sizes(effort: Effort, room: int) -> list[int]:
    """How many sets are drawn of each collection when it is looked at what is proven."""
    first, most = min(effort.first, room), min(effort.most, room)
    looks = int(2 * log2(most / first) + 1e-9) if most > first else 0
    return [round(first * 2 ** (look / 2)) for look in range(looks + 1)]


def _next_step(sizes: list[int], step: int, asked: float, proof: float, ceiling: float) -> int:
    """Which size is looked at next: none that seems too small for what is asked.

    What is proven nears a ceiling, the part of its bound that the choice covers, as the root of
    the number of sets grows. Looks that are left out cost no surety: all are paid for.
    """
    short, left = max(ceiling - proof, 0.0), max(ceiling - asked, 1e-9)
    needed = sizes[step] * min((short / left) ** 2, MOST_GROWTH)
    later = [at for at in range(step + 1, len(sizes)) if sizes[at] <= needed]
    return later[-1] if later else step + 1


class _Drawing:
    """Two collections that know nothing of each other, by draws of their own."""

    def __init__(self, graph: Graph, weights: Array, seed: int) -> None:
        graph.takes.hits  # noqa: B018  both threads read it
        self._graph, self._last = graph, np.flatnonzero(weights)[-1]
        self._bounds = np.cumsum(np.abs(weights)) / np.abs(weights).sum()
        self._draws = [np.random.default_rng([seed, 60, which]) for which in (0, 1)]
        self._sets: list[Sets] = []

    def room(self) -> int:
        """How many sets fit into memory, by the size of some that are drawn for this alone."""
        tried = self._more(TRIED, np.random.default_rng(self._draws[0].integers(1 << 62)))
        return max(TRIED, HELD * TRIED // tried.members.size)

    def upto(self, number: int) -> list[Sets]:
        """Both, once they are of this size; each is drawn by a thread of its own."""
        with ThreadPoolExecutor(2) as threads:
            more = number - (len(self._sets[0]) if self._sets else 0)
            found = list(threads.map(lambda rng: self._more(more, rng), self._draws))
        both = zip(self._sets, found, strict=True)
        self._sets = [old.joined(new) for old, new in both] if self._sets else found
        return self._sets

    def _more(self, number: int, rng: np.random.Generator) -> Sets:
        """Sets of listeners who are drawn by what it is worth that they hear of it."""
        roots = np.searchsorted(self._bounds, rng.random(number), side="right")
        return draw_sets(self._graph, np.minimum(roots, self._last), rng)  # rounding falls below 1


def meets(sets: Sets, rows: Array, people: int) -> Array:
    """(sets,) whether any of these people is in each."""
    among = np.zeros(people, bool)
    among[rows] = True
    hits = np.concatenate([[0], np.cumsum(among[sets.members])])
    return hits[sets.starts[1:]] > hits[sets.starts[:-1]]


def _least(met: Array, signs: Array, error: float) -> float:
    """What share of the sets is covered at least, detractors taken away at their most."""
    good, bad = int((met & (signs > 0)).sum()), int((met & (signs < 0)).sum())
    low = 1 - at_most(met.size - good, met.size, error)
    return low - (at_most(bad, met.size, error) if (signs < 0).any() else 0.0)


def _enough(least: float, proof: float, sets: int, error: float) -> float:
    """The bound, in sets, under which so much is proven of the best possible."""
    if proof <= 0:
        return float("inf")
    low, high = 0, sets
    while low < high:
        middle = (low + high + 1) // 2
        enough = least >= proof * at_most(middle, sets, error)
        low, high = (middle, high) if enough else (low, middle - 1)
    return float(low)


def at_most(count: float, number: int, error: float) -> float:
    """The largest chance by which so few of a number of trials would succeed as `count` or fewer.

    Where it is larger than the true chance, which happens with at most this error, is the exact
    bound of Clopper & Pearson (1934), but for the tail: below `count`, each probability is at most
    so large a part of the next as the last one is (Feller 1968, VI.3), and so is their sum.
    """
    some = min(int(count), number)  # a bound of a whole number holds for its whole part
    if some >= number:
        return 1.0
    ways = lgamma(number + 1) - lgamma(some + 1) - lgamma(number - some + 1)
    low, high = some / number, 1.0
    for _ in range(HALVINGS):
        chance = (low + high) / 2
        part = some * (1 - chance) / ((number - some + 1) * chance)
        there = ways + some * log(chance) + (number - some) * log1p(-chance) if chance < 1 else -inf
        few = part < 1 and there - log1p(-part) <= log(error)
        low, high = (low, chance) if few else (chance, high)
    return high


def _interval(values: Array, level: float) -> tuple[float, float, float]:
    """Mean of values between -1 and 1, and its interval by the normal law."""
    mean = float(values.mean())
    spread = NormalDist().inv_cdf((1 + level) / 2) * float(values.std()) / sqrt(values.size)
    return mean, mean - spread, mean + spread
