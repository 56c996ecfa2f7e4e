"""Whom the word reaches, and when, in many worlds at once: each tie passes it on there, or not.

In: ties, and who has the word first in each world. Out: everybody who gets it, with the hours.
Never: a tie drawn twice in one world, or more ties looked at together than a bound.

Under independent cascade each tie is live by its chance, apart from all others; under linear
threshold each taker keeps at most one of their ties, each with the chance of its weight, which is
the same as a threshold that the weights of those who have the word must reach (Kempe, Kleinberg &
Tardos 2003, "Maximizing the spread of influence through a social network", theorem 2.5).

A person in a world has a key: person × worlds + world. So in rising keys all worlds of a person
come together, and their ties are read once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidValue
from engine.reach.delays import Delay
from engine.reach.graph import Graph, Rows
from engine.reach.sets import live

Array = NDArray[Any]

CASCADE, THRESHOLD = "cascade", "threshold"
MODELS = (CASCADE, THRESHOLD)
TIES_AT_ONCE = 1 << 20
"""So many ties are looked at together; a person with more is looked at alone."""


@dataclass(frozen=True)
class Front:
    """Who has the word since the last step, and in which world; `salt` is that of all worlds."""

    who: Array
    world: Array
    worlds: int
    salt: int

    def part(self, low: int, high: int) -> Front:
        """Those of some places."""
        return replace(self, who=self.who[low:high], world=self.world[low:high])


Draw = Callable[[Front, np.random.Generator], tuple[Array, Array]]
"""From a front to the live ties: whose each is, by place, and its other end."""


@dataclass(frozen=True)
class Ways:
    """Where the word goes on from each of `people`, and how long each step takes.

    Ties that take longer than `until` hours are as good as not there.
    """

    lengths: Array  # (people,) int64: ties of each
    draw: Draw
    delay: Delay | None = None
    until: float = inf

    @property
    def people(self) -> int:
        return self.lengths.size


@dataclass(frozen=True)
class Reached:
    """Who gets the word: keys, rising, and the hours where they are known."""

    keys: Array
    hours: Array | None


def onward(graph: Graph, model: str, people: int) -> Ways:
    """From who has the word to those who take it from them.

    Args:
        graph: who takes whose word.
        model: cascade or threshold.
        people: so many are numbered; those beyond the graph have no ties.
    """
    if _known(model) == CASCADE:
        rows = widened(graph.gives, people)
        return Ways(rows.lengths, lambda front, rng: live(rows, front.who, rng))
    weights, below = weights_of(graph.takes)
    rows = widened(_turned(graph, weights), people)
    begins = _turned(graph, below).chances

    def kept(front: Front, rng: np.random.Generator) -> tuple[Array, Array]:
        place, ties = _ties(rows, front.who)
        others = rows.others[ties]
        # a taker keeps the same tie in a world, whoever asks
        at = _uniform(others * front.worlds + front.world[place], front.salt) - begins[ties]
        hit = (at >= 0) & (at < rows.chances[ties])
        return place[hit], others[hit]

    return Ways(rows.lengths, kept)


def backward(graph: Graph, model: str) -> Ways:
    """From who may get the word to those from whom they take it; each is met once in a world."""
    takes = graph.takes
    if _known(model) == CASCADE:
        return Ways(takes.lengths, lambda front, rng: live(takes, front.who, rng))
    weights, _ = weights_of(takes)
    ends = np.cumsum(weights)
    before = np.concatenate([[0.0], ends])[takes.starts]

    def kept(front: Front, rng: np.random.Generator) -> tuple[Array, Array]:
        spots = before[front.who] + rng.random(front.who.size)
        at = np.searchsorted(ends, spots, side="right")
        hit = np.flatnonzero(at < takes.starts[front.who + 1])
        return hit, takes.others[at[hit]]

    # one draw a person, however many ties they have
    return Ways(np.minimum(takes.lengths, 1), kept)


def timed(ways: Ways, delay: Delay, until: float) -> Ways:
    """The same ways, where each step takes its time."""
    return replace(ways, delay=delay, until=until)


@dataclass(frozen=True)
class Room:
    """A mark and an hour for each key that may be met: none is set, before and after its use.

    Where there is none, keys are looked for among those who were met.
    """

    marks: Array  # bool
    hours: Array  # float64: inf

    @classmethod
    def of(cls, keys: int, *, hours: bool) -> Room:
        """For so many keys, with hours where they are asked for."""
        return cls(np.zeros(keys, bool), np.full(keys if hours else 0, inf))


def reached(
    ways: Ways, first: Array, worlds: int, rng: np.random.Generator, room: Room | None = None
) -> Reached:
    """Everybody who gets the word from those who have it first.

    Args:
        ways: of the word.
        first: keys, rising, none twice.
        worlds: how many there are.
        rng: of live ties and their delays.
        room: for people × worlds keys, where many of them are met.
    """
    front, fronts, steps = first, [first], []
    met = _Met(first) if room is None else _Marked(first, room.marks)
    salt = int(rng.integers(1 << 63))
    while front.size:
        who, world = np.divmod(front, worlds)
        place, others = _next(ways, Front(who, world, worlds, salt), rng)
        keys = others * worlds + world[place]
        if ways.delay is not None:
            hours = ways.delay.draw(keys.size, rng)
            soon = hours <= ways.until
            keys = keys[soon]
            steps.append((front[place[soon]], keys, hours[soon]))
        front = met.new(keys)
        fronts.append(front)
    seen = met.all(fronts)
    if ways.delay is None:
        return Reached(seen, None)
    hours = _earliest(seen, first, steps, room)
    soon = hours <= ways.until
    return Reached(seen[soon], hours[soon])


class _Met:
    """Keys that were met, sorted: for very many worlds of few people each."""

    def __init__(self, first: Array) -> None:
        self._seen = first

    def new(self, keys: Array) -> Array:
        """Those of these that were not met before, rising, each once; now they are met."""
        keys = _once(keys)
        keys = keys[~among(self._seen, keys)]
        self._seen = np.concatenate([self._seen, keys])
        self._seen.sort(kind="stable")  # which merges what is sorted already
        return keys

    def all(self, fronts: list[Array]) -> Array:
        """All that were met, rising."""
        return self._seen


class _Marked:
    """The same by a mark for each key that may be met: for worlds in which many are."""

    def __init__(self, first: Array, marks: Array) -> None:
        self._marks = marks
        marks[first] = True

    def new(self, keys: Array) -> Array:
        keys = _once(keys[~self._marks[keys]])
        self._marks[keys] = True
        return keys

    def all(self, fronts: list[Array]) -> Array:
        seen = np.concatenate(fronts)
        self._marks[seen] = False
        seen.sort(kind="stable")
        return seen


def _next(ways: Ways, front: Front, rng: np.random.Generator) -> tuple[Array, Array]:
    """Live ties of a front: the place of each among the front, and its other end."""
    ends = np.cumsum(ways.lengths[front.who])
    cuts = np.searchsorted(ends, np.arange(TIES_AT_ONCE, ends[-1], TIES_AT_ONCE), side="right")
    borders = [0, *np.unique(cuts[cuts > 0]).tolist(), front.who.size]
    places, others = [], []
    for low, high in pairwise(borders):
        place, other = ways.draw(front.part(low, high), rng)
        places.append(place + low)
        others.append(other.astype(np.int64))
    return np.concatenate(places), np.concatenate(others)


def _earliest(
    seen: Array, first: Array, steps: list[tuple[Array, Array, Array]], room: Room | None
) -> Array:
    """(seen,) hours until each has the word, by the quickest way (Bellman 1958, Ford 1956)."""
    sources, takers, lasted = (
        np.concatenate(part) for part in zip(*steps, (first[:0], first[:0], []), strict=True)
    )
    if room is None:
        room = Room.of(seen.size, hours=True)
        first, sources, takers = (np.searchsorted(seen, of) for of in (first, sources, takers))
        seen = np.arange(seen.size)
    hours, fresh, sooner = room.hours, room.marks, first
    hours[first] = 0
    while sooner.size:
        fresh[sooner] = True
        go = np.flatnonzero(fresh[sources])
        fresh[sooner] = False
        to = takers[go]
        before = hours[to]
        np.minimum.at(hours, to, hours[sources[go]] + lasted[go])
        sooner = to[hours[to] < before]
    found = hours[seen]
    hours[seen] = inf
    return found


def _once(keys: Array) -> Array:
    """The same keys, rising, each once; by sorting, which is faster here than by hashes."""
    keys = np.sort(keys)
    return keys[np.append(True, keys[1:] != keys[:-1])] if keys.size else keys


def among(rising: Array, keys: Array) -> Array:
    """(keys,) whether each is among rising numbers."""
    if not rising.size:
        return np.zeros(keys.size, bool)
    at = np.minimum(np.searchsorted(rising, keys), rising.size - 1)
    found: Array = rising[at] == keys
    return found


def widened(rows: Rows, people: int) -> Rows:
    """The same rows, with empty ones up to so many people."""
    more = people - (rows.starts.size - 1)
    if more <= 0:
        return rows
    starts = np.concatenate([rows.starts, np.full(more, rows.starts[-1])])
    return Rows(starts, rows.others, rows.chances)


def _known(model: str) -> str:
    if model not in MODELS:
        raise InvalidValue("model", f"{model!r} is not known; known: {', '.join(MODELS)}")
    return model


def weights_of(takes: Rows) -> tuple[Array, Array]:
    """(ties,) weights, of which a taker's sum to at most 1; and the sum of those before each."""
    chances = takes.chances.astype(np.float64)
    ends = np.cumsum(chances)
    sums = np.diff(np.concatenate([[0.0], ends])[takes.starts])
    taker = np.repeat(np.arange(takes.lengths.size), takes.lengths)
    weights = chances / np.maximum(sums, 1)[taker]
    ends = np.cumsum(weights)
    starts = np.concatenate([[0.0], ends])[takes.starts]
    return weights, np.maximum(ends - weights - starts[taker], 0)


def _turned(graph: Graph, values: Array) -> Rows:
    """Values of ties by who is followed, in place of their chances."""
    takes = graph.takes
    return Graph(graph.users, Rows(takes.starts, takes.others, values)).gives


def _ties(rows: Rows, who: Array) -> tuple[Array, Array]:
    """All ties of these people, with the place of whose each is."""
    lengths = rows.lengths[who]
    place = np.repeat(np.arange(who.size), lengths)
    before = np.cumsum(lengths) - lengths
    return place, np.arange(place.size) - before[place] + rows.starts[who][place]


def _uniform(keys: Array, salt: int) -> Array:
    """(keys,) numbers from 0 to below 1, always the same of a key (splitmix64: Steele et al. 2014).

    So what a taker keeps in a world needs no memory.
    """
    mixed = (keys.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= np.uint64(salt)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53
