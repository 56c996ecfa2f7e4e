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

HELD = 1 << 22
"""Members of sets that are followed at once; so many sets as hold them, by those drawn before."""
MOST_AT_ONCE = 8192
FEW = 24
"""Up to so many ties it is faster to ask each whether it is live than to draw the live ones."""
RARE = 4.0
"""Beyond so many live ties on average, too many draws would meet one twice."""


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
    size, at_once, first = len(graph), 256, 0
    lengths, members = [np.empty(0, np.int64)], [np.empty(0, np.int32)]
    while first < listeners.size:
        some = listeners[first : first + at_once]
        found, people = np.divmod(_reached(graph, some, rng), size)
        lengths.append(np.bincount(found, minlength=some.size))
        members.append(people.astype(np.int32))
        first += some.size
        at_once = int(np.clip(HELD * some.size // people.size, 16, MOST_AT_ONCE))
    starts = np.concatenate([[0], np.cumsum(np.concatenate(lengths))])
    return Sets(starts, np.concatenate(members), listeners)


def _reached(graph: Graph, listeners: Array, rng: np.random.Generator) -> Array:
    """Keys (set × people + person) of everybody in the sets of these listeners, sorted."""
    size = len(graph)
    front = np.arange(listeners.size) * size + listeners
    seen = front
    while front.size:
        sets, people = np.divmod(front, size)
        entry, sources = live(graph.takes, people, rng)
        keys = sets[entry] * size + sources
        keys.sort()
        keys = keys[np.append(True, keys[1:] != keys[:-1])] if keys.size else keys
        at = np.searchsorted(seen, keys)
        front = keys[seen[np.minimum(at, seen.size - 1)] != keys]
        if front.size:
            seen = np.concatenate([seen, front])
            seen.sort(kind="stable")  # which merges what is sorted already
    return seen


def live(rows: Rows, people: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Live ties of people, each by its own chance and apart from all others.

    Returns:
        For each live tie the place among `people` whose it is, and who is at its other end.
    """
    lengths, even = rows.lengths[people], rows.even[people]
    drawn = (lengths > FEW) & (even * lengths < RARE)  # NaN is not below
    each = np.flatnonzero(~drawn & (lengths > 0))
    entry, ties = _spread_out(rows.starts[people[each]], lengths[each])
    hit = rng.random(ties.size, np.float32) < rows.chances[ties]
    found = [(each[entry[hit]], ties[hit])]
    many = np.flatnonzero(drawn)
    if many.size:
        found.append(_drawn(rows.starts[people[many]], lengths[many], even[many], many, rng))
    places = np.concatenate([place for place, _ in found])
    return places, rows.others[np.concatenate([tie for _, tie in found])]


def _spread_out(first: Array, lengths: Array) -> tuple[Array, Array]:
    """All numbers of the ranges that begin at `first`, with the place of their range."""
    entry = np.repeat(np.arange(first.size), lengths)
    before = np.cumsum(lengths) - lengths
    return entry, np.arange(entry.size) - before[entry] + first[entry]


def _drawn(
    first: Array, lengths: Array, chances: Array, places: Array, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Live ties where all of a person are equally likely: how many, then which, none twice.

    Where one was drawn twice all of that person are drawn again, so every choice stays as likely.
    """
    number = rng.binomial(lengths, chances.astype(np.float64))
    left = np.flatnonzero(number)
    found_places, found_ties = [places[:0]], [first[:0]]
    while left.size:
        entry, _ = _spread_out(np.zeros(left.size, np.int64), number[left])
        chosen = (rng.random(entry.size) * lengths[left][entry]).astype(np.int64)
        ties = first[left][entry] + chosen
        order = np.lexsort((ties, entry))
        ties = ties[order]
        twice = np.zeros(left.size, bool)
        same = (ties[1:] == ties[:-1]) & (entry[1:] == entry[:-1])
        twice[entry[1:][same]] = True
        good = ~twice[entry]
        found_places.append(places[left][entry[good]])
        found_ties.append(ties[good])
        left = left[twice]
    return np.concatenate(found_places), np.concatenate(found_ties)
