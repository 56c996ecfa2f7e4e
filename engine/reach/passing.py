"""How likely each passes on what another says, learned from what they passed on.

In: ties, acts that name their source, acts that do not. Out: a chance for each tie, as good word
and as bad, and by channel. Never: a chance outside [0, 1], or one that more credit makes smaller.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.reach.credit import Credit, Done, divided
from engine.reach.graph import Rows
from engine.reach.shrinkage import Usual, shrunk, strength, usual_chances

Array = NDArray[Any]
NOWHERE = -1
"""The channel of an act that names none."""
CLEARLY = 2.0
"""By so much the logarithm of a likelihood is clearly less: what differs by chance is no reason."""


@dataclass(frozen=True)
class Passed:
    """Acts that name whose word they pass on, in any order.

    Attributes:
        takers, sources: (acts,) rows of people; -1 for who is not among them.
        weights: (acts,) float32, how much each counts, less the longer ago.
        good: (acts,) whether it passes the word on as good word, or at least not as bad.
        channels: (acts,) int16, on which channel; `NOWHERE` where none is named.
    """

    takers: Array
    sources: Array
    weights: Array
    good: Array
    channels: Array


@dataclass(frozen=True)
class Chances:
    """What was learned of each tie, all (ties,) float32, and of channels by their number.

    `good` and `bad` are the chances of passing on one thing that the source says, as good and as
    bad word; `channels` holds, for each, places among the ties and the factor of their chances.
    `found` tells which acts were put down to whom, where none was named.
    """

    good: Array
    bad: Array
    channels: dict[int, tuple[Array, Array]]
    found: Credit


def places(takes: Rows, takers: Array, sources: Array) -> Array:
    """(pairs,) int64: where the tie of each pair is; -1 where there is none."""
    people = takes.starts.size - 1
    taker = np.repeat(np.arange(people, dtype=np.int64), takes.lengths)
    keys = taker * people + takes.others
    wanted = takers.astype(np.int64) * people + sources
    if not keys.size:
        return np.full(wanted.size, -1)
    at = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
    return np.where((keys[at] == wanted) & (takers >= 0) & (sources >= 0), at, -1)


def learn_chances(takes: Rows, passed: Passed, done: Done, *, delays: float) -> Chances | None:
    """The chance of each tie; None where nobody was seen to pass on anything.

    How much somebody says is not always known. At least they said what they are known to have done:
    with an object, or else what they passed on themselves, and beside it as much as any one person
    passed on of them.

    Args:
        takes: ties, of each person rising.
        passed: acts that name their source; those of no tie count for nothing.
        done: acts on objects, whose sources are looked for (see `divided`).
        delays: after so many usual delays the credit for what was said halves.
    """
    ties = takes.others.size
    at = places(takes, passed.takers, passed.sources)
    kept = at >= 0
    at, weights, good = at[kept], passed.weights[kept], passed.good[kept]
    good_named, bad_named = (np.bincount(at[part], weights[part], ties) for part in (good, ~good))
    found = divided(takes, done, delays=delays)
    bad = found.bad + bad_named
    credit = found.good + good_named + bad
    trials = np.maximum(found.trials, _at_least(takes, passed, credit))
    if not credit.any():
        return None
    usual = usual_chances(takes, credit, trials)
    chances = shrunk(credit, trials, usual)
    against = _against(takes, credit, bad)
    channels = _by_channel(takes, (at, weights, passed.channels[kept]), trials, chances)
    return Chances(
        (chances * (1 - against)).astype(np.float32),
        (chances * against).astype(np.float32),
        channels,
        found,
    )


def _at_least(takes: Rows, passed: Passed, credit: Array) -> Array:
    """(ties,) what the source said at least, where anything was passed on."""
    people = takes.starts.size - 1
    most = np.zeros(people)
    np.maximum.at(most, takes.others, credit)
    ours = passed.takers >= 0
    most += np.bincount(passed.takers[ours], passed.weights[ours], people)
    return most[takes.others]


def _against(takes: Rows, credit: Array, bad: Array) -> Array:
    """(ties,) what part of what is passed on is passed on as bad word.

    Shrunk towards the taker's own part, and that towards everybody's.
    """
    whole = float(bad.sum())
    if not whole:
        return np.zeros(credit.size)
    people = takes.starts.size - 1
    taker = np.repeat(np.arange(people, dtype=np.int32), takes.lengths)
    theirs, all_ = (np.bincount(taker, values, people) for values in (bad, credit))
    level = np.full(people, whole / credit.sum())
    own = shrunk(theirs, all_, Usual(level, strength(theirs, all_, level, clearly=CLEARLY)))[taker]
    return shrunk(bad, credit, Usual(own, strength(bad, credit, own, clearly=CLEARLY)))


def _by_channel(
    takes: Rows, passed: tuple[Array, Array, Array], trials: Array, chances: Array
) -> dict[int, tuple[Array, Array]]:
    """For each channel its ties and by what their chances are multiplied there.

    A source's words are parted among channels as what was passed on of them is. Ties of sources
    that nobody passed on there are not of the channel.
    """
    at, weights, channels = passed
    people, ties = takes.starts.size - 1, takes.others.size
    source = takes.others[at]
    named = channels != NOWHERE
    whole = np.bincount(source[named], weights[named], people)
    found = {}
    for channel in np.unique(channels[named]).tolist():
        here = channels == channel
        part = np.bincount(source[here], weights[here], people) / np.maximum(whole, 1e-12)
        rows = np.flatnonzero(part[takes.others] > 0)
        credit = np.bincount(at[here], weights[here], ties)[rows]
        could = np.maximum(trials[rows] * part[takes.others[rows]], credit)
        level = credit.sum() / float((could * chances[rows]).sum())
        means = np.minimum(chances[rows] * level, 0.999)
        learned = shrunk(
            credit, could, Usual(means, strength(credit, could, means, clearly=CLEARLY))
        )
        factors = learned / np.maximum(chances[rows], 1e-12)
        found[channel] = rows.astype(np.uint32), factors.astype(np.float32)
    return found
