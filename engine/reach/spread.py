"""How far a word goes that some people say: simulated many times, all times at once.

In: a graph, who starts, how word travels. Out: how many people are reached, with an interval, and
by when. Never: somebody counted twice, or who merely saw what was passed on.

Reached is who started or was touched, or took the word up from somebody and so passes it on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidValue, counted
from engine.reach.delays import Delay
from engine.reach.estimates import Estimate, estimate
from engine.reach.graph import Graph
from engine.reach.worlds import CASCADE, Reached, Room, Ways, among, onward, reached, timed

Array = NDArray[Any]
Tick = Callable[[int, float], None]

HELD = 1 << 19
"""People reached, and starters tossed, in all worlds that are looked at together."""
MARKS = 1 << 23
"""Marks of people in worlds; of more people, fewer worlds are looked at together."""
SELDOM = 512
"""Where fewer than one in so many people are met, worlds have no marks but sorted keys."""
FEW_AT_FIRST = 64
MANY = 1 << 22
"""Once so many people were followed, fewer runs than the first ones may do."""
STREAM = 62


@dataclass(frozen=True)
class Starters:
    """Who may have the word first: rows of people, each once; touched, and then taking it up.

    Who is touched is reached; only who also takes it up passes it on. Rows from the size of the
    graph on are people without ties.

    Attributes:
        rows: (starters,) int64.
        touched: (starters,) the chance of each to be touched, apart from all others; 1 where None.
        takes: (starters,) the chance of each, once touched, to take it up; 1 where None.
    """

    rows: Array
    touched: Array | None = None
    takes: Array | None = None


@dataclass(frozen=True)
class Travel:
    """How the word goes on: by which model, and in what time.

    Attributes:
        model: cascade or threshold.
        delay: of each step; None: it is not asked by when.
        hours: rising, above 0: the moments of the curve.
        whole: whether the last hour is not the end, and what comes later counts too.
    """

    model: str = CASCADE
    delay: Delay | None = None
    hours: tuple[float, ...] = ()
    whole: bool = True

    def __post_init__(self) -> None:
        """Raises InvalidValue: hours that are no moments, or without a delay."""
        wrong = [hour for hour in self.hours if not (isfinite(hour) and hour > 0)]
        if wrong:
            raise InvalidValue("horizon", f"{wrong[0]:g} hours is not above 0")
        if list(self.hours) != sorted(set(self.hours)):
            raise InvalidValue("hours", "must rise")
        if (self.hours or not self.whole) and (self.delay is None or not self.hours):
            raise InvalidValue("hours", "need a delay, and an end needs hours")

    @property
    def until(self) -> float:
        """Hours after which nothing counts."""
        return inf if self.whole else self.hours[-1]


@dataclass(frozen=True)
class Runs:
    """At least `first` runs, at most `most`; until the interval's half is `precision` of the mean.

    Where the word goes very far, fewer runs than the first ones may do.
    `level` is the confidence of intervals, and the part of all runs between `low` and `high`.
    """

    first: int
    most: int
    precision: float
    level: float
    seed: int = 0


@dataclass(frozen=True)
class Spread:
    """People reached, those among them who were not touched, and what single runs came to.

    `reach` and `earned` hold the expected number; between `low` and `high` lies the share `level`
    of all runs, whose standard deviation is `deviation`. `curve` is the reach by each hour.
    """

    reach: Estimate
    earned: Estimate
    low: float
    high: float
    deviation: float
    runs: int
    curve: tuple[Estimate, ...]


def spread(
    graph: Graph,
    starters: Starters,
    travel: Travel,
    runs: Runs,
    tick: Tick = lambda runs, width: None,
) -> Spread:
    """How many people the word of some reaches, in how many hours.

    Args:
        graph: who takes whose word.
        starters: who has it first.
        travel: how it goes on.
        runs: how often it is tried.
        tick: told the runs so far, and half of the interval as part of the mean.

    Raises:
        InvalidValue: nobody starts, a starter is there twice, or a chance is none.
    """
    check(starters)
    rng = np.random.default_rng([runs.seed, STREAM])
    people = max(len(graph), int(starters.rows.max()) + 1)
    ways = onward(graph, travel.model, people)
    if travel.delay is not None and travel.hours:
        ways = timed(ways, travel.delay, travel.until)
    most = min(runs.most, max(1, HELD // starters.rows.size))
    marked = min(most, max(1, MARKS // people))
    room = Room.of(marked * people, hours=ways.delay is not None)
    number, seldom = min(FEW_AT_FIRST, marked), False
    done, followed, parts = 0, 0, []
    while True:
        part, size = _tried(ways, starters, travel, (number, None if seldom else room), rng)
        parts.append(part)
        done, followed = done + number, followed + size
        found = np.concatenate(parts)
        whole = estimate(found[:, -2], runs.level)
        width = whole.half_width / whole.mean if whole.mean else 0.0
        tick(done, width)
        enough = done >= runs.first or (done >= FEW_AT_FIRST and followed >= MANY)
        if done >= runs.most or (enough and width <= runs.precision):
            break
        seldom = size * SELDOM < number * people
        fit = min(most if seldom else marked, max(1, HELD * number // size), 4 * number)
        number = min(fit, runs.most - done, max(runs.first - done, done))
    return _told(found, runs.level)


def check(starters: Starters) -> None:
    """Raises InvalidValue: nobody starts, a starter is there twice, or a chance is none."""
    size = starters.rows.size
    if not size:
        raise InvalidValue("starters", "are nobody; name at least one")
    if np.unique(starters.rows).size < size or starters.rows.min() < 0:
        raise InvalidValue("starters", "hold somebody twice, or who is not there")
    for name, values in (("touched", starters.touched), ("takes", starters.takes)):
        if values is not None:
            check_chances(name, values, size)


def check_chances(name: str, values: Array, size: int) -> None:
    """Raises InvalidValue: there are not so many, or some are no numbers from 0 to 1."""
    if values.shape != (size,):
        raise InvalidValue(name, f"are {values.size:,} chances for {size:,} people")
    wrong = int((~((values >= 0) & (values <= 1))).sum())  # NaN is neither
    if wrong:
        verb = "is" if wrong == 1 else "are"
        raise InvalidValue(name, f"{counted(wrong, 'chance')} of {size:,} {verb} not from 0 to 1")


def _tried(
    ways: Ways,
    starters: Starters,
    travel: Travel,
    where: tuple[int, Room | None],
    rng: np.random.Generator,
) -> tuple[Array, int]:
    """(runs, hours + 2): reached by each hour, at the end, by word alone; and how many keys."""
    worlds, room = where
    order = np.argsort(starters.rows)
    touched = _tossed(starters.touched, order, worlds, rng)
    takes = touched & _tossed(starters.takes, order, worlds, rng)
    keys = starters.rows[order][:, None] * worlds + np.arange(worlds)
    found = reached(ways, keys[takes], worlds, rng, room)
    if starters.takes is not None:
        found = _also(found, keys[touched])
    reach = _by_hour(found, travel, worlds)
    alone = reach[:, -1] - touched.sum(axis=0)
    return np.column_stack([reach, alone]), max(found.keys.size, 1)


def _also(found: Reached, touched: Array) -> Reached:
    """With those who were touched: at once, whether they took it up, will do later, or never."""
    met = among(found.keys, touched)
    keys = np.concatenate([found.keys, touched[~met]])
    if found.hours is None:
        return Reached(keys, None)
    hours = np.concatenate([found.hours, np.zeros(keys.size - found.keys.size)])
    hours[np.searchsorted(found.keys, touched[met])] = 0
    return Reached(keys, hours)


def _tossed(chances: Array | None, order: Array, worlds: int, rng: np.random.Generator) -> Array:
    """(starters, worlds)."""
    if chances is None:
        return np.ones((order.size, worlds), bool)
    found: Array = rng.random((order.size, worlds)) < chances[order][:, None]
    return found


def _by_hour(found: Reached, travel: Travel, worlds: int) -> Array:
    """(worlds, hours + 1): people by each hour, and in all."""
    world = found.keys % worlds
    if found.hours is None:
        return np.bincount(world, minlength=worlds)[:, None]
    columns = len(travel.hours) + 1
    at = world * columns + np.searchsorted(travel.hours, found.hours)
    table = np.bincount(at, minlength=worlds * columns).reshape(worlds, columns)
    return np.cumsum(table, axis=1)


def _told(found: Array, level: float) -> Spread:
    """What the runs (rows of `_tried`) come to."""
    ends = found[:, -2]
    low, high = np.quantile(ends, [(1 - level) / 2, (1 + level) / 2])
    return Spread(
        reach=estimate(ends, level),
        earned=estimate(found[:, -1], level),
        low=float(low),
        high=float(high),
        deviation=float(ends.std(ddof=1)) if ends.size > 1 else 0.0,
        runs=ends.size,
        curve=tuple(estimate(column, level) for column in found.T[:-2]),
    )
