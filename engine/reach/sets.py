"""Who could have brought the word to somebody: reverse-reachable sets, many at once.

In: a graph, and how much each person's hearing of it counts. Out: sets of people, each drawn for
one random listener. Never: a live tie drawn twice, which would make the word seem to travel less.

A set holds everybody from whom a live path leads to its listener, where each tie is live by its
chance. How many sets a group of people meets estimates how many listeners its word reaches (Borgs,
Brautbar, Chayes & Lucier 2014).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.reach.graph import Graph, Rows

Array = NDArray[Any]

HELD = 1 << 21
"""Members of sets that are followed at once; so many sets as hold them, by those drawn before."""
FIRST_AT_ONCE, GROWTH, MOST_AT_ONCE = 16, 8, 8192
MARKS = 22
"""Bits of the marks of keys: of a block's usual members, few share one."""
MERGED = 8
"""New keys are merged with the old ones once they are so large a part of them."""


@dataclass(frozen=True)
class Sets:
    """Sets in compressed rows: `members[starts[i]:starts[i + 1]]` are people by their rows."""

    starts: Array  # (sets + 1,) int64
    members: Array  # int32
    roots: Array  # (sets,) int64: the listener of each

    def __len__(self) -> int:
        return self.roots.size

    def joined(self, other: Sets) -> Sets:
        """These and then those."""
        return Sets(
            np.concatenate([self.starts, other.starts[1:] + self.starts[-1]]),
            np.concatenate([self.members, other.members]),
            np.concatenate([self.roots, other.roots]),
        )


def draw_sets(graph: Graph, listeners: Array, rng: np.random.Generator) -> Sets:
    """The set of each listener, in their order.

    Args:
        graph: who takes whose word.
        listeners: (sets,) rows of people; the same may be there several times.
        rng: of the live ties.
    """
    size, at_once, first = len(graph), FIRST_AT_ONCE, 0
    lengths, members = [np.empty(0, np.int64)], [np.empty(0, np.int32)]
    while first < listeners.size:
        some = listeners[first : first + at_once]
        found, people = np.divmod(_reached(graph, some, rng), size)
        lengths.append(np.bincount(found, minlength=some.size))
        members.append(people.astype(np.int32))
        first += some.size
        fitting = HELD * some.size // people.size
        at_once = int(np.clip(fitting, 1, min(GROWTH * some.size, MOST_AT_ONCE)))
    starts = np.concatenate([[0], np.cumsum(np.concatenate(lengths))])
    return Sets(starts, np.concatenate(members), listeners)


def _reached(graph: Graph, listeners: Array, rng: np.random.Generator) -> Array:
    """Keys (set × people + person) of everybody in the sets of these listeners, sorted."""
    size = len(graph)
    front = np.arange(listeners.size) * size + listeners
    seen = _Seen(front)
    while front.size:
        sets, people = np.divmod(front, size)
        entry, ties = _hit(graph.takes, people, rng)
        front = seen.new(sets[entry] * size + graph.takes.others[ties])
    return seen.all()


class _Seen:
    """Keys that were met: most new ones are told by a mark that nobody has set yet.

    Where a mark is set, by the key or by another of the same hash, the key is looked for among all.
    """

    def __init__(self, keys: Array) -> None:
        self._marks = np.zeros(1 << MARKS, np.bool_)
        self._marks[_hashed(keys)] = True
        self._old, self._late = keys, keys[:0]

    def new(self, keys: Array) -> Array:
        """Those of these keys that were not met before, each once, sorted; now they are met."""
        keys.sort()
        keys = keys[_first(keys)]
        marks = _hashed(keys)
        doubted = np.flatnonzero(self._marks[marks])
        some = keys[doubted]
        met = _is_among(self._old, some) | _is_among(self._late, some)
        fresh = np.ones(keys.size, np.bool_)
        fresh[doubted[met]] = False
        keys = keys[fresh]
        self._marks[marks[fresh]] = True
        self._late = _merged(self._late, keys)
        if MERGED * self._late.size > self._old.size:
            self._old, self._late = self.all(), keys[:0]
        return keys

    def all(self) -> Array:
        """All keys that were met, sorted."""
        return _merged(self._old, self._late)


def _hashed(keys: Array) -> Array:
    """A number of few bits for each key, by multiplication (Fibonacci hashing, Knuth 1973)."""
    return (keys.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - MARKS)


def _first(ordered: Array) -> Array:
    """Whether each is the first of its value."""
    return np.append(True, ordered[1:] != ordered[:-1])[: ordered.size]


def _is_among(ordered: Array, keys: Array) -> Array:
    if not ordered.size:
        return np.zeros(keys.size, np.bool_)
    found: Array = ordered[np.minimum(np.searchsorted(ordered, keys), ordered.size - 1)] == keys
    return found


def _merged(one: Array, other: Array) -> Array:
    both = np.concatenate([one, other])
    both.sort(kind="stable")  # which merges what is sorted already
    return both


def live(rows: Rows, people: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Live ties of people, each by its own chance and apart from all others.

    Returns:
        For each live tie the place among `people` whose it is, and who is at its other end.
    """
    entry, ties = _hit(rows, people, rng)
    keys = entry * rows.others.size + ties
    keys.sort()
    entry, ties = np.divmod(keys[_first(keys)], rows.others.size)
    return entry, rows.others[ties]


def _hit(rows: Rows, people: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Live ties of people by the place of each; a tie may be told twice, which means nothing.

    Hits fall on a person's ties as a Poisson process does, on each at the rate −log(1 − chance):
    so a tie is not hit with probability 1 − chance, whatever befalls the others. That costs a draw
    for each live tie rather than for each tie. Where most are live, each tie is asked instead.
    """
    hits = rows.hits[people]
    each = np.flatnonzero(np.isnan(hits))
    hits[each] = 0
    number = rng.poisson(hits)
    entry = np.repeat(np.arange(people.size), number)
    ties = _struck(rows, np.repeat(people, number), rng)
    if not each.size:
        return entry, ties
    asked, places = _spread_out(rows.starts[people[each]], rows.lengths[people[each]])
    yes = rng.random(places.size, np.float32) < rows.chances[places]
    return np.concatenate([entry, each[asked[yes]]]), np.concatenate([ties, places[yes]])


def _struck(rows: Rows, people: Array, rng: np.random.Generator) -> Array:
    """A tie of each of these people, each as likely as its rate of hits is large."""
    first, after = rows.starts[people], rows.starts[people + 1]
    where = rng.random(people.size)
    ties = first + (where * (after - first)).astype(np.int64)
    uneven = np.flatnonzero(np.isnan(rows.even[people])) if rows.is_uneven else ties[:0]
    if uneven.size:
        sums, some = rows.sums, people[uneven]
        spots = sums[first[uneven]] + where[uneven] * rows.hits[some]
        ties[uneven] = np.searchsorted(sums, spots, side="right") - 1
    kept: Array = np.clip(ties, first, after - 1)  # where rounding goes beyond a person's ties
    return kept


def _spread_out(first: Array, lengths: Array) -> tuple[Array, Array]:
    """All numbers of the ranges that begin at `first`, with the place of their range."""
    entry = np.repeat(np.arange(first.size), lengths)
    before = np.cumsum(lengths) - lengths
    return entry, np.arange(entry.size) - before[entry] + first[entry]
