"""How far a word goes that some people say: simulated many times, all times at once.

In: a graph, who starts, how word travels. Out: how many people are reached, with an interval, and
by when. Never: somebody counted twice, or who merely saw what was passed on.

Reached is who started or was touched, or took the word up from somebody and so passes it on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.reach.estimates import Estimate, estimate
from engine.reach.graph import Graph
from engine.reach.seldom import Doubt, held
from engine.reach.travel import HELD, Runs, Starters, Tick, Travel, check, check_chances
from engine.reach.worlds import Reached, Room, Ways, among, onward, reached, timed

Array = NDArray[Any]

__all__ = ["Runs", "Spread", "Starters", "Tick", "Travel", "check", "check_chances", "spread"]

MARKS = 1 << 23
"""Marks of people in worlds; of more people, fewer worlds are looked at together."""
SELDOM = 512
"""Where fewer than one in so many people are met, worlds have no marks but sorted keys."""
FEW_AT_FIRST = 64
MANY = 1 << 22
"""Once so many people were followed, fewer runs than the first ones may do."""
STREAM = 62


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
    doubt = Doubt(graph, starters, travel)
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
        many = followed >= MANY
        # few runs in which something happened tell neither the mean nor how far off it may be
        enough = (done >= runs.first and (many or not doubt.remains(found[:, -1]))) or (
            done >= FEW_AT_FIRST and many
        )
        if done >= runs.most or (enough and width <= runs.precision):
            break
        seldom = size * SELDOM < number * people
        fit = min(most if seldom else marked, max(1, HELD * number // size), 4 * number)
        number = min(fit, runs.most - done, max(runs.first - done, done))
    return _told(found, held(doubt, runs, found), runs.level)


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


def _told(found: Array, means: tuple[Estimate, ...], level: float) -> Spread:
    """What the runs (rows of `_tried`) come to, with what is expected of their columns."""
    ends = found[:, -2]
    low, high = np.quantile(ends, [(1 - level) / 2, (1 + level) / 2])
    return Spread(
        reach=means[-2],
        earned=means[-1],
        low=float(low),
        high=float(high),
        deviation=float(ends.std(ddof=1)) if ends.size > 1 else 0.0,
        runs=ends.size,
        curve=means[:-2],
    )
