"""Paid and earned reach together, each person counted once: exactly, over reverse-reachable sets.

In: a graph, whom ads touch, who then takes the word up. Out: people reached by ads, by word alone,
and in all, with intervals, by when; and what one more touch earns. Never: a person counted twice,
or who merely saw what somebody passed on.

Reached is who was touched by an ad, or took the word up from somebody. Where ads touch each person
v with chance q, apart from all others, and who is touched takes the word up with chance a, the root
of a set is reached unless no ad touched it and nobody else in its set took the word up:

    P(root reached) = 1 - (1 - q_root) * prod over v in set, v != root, of (1 - q_v a_v)

which leaves only the sets to chance (after Borgs, Brautbar, Chayes & Lucier 2014).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidValue
from engine.reach.estimates import Estimate, estimate
from engine.reach.graph import Graph
from engine.reach.sets import Sets, draw_sets
from engine.reach.travel import HELD, Runs, Tick, Travel, check_chances
from engine.reach.worlds import CASCADE, Ways, backward, reached, timed

Array = NDArray[Any]

STREAM = 63
SETS_AT_ONCE = 1 << 13


@dataclass(frozen=True)
class Touch:
    """Whom ads touch, and who then takes the word up.

    Attributes:
        touched: (people,) the chance of each that an ad touches them; 0 for who may not be touched.
        takes: (people,) the chance of each that, once touched, they take the word up.
        beyond: people that ads touch who have no ties, and so are not among these.
    """

    touched: Array
    takes: Array
    beyond: float = 0.0

    @property
    def starts(self) -> Array:
        """(people,) the chance of each to have the word first."""
        found: Array = self.touched * self.takes
        return found


@dataclass(frozen=True)
class Earned:
    """People that ads reach, those whom word alone reaches, and all; `curve` is of all by hours."""

    paid: float
    earned: Estimate
    together: Estimate
    curve: tuple[Estimate, ...]
    sets: int


def earned(
    graph: Graph, touch: Touch, travel: Travel, sets: Runs, tick: Tick = lambda sets, width: None
) -> Earned:
    """Reach of ads and of the word of those whom they touch, each person once.

    Sets are drawn until half of the interval of what is earned is as small a part of it as wished.
    What ads are expected to touch is known without chance, and they touch at hour 0.

    Args:
        graph: who takes whose word.
        touch: whom ads touch; (people,) of the graph.
        travel: how the word goes on.
        sets: how many are drawn, and how sure the intervals are.
        tick: told the sets so far, and half of the interval as part of what is earned.

    Raises:
        InvalidValue: a chance is none, or nobody is touched.
    """
    paid = _paid(graph, touch)
    carried = bool((touch.starts[graph.gives.lengths > 0] > 0).any())
    rng = np.random.default_rng([sets.seed, STREAM])
    parts: list[Array] = []
    done, number = 0, sets.first
    while True:
        roots = rng.integers(0, len(graph), number)
        parts.extend(told_by_word(graph, touch, travel, roots, rng)[0])
        done += number
        found = np.concatenate(parts) * len(graph)
        word = estimate(found[:, -1], sets.level)
        width = word.half_width / word.mean if word.mean else 0.0
        tick(done, width)
        # that no set met a starter is no proof that nobody hears of it, unless nobody can
        known = width <= sets.precision if word.mean else not carried
        if known or done >= sets.most:
            break
        number = min(done, sets.most - done)
    curve = tuple(estimate(column, sets.level).moved(paid) for column in found.T[:-1])
    return Earned(paid, word, word.moved(paid), curve, done)


def _paid(graph: Graph, touch: Touch) -> float:
    check_chances("touched", touch.touched, len(graph))
    check_chances("takes", touch.takes, len(graph))
    paid = float(touch.touched.sum()) + touch.beyond
    if not paid > 0:
        raise InvalidValue("paid", "touches nobody")
    return paid


def drawn(graph: Graph, travel: Travel, number: int, rng: np.random.Generator) -> Sets:
    """So many sets of roots drawn evenly from all people, of those whose word comes in time."""
    roots = rng.integers(0, len(graph), number)
    if travel.whole and travel.model == CASCADE:
        return draw_sets(graph, roots, rng)
    ways = backward(graph, travel.model)
    if not travel.whole and travel.delay is not None:
        ways = timed(ways, travel.delay, travel.until)
    parts, at, at_once = [], 0, min(256, SETS_AT_ONCE)
    while at < number:
        some = roots[at : at + at_once]
        keys = reached(ways, _keys(some), some.size, rng).keys
        members, entry = np.divmod(keys, some.size)
        order = np.argsort(entry, kind="stable")
        starts = np.concatenate([[0], np.cumsum(np.bincount(entry, minlength=some.size))])
        parts.append(Sets(starts, members[order].astype(np.int32), some))
        at += some.size
        at_once = int(np.clip(HELD * some.size // keys.size, 16, SETS_AT_ONCE))
    return reduce(Sets.joined, parts)


def by_word(sets: Sets, touch: Touch) -> Array:
    """(sets,) the chance that each root is reached by the word of others alone, ads aside.

    What is earned is `len(graph) * mean((1 - touched[roots]) * by_word)`, of roots drawn evenly.
    """
    return 1 - _silent(sets, touch).all_others


def earned_per_touch(sets: Sets, touch: Touch) -> Array:
    """(people,) what the word of each earns if they are touched for sure, were they not before.

    That is people besides themselves who are reached neither by ads nor by the word of others: the
    derivative of what is earned by their own touch, without their own place in it.

    Args:
        sets: of roots drawn evenly from all people.
        touch: whom ads touch besides.
    """
    worth, _ = _worth(sets, touch)
    size = touch.touched.size
    found: Array = np.bincount(sets.members, worth, size) * (size / len(sets))
    return found


def earned_by_group(sets: Sets, touch: Touch, rows: Array, level: float) -> Estimate:
    """What one more touch earns, of somebody of a group who was not touched, as on average.

    Args:
        sets: of roots drawn evenly from all people.
        touch: whom ads touch besides.
        rows: of the group, in any order, none twice.
        level: of the interval.
    """
    size = touch.touched.size
    open_ = np.zeros(size)
    open_[rows] = 1 - touch.touched[rows]
    if not open_.sum() > 0:
        return Estimate(0.0, 0.0, 0.0)
    worth, entry = _worth(sets, touch)
    each = np.bincount(entry, worth * open_[sets.members], len(sets))
    return estimate(each * (size / open_.sum()), level)


@dataclass(frozen=True)
class _Silence:
    """Chances that nobody of a set took the word up, its root aside."""

    entry: Array  # (members,) the set of each
    logs: Array  # (members,) logarithm that each did not; 0 for roots and for who surely did
    sure: Array  # (members,) who surely did
    all_others: Array  # (sets,)


def _silent(sets: Sets, touch: Touch) -> _Silence:
    entry = np.repeat(np.arange(len(sets)), np.diff(sets.starts))
    starts = touch.starts[sets.members]
    starts[sets.members == sets.roots[entry]] = 0
    sure = starts >= 1
    # the logarithm of nothing cannot be taken away again
    logs = np.log1p(-np.where(sure, 0, starts))
    none = np.bincount(entry, sure, len(sets)) == 0
    return _Silence(entry, logs, sure, np.exp(np.bincount(entry, logs, len(sets))) * none)


def _worth(sets: Sets, touch: Touch) -> tuple[Array, Array]:
    """(members,) what a sure touch of each adds to the chance of their root; and their sets."""
    quiet = _silent(sets, touch)
    entry, size = quiet.entry, len(sets)
    roots = sets.roots[entry]
    logs = np.bincount(entry, quiet.logs, size)[entry] - quiet.logs
    others = np.bincount(entry, quiet.sure, size)[entry] - quiet.sure
    found = np.exp(logs) * (others == 0) * touch.takes[sets.members]
    return found * (1 - touch.touched[roots]) * (sets.members != roots), entry


def told_by_word(
    graph: Graph, touch: Touch, travel: Travel, roots: Array, rng: np.random.Generator
) -> tuple[list[Array], int]:
    """(sets, hours + 1): whether word alone reaches each root, by each hour and at the end.

    Returns:
        These in parts, and how many people are in the sets that were drawn for it.
    """
    if not travel.hours and travel.model == CASCADE:
        sets = draw_sets(graph, roots, rng)
        return [((1 - touch.touched[roots]) * by_word(sets, touch))[:, None]], sets.members.size
    ways = backward(graph, travel.model)
    if travel.hours and travel.delay is not None:
        ways = timed(ways, travel.delay, travel.until)
    parts, at, at_once, members = [], 0, min(256, SETS_AT_ONCE), 0
    while at < roots.size:
        some = roots[at : at + at_once]
        part, held = _in_time(ways, touch, travel, some, rng)
        parts.append(part)
        at, members = at + some.size, members + held
        at_once = int(np.clip(HELD * some.size // max(held, 1), 16, SETS_AT_ONCE))
    return parts, members


def _in_time(
    ways: Ways, touch: Touch, travel: Travel, roots: Array, rng: np.random.Generator
) -> tuple[Array, int]:
    found = reached(ways, _keys(roots), roots.size, rng)
    members, entry = np.divmod(found.keys, roots.size)
    starts = touch.starts[members]
    starts[members == roots[entry]] = 0
    columns = len(travel.hours) + 1
    at = entry * columns
    if found.hours is not None:
        at += np.searchsorted(travel.hours, found.hours)
    with np.errstate(divide="ignore"):
        logs = np.bincount(at, np.log1p(-starts), roots.size * columns)
    silent = np.exp(np.cumsum(logs.reshape(roots.size, columns), axis=1))
    return (1 - touch.touched[roots])[:, None] * (1 - silent), found.keys.size


def _keys(roots: Array) -> Array:
    """Of each root in a world of its own, rising."""
    return np.sort(roots * roots.size + np.arange(roots.size))
