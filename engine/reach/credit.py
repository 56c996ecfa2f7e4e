"""Who could have been the source: what is passed on is put down to those who said it before.

In: ties, and acts on objects. Out: for each tie what is put down to it, and how many things could
have been passed on over it. Never: more credit for one act than one, or for what came first.

After Goyal, Bonchi & Lakshmanan (2010, "Learning influence probabilities in social networks"; 2011,
"A data-based approach to social influence maximization"), with credit that fades with the delay.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.reach.graph import Rows

Array = NDArray[Any]

AT_ONCE = 1 << 22
"""Objects that are looked for at once."""
ROUNDS = 2
"""How often credit is parted anew; more would follow chance."""
FEW = 1.0
"""So many acts of a tie are as usual before its own count."""


@dataclass(frozen=True)
class Done:
    """What each did first with each object: one row a person and object, sorted by both.

    Attributes:
        people: (acts,) int32 rows of people.
        objects: (acts,) int32 numbers of objects.
        at: (acts,) float64 days; NaN where nobody knows when.
        good: (acts,) whether it speaks for the object, or at least not against it.
        weights: (acts,) float32, how much it counts, less the longer ago.
        named: (acts,) whether its source is known, so that none is looked for.
    """

    people: Array
    objects: Array
    at: Array
    good: Array
    weights: Array
    named: Array

    @cached_property
    def keys(self) -> Array:
        """(acts,) int64, rising: person and object as one number."""
        return self.people.astype(np.int64) * self.width + self.objects

    @cached_property
    def width(self) -> int:
        return int(self.objects.max(initial=0)) + 1


@dataclass(frozen=True)
class Credit:
    """What is put down to each tie, and what could have been: three (ties,) float64 columns.

    `ties`, `acts` and `shares` are the same by act: to which tie, of what is done, how much.
    """

    good: Array
    bad: Array
    trials: Array
    ties: Array
    acts: Array
    shares: Array


def divided(takes: Rows, done: Done, *, delays: float) -> Credit:
    """Divides each act among those whom its doer follows and who did the same before.

    All of an act's sources together have `min(1, Σ w)`, where `w` halves with so many usual
    `delays` between the two, and is 1 where the order is not known or both came at one moment: each
    could have been. So an act gives one credit at most, and less where all sources are long past.
    The usual delay is the median of those to the latest source, as the data have it.
    It is parted first by `w`, then anew by `w` and how often the follower passed on what that
    source did (as in expectation and maximisation: Saito, Nakano & Kimura 2008, "Prediction of
    information diffusion probabilities for independent cascade model").

    An act against an object is passed on from acts against it only. Trials of a tie are what its
    source did, without what the follower had done before.
    """
    people = takes.starts.size - 1
    first = np.searchsorted(done.people, np.arange(people + 1))
    said = np.bincount(done.people, weights=done.weights, minlength=people)
    trials = said[takes.others]
    found: list[tuple[Array, Array, Array]] = []
    if not done.people.size:
        return Credit(trials, trials, trials, done.objects, done.objects, trials[:0])
    for ties, mine, theirs in _shared(takes, done, first):
        delay = done.at[mine] - done.at[theirs]
        trials -= np.bincount(ties, done.weights[theirs] * (delay < 0), takes.others.size)
        could = ~(delay < 0) & (done.good[mine] == done.good[theirs]) & ~done.named[mine]
        found.append((ties[could], mine[could], np.nan_to_num(delay[could])))
    ties, mine, delay = (np.concatenate(part) for part in zip(*found, strict=True))
    weight = np.exp2(-delay / (delays * _usual_delay(mine, delay)))
    whole = done.weights * np.minimum(1, np.bincount(mine, weight, done.people.size))
    trials = np.maximum(trials, 0)
    share = _parted(weight, mine, whole)
    for _ in range(ROUNDS):
        credit = np.bincount(ties, share, trials.size)
        often = (credit + FEW * credit.sum() / max(trials.sum(), FEW)) / (trials + FEW)
        share = _parted(weight * often[ties], mine, whole)
    good = done.good[mine]
    return Credit(
        np.bincount(ties[good], share[good], takes.others.size),
        np.bincount(ties[~good], share[~good], takes.others.size),
        trials,
        ties,
        mine,
        share,
    )


def _usual_delay(acts: Array, delay: Array) -> float:
    """Days: the median, over acts, of the delay to the latest source, where that is known."""
    known = delay > 0
    if not known.any():
        return 1.0
    soonest = np.full(int(acts.max()) + 1, np.inf)
    np.minimum.at(soonest, acts[known], delay[known])
    return float(np.median(soonest[np.isfinite(soonest)]))


def _parted(weight: Array, acts: Array, whole: Array) -> Array:
    """What each source has of its act: `whole[act]`, parted by these weights."""
    return weight * (whole / np.maximum(np.bincount(acts, weight, whole.size), 1e-300))[acts]


def _shared(takes: Rows, done: Done, first: Array) -> Iterator[tuple[Array, Array, Array]]:
    """Ties, and the acts of both ends on the same object, some at a time.

    Of each tie the objects of whoever did less are looked for among those of the other, so that
    neither a person of a million followers nor one of a million acts costs more than the others.
    """
    acts = np.diff(first)
    takers = np.repeat(np.arange(acts.size, dtype=np.int32), takes.lengths)
    costs = np.minimum(acts[takers], acts[takes.others])
    for begin, end in _parts(costs):
        taker, source = takers[begin:end], takes.others[begin:end]
        fewer = np.where(acts[taker] <= acts[source], taker, source)
        number = costs[begin:end]
        entry = np.repeat(np.arange(end - begin), number)
        before = np.cumsum(number) - number
        here = np.arange(entry.size) - before[entry] + first[fewer[entry]]
        other = np.where(fewer == taker, source, taker)[entry].astype(np.int64)
        keys = other * done.width + done.objects[here]
        there = np.minimum(np.searchsorted(done.keys, keys), done.keys.size - 1)
        same = done.keys[there] == keys
        entry, here, there = entry[same], here[same], there[same]
        mine = np.where((fewer == taker)[entry], here, there)
        yield begin + entry, mine, here + there - mine


def _parts(costs: Array) -> Iterator[tuple[int, int]]:
    """Ranges of ties in which so many objects are to be looked for as are held at once."""
    whole = np.cumsum(costs, dtype=np.int64)
    cuts = np.flatnonzero(np.diff(whole // AT_ONCE, prepend=0))
    edges = np.unique([0, *cuts.tolist(), costs.size])
    yield from zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
