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
from math import log2
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidValue
from engine.reach.bounds import Met, Optimum
from engine.reach.cover import Cover, Wanted
from engine.reach.graph import Graph
from engine.reach.sets import Sets, draw_sets

Array = NDArray[Any]
Tick = Callable[[int, float], None]

MOST_GROWTH = 4
"""At most so many times as many sets are drawn before it is looked again."""
HELD = 1 << 25
"""At most about so many members of sets are held of each collection."""
TRIED = 32
"""By at least so many sets it is guessed how large they are, by more where they seem small."""


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
    sizes = _sizes(effort, drawn.room(effort.first // 8))
    error = (1 - effort.level) / (3 * len(sizes))
    step = 0
    while True:
        chosen, judged = drawn.upto(sizes[step])
        cover = Cover(chosen, weights, len(graph))
        rows, gains, best = cover.greedy(wanted)
        found = _Judged.of(judged, rows, weights)
        optimum = Optimum(len(chosen), error, cover.brightest)
        last = step == len(sizes) - 1 or not drawn.holds(sizes[step + 1])
        least = (found.own + found.others * found.met.least(error)) / total
        enough = None if last else optimum.enough(least, effort.proof)
        best = cover.tightened(wanted, rows, best, enough)
        proof = max(0.0, min(1.0, least / optimum(best)))
        tick(len(chosen) + len(judged), proof)
        if proof >= effort.proof or last:
            break
        covered = float(gains.sum())
        if enough is not None and enough < covered:  # so nothing was tightened in vain
            best, proof = covered, least / optimum(covered)
        step = _next_step(sizes, step, effort.proof, proof, covered / max(best, 1.0))
    side = (1 - effort.level) / (2 * len(sizes))
    return Chosen(
        rows,
        found.gains,
        found.own + found.others * found.met.mean,
        found.own + found.others * found.met.least(side),
        found.own + found.others * found.met.most(side),
        proof,
        len(chosen) + len(judged),
    )


@dataclass(frozen=True)
class _Judged:
    """What a choice reaches among sets that did not choose it.

    Advocates hear for sure, for what `own` counts them; `met` are the sets of all others, who count
    `others` together. `gains` are what each advocate adds to those before.
    """

    own: float
    others: float
    met: Met
    gains: Array

    @classmethod
    def of(cls, sets: Sets, rows: Array, weights: Array) -> _Judged:
        """Rows of advocates in the order of their choice."""
        place = np.full(weights.size, rows.size, np.int32)
        place[rows] = np.arange(rows.size)
        first = np.minimum.reduceat(place[sets.members], sets.starts[:-1])
        apart, signs = place[sets.roots] == rows.size, np.sign(weights[sets.roots])
        hit, number = apart & (first < rows.size), int(apart.sum())
        good, bad = (int((hit & (signs == sign)).sum()) for sign in (1, -1))
        left = float(np.abs(weights).sum() - np.abs(weights[rows]).sum())
        added = np.bincount(first[hit], signs[hit], rows.size) * left / max(number, 1)
        met = Met(good, bad, number, bool((weights < 0).any()))
        return cls(float(weights[rows].sum()), left, met, weights[rows] + added)


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
    most = min(effort.most, room)
    first = min(effort.first, most)
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

    def room(self, tries: int) -> int:
        """How many sets fit into memory, by the size of some that are drawn for this alone."""
        rng, number = np.random.default_rng(self._draws[0].integers(1 << 62)), TRIED
        tried = self._more(number, rng)
        while number < tries and tried.members.size < HELD // 8:  # large ones may be rare
            tried, number = tried.joined(self._more(number, rng)), 2 * number
        return max(TRIED, HELD * number // tried.members.size)

    def holds(self, number: int) -> bool:
        """Whether so many fit, by the size of those that were drawn."""
        largest = max(sets.members.size for sets in self._sets)
        return number * largest <= HELD * len(self._sets[0])

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
