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
from dataclasses import dataclass
from math import log, sqrt
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
    taken away. `proof` is the part of the best possible that is proven, `sets` how many were drawn.
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
    rng = np.random.default_rng([effort.seed, 60])
    weights = wanted.weights.astype(np.float64)
    total = float(np.abs(weights).sum())
    bounds = np.cumsum(np.abs(weights)) / total
    rounds = max(1, int(np.ceil(np.log2(effort.most / effort.first))) + 1)
    surety = log(3 * rounds / (1 - effort.level))
    drawn = _Drawing(graph, weights, bounds, rng)
    chosen, judged = drawn.more(effort.first), drawn.more(effort.first)
    while True:
        cover = Cover(chosen, weights, len(graph))
        rows, gains, best = cover.greedy(wanted)
        met, last = meets(judged, rows, len(graph)), 2 * len(chosen) > effort.most
        signs = np.sign(weights[judged.roots])
        least = _least(met, signs, surety)
        enough = None if last else _enough(least * len(chosen), effort.proof, surety)
        best = cover.tightened(wanted, rows, best, enough)
        most = (sqrt(best + surety / 2) + sqrt(surety / 2)) ** 2 / len(chosen)
        proof = max(0.0, min(1.0, least / most)) if most > 0 else 0.0
        tick(len(chosen) + len(judged), proof)
        if proof >= effort.proof or last:
            break
        chosen = chosen.joined(drawn.more(len(chosen)))
        judged = judged.joined(drawn.more(len(judged)))
    reach, lower, upper = _interval(np.where(met, signs, 0.0), effort.level)
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
    if not wanted.allowed.any():
        raise InvalidValue("advocates", "nobody of the graph may be asked")
    if not (wanted.weights > 0).any():
        raise InvalidValue("audience", "has nobody who hears of anybody in the graph")
    if wanted.count < 1:
        raise InvalidValue("seeds", f"{wanted.count} is not at least 1")
    if wanted.weights.shape != (len(graph),) or not np.isfinite(wanted.weights).all():
        raise InvalidValue("weights", "are not one finite number for each person")


@dataclass(frozen=True)
class _Drawing:
    graph: Graph
    weights: Array
    bounds: Array
    rng: np.random.Generator

    def more(self, number: int) -> Sets:
        """Sets of listeners who are drawn by what it is worth that they hear of it."""
        roots = np.searchsorted(self.bounds, self.rng.random(number), side="right")
        last = np.flatnonzero(self.weights)[-1]  # rounding may leave the sum below 1
        return draw_sets(self.graph, np.minimum(roots, last), self.rng)


def meets(sets: Sets, rows: Array, people: int) -> Array:
    """(sets,) whether any of these people is in each."""
    among = np.zeros(people, bool)
    among[rows] = True
    hits = np.concatenate([[0], np.cumsum(among[sets.members])])
    return hits[sets.starts[1:]] > hits[sets.starts[:-1]]


def _least(met: Array, signs: Array, surety: float) -> float:
    """What share of the sets is covered at least, detractors taken away at their most.

    The bounds of Tang et al. 2018 (lemmas 4.2 and 4.3) for sums of martingales.
    """
    good, bad = float((met & (signs > 0)).sum()), float((met & (signs < 0)).sum())
    low = max(sqrt(good + 2 * surety / 9) - sqrt(surety / 2), 0.0) ** 2 - surety / 18
    high = (sqrt(bad + surety / 2) + sqrt(surety / 2)) ** 2 if (signs < 0).any() else 0.0
    return (max(low, 0.0) - high) / met.size


def _enough(least: float, proof: float, surety: float) -> float:
    """The bound, in sets, under which so much is proven of the best possible."""
    if proof <= 0:
        return float("inf")
    root = sqrt(max(least, 0.0) / proof) - sqrt(surety / 2)
    return max(root, 0.0) ** 2 - surety / 2


def _interval(values: Array, level: float) -> tuple[float, float, float]:
    """Mean of values between -1 and 1, and its interval by the normal law."""
    mean = float(values.mean())
    spread = NormalDist().inv_cdf((1 + level) / 2) * float(values.std()) / sqrt(values.size)
    return mean, mean - spread, mean + spread
