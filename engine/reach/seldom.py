"""How many a word reaches where it seldom goes anywhere, and then perhaps very far.

In: runs of a simulation, and what they were made from. Out: expected numbers with intervals that
hold. Never: an interval from runs in which nothing happened as if nothing could.

Where few runs differ from the rest, the normal law says nothing of their mean. Two other intervals
hold whatever its law, both exact binomial ones (Clopper & Pearson 1934): of how often anybody but
those who start was reached, times the people that could be; and of how many listeners, drawn evenly
from these, heard of it in a reverse-reachable set (Borgs et al. 2014). The narrower one is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from engine.reach.earned import Touch, told_by_word
from engine.reach.estimates import Estimate, estimate
from engine.reach.graph import Graph, Rows
from engine.reach.travel import Runs, Starters, Travel
from engine.reach.worlds import CASCADE, onward, reached, weights_of

Array = NDArray[Any]

ENOUGH = 200
"""Runs, all as far from the mean, that runs must be worth for the normal law to hold."""
PART = 0.25
"""So large a part of the runs will do, where fewer are made; of a normal law they are 2 / pi."""
STREAM = 65
FIRST, GROWTH, MOST_AT_ONCE = 16, 8, 1 << 16
SETS = 16
"""At most so many sets for each run that may be made."""
MEMBERS, MEMBERS_BY_HOUR = 1 << 24, 1 << 21
"""No more sets are drawn once so many people are in them; fewer where their hours are asked for."""
ROUNDS = 64
"""Steps by which it is followed who surely has the word; who needs more is not counted as sure."""


def is_rare(values: Array) -> bool:
    """Whether so few values differ from the rest that they do not tell their mean.

    (sum of distances from the mean)² / sum of their squares is the number of values, where all are
    as far from it; 4 x np where n values are one number with the small chance p, else another.
    """
    away = np.abs(values - values.mean())
    squares = float((away**2).sum())
    enough = min(ENOUGH, PART * values.size)
    return not squares > 0 or float(away.sum()) ** 2 / squares < enough


@dataclass(frozen=True)
class Doubt:
    """Whether runs tell what is expected, and what is known of it where they do not."""

    graph: Graph
    starters: Starters
    travel: Travel

    @cached_property
    def touch(self) -> Touch:
        return _touch(self.graph, self.starters)

    @cached_property
    def could(self) -> tuple[Array, bool]:
        """Rows of all whom word alone could reach, and whether each of them is surely reached."""
        return _could(self.graph, self.touch, self.travel)

    def remains(self, word: Array) -> bool:
        """Whether so few runs differ that more are needed; (runs,) people reached by word alone."""
        return is_rare(word) and not self.could[1]


def held(doubt: Doubt, runs: Runs, found: Array) -> tuple[Estimate, ...]:
    """What is expected of each column of runs: reach by hours, at the end, and by word alone.

    Args:
        doubt: of what they were made from.
        runs: how many may be made, and how sure the intervals are.
        found: (runs, hours + 2): people reached by each hour, at the end, and by word alone.
    """
    if not doubt.remains(found[:, -1]):
        return tuple(estimate(column, runs.level) for column in found.T)
    starters, (open_, _) = doubt.starters, doubt.could
    touched = found[:, -2] - found[:, -1]
    level = level_of(runs)
    tried = (found[:, :-1] - touched[:, None]).T
    ones = [_of_runs(column, open_.size, level) for column in tried]
    others = _of_sets(doubt, runs)
    word = min(ones, others, key=lambda curve: curve[-1].half_width)
    expected = starters.rows.size if starters.touched is None else float(starters.touched.sum())
    return (*(one.moved(expected) for one in word), word[-1])


def _touch(graph: Graph, starters: Starters) -> Touch:
    """Of those starters who have ties."""
    inside = starters.rows < len(graph)
    touched, takes = np.zeros(len(graph)), np.ones(len(graph))
    rows = starters.rows[inside]
    touched[rows] = 1.0 if starters.touched is None else starters.touched[inside]
    takes[rows] = 1.0 if starters.takes is None else starters.takes[inside]
    return Touch(touched, takes)


def _could(graph: Graph, touch: Touch, travel: Travel) -> tuple[Array, bool]:
    """Rows of all whom word alone could reach, and whether each of them is surely reached."""
    may = _following(graph, np.flatnonzero(touch.starts > 0), graph.takes.chances > 0)
    open_ = may[touch.touched[may] < 1]
    timely = travel.whole or (travel.delay is not None and travel.delay.shape == 0)
    starts = np.flatnonzero(touch.starts >= 1)
    certain = bool((touch.starts[touch.touched > 0] >= 1).all())
    if not (timely and certain):
        return open_, not open_.size
    if travel.model == CASCADE:
        sure = _following(graph, starts, graph.takes.chances >= 1)
    else:
        sure = _surely_over(graph, starts)
    # in what time is certain only where delays are, or nobody asks
    when = not travel.hours or (travel.delay is not None and travel.delay.shape == 0)
    return open_, not open_.size or (when and bool(np.isin(open_, sure).all()))


def _following(graph: Graph, starts: Array, live: Array) -> Array:
    """Rows of all who are reached where these ties pass on everything and the others nothing."""
    takes = graph.takes
    ways = Graph(graph.users, Rows(takes.starts, takes.others, live.astype(np.float32)))
    rng = np.random.default_rng(0)  # of which nothing here depends
    return reached(onward(ways, CASCADE, len(graph)), starts, 1, rng).keys


def _surely_over(graph: Graph, starts: Array) -> Array:
    """Rows of all whose threshold is surely met, within so many rounds."""
    weights, _ = weights_of(graph.takes)
    taker = np.repeat(np.arange(len(graph)), graph.takes.lengths)
    has = np.zeros(len(graph), bool)
    has[starts] = True
    for _ in range(ROUNDS):
        now = has | (np.bincount(taker, weights * has[graph.takes.others], len(graph)) > 1 - 1e-6)
        if (now == has).all():
            break
        has = now
    return np.flatnonzero(has)


def _of_runs(word: Array, people: int, level: float) -> Estimate:
    """By how often anybody was reached by word: then at least one person, at most all."""
    low, high = between(float((word > 0).sum()), word.size, level)
    mean = float(word.mean())
    return Estimate(mean, min(low, mean), min(max(high * people, mean), people))


def _of_sets(doubt: Doubt, runs: Runs) -> list[Estimate]:
    """By how many of the sets of listeners who could be reached hold somebody who starts."""
    open_, _ = doubt.could
    rng = np.random.default_rng([runs.seed, STREAM])
    parts: list[Array] = []
    done, members, number = 0, 0, FIRST
    most = MEMBERS_BY_HOUR if doubt.travel.hours else MEMBERS
    while done < SETS * runs.most and members < most:
        roots = rng.choice(open_, number)
        some, size = told_by_word(doubt.graph, doubt.touch, doubt.travel, roots, rng)
        parts.extend(some)
        done, members = done + number, members + size
        sums = np.sum([part.sum(axis=0) for part in parts], axis=0)
        low, high = between(float(sums[-1]), done, runs.level)
        if (high - low) / 2 <= runs.precision * sums[-1] / done:
            break
        fit = max(most // 8 * number // max(size, 1), 16)
        number = min(GROWTH * number, MOST_AT_ONCE, fit)
    ends = [between(float(one), done, level_of(runs)) for one in sums]
    return [
        Estimate(*(float(value) * open_.size for value in (one / done, low, high)))
        for one, (low, high) in zip(sums, ends, strict=True)
    ]


def level_of(runs: Runs) -> float:
    """Of each of two intervals, of which either may be told."""
    return (1 + runs.level) / 2


def between(hits: float, tries: int, level: float) -> tuple[float, float]:
    """The exact interval of a chance that came true `hits` times (Clopper & Pearson 1934).

    Of values from 0 to 1, whose sum `hits` is, none varies more than those that are 0 or 1.
    """
    tail = (1 - level) / 2
    low = float(betaincinv(hits, tries - hits + 1, tail)) if hits > 0 else 0.0
    high = float(betaincinv(hits + 1, tries - hits, 1 - tail)) if hits < tries else 1.0
    return low, high
