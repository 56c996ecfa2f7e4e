"""What is known of each person who may adopt next, at one moment of a running cascade.

In: acts of the past, ties, who has adopted so far. Out: a table of figures, a row for each person.
Never: an act of the cascade itself that is yet to come, or of anybody after the moment.

Those who adopted together before are compared by the cosine of their cascades, each shrunk towards
nothing where few are known (Sarwar et al. 2001, "Item-based collaborative filtering").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from engine.reach.cascades import Past, Running

Array = NDArray[Any]

FIGURES = (
    *("friends", "friends lately", "friends by rarity", "friend is recent", "follow them"),
    *("acts", "acted", "acted thrice", "acted ten times", "short", "middle", "long", "since"),
    *("together", "alike"),
    *("followers", "follows", "unfollowed", "follows nobody"),
    *("many followers", "very many followers", "follows many", "follows very many"),
)
"""Names of the columns of `figures`, in their order."""
FAMILIES = {
    "friends": slice(0, 5),
    "activity": slice(5, 13),
    "together": slice(13, 15),
    "connected": slice(15, 23),
}
"""Columns that speak of one reason together."""
FEW = 5.0
"""So many acts are added where people are compared: who acted once is like nobody yet."""
HOUR = 3600.0


@dataclass(frozen=True)
class Knowing:
    """From when on an act is of late, and whether acts after the moment are known too.

    `window` is the shortest of three windows, as a part of the time that the past spans; each of
    the others is five times as long as the one before.
    """

    window: float
    hindsight: bool = False

    def windows(self, past: Past) -> tuple[float, float, float]:
        """The three windows in seconds."""
        return (
            self.window * past.span,
            5 * self.window * past.span,
            25 * self.window * past.span,
        )


@dataclass(frozen=True)
class Moment:
    """What is known of everybody at one moment; all arrays are (people,)."""

    acts: Array  # of other cascades
    recent: tuple[Array, Array, Array]  # of them within each window
    last: Array  # seconds since the last act; infinite where there was none
    together: Array  # likeness to the adopters by cascades of both
    friends: Array  # adopters whom each follows
    lately: Array  # the same, each counting less the longer ago they adopted
    rarity: Array  # the same, each counting less the more people follow them
    following: Array  # adopters who follow each
    known: int  # acts of anybody

    def candidates(self, past: Past, running: Running) -> Array:
        """Rows of those who are known by now, by an act or a tie, and have not adopted."""
        known = (self.acts > 0) | (past.followers > 0) | (past.follows > 0)
        known[running.who] = False
        return np.flatnonzero(known)


def moment(past: Past, running: Running, knowing: Knowing) -> Moment:
    """What is known as of `running.now`, the running cascade itself left out."""
    size, now = len(past.people), running.now
    reach = past.known(now, knowing.hindsight)
    who, cascade = past.who[:reach], past.cascade[:reach]
    others = cascade != running.own
    if not others.all():
        who, cascade = who[others], cascade[others]
    at = past.at[:reach][others] if past.timed else np.empty(0)
    before = int(np.searchsorted(at, now, side="left"))
    acts = np.bincount(who, minlength=size)
    last = np.full(size, np.inf)
    last[who[:before]] = now - at[:before]  # the last of those that repeat stays
    recent = [
        np.bincount(who[np.searchsorted(at, now - width) : before], minlength=size)
        for width in knowing.windows(past)
    ]
    shared = _together(past, running, who, cascade, acts)
    friends, lately, rarity = _friends(past, running, knowing.windows(past)[1])
    following = np.bincount(ends(past.hears, running.who)[1], minlength=size)
    return Moment(
        acts,
        (recent[0], recent[1], recent[2]),
        last,
        shared,
        friends,
        lately,
        rarity,
        following,
        who.size,
    )


def _together(past: Past, running: Running, who: Array, cascade: Array, acts: Array) -> Array:
    """(people,): how often each was in a cascade with the adopters, small cascades telling more."""
    mine = np.zeros(len(past.people))
    mine[running.who] = 1 / np.sqrt(acts[running.who] + FEW)
    number = len(past.names)
    sizes = np.bincount(cascade, minlength=number)
    weights = np.bincount(cascade, weights=mine[who], minlength=number) / np.sqrt(sizes + 1.0)
    summed = np.bincount(who, weights=weights[cascade], minlength=mine.size)
    found: Array = summed / np.sqrt(running.who.size)
    return found


def _friends(past: Past, running: Running, fading: float) -> tuple[Array, Array, Array]:
    """Adopters whom each follows: their number, by how lately, and by how few follow them."""
    entry, listeners = ends(past.heard, running.who)
    ago = np.exp(-(running.now - running.at) / fading) if past.timed else np.ones(running.who.size)
    rare = 1 / np.sqrt(1.0 + past.followers[running.who])
    size = len(past.people)
    number = np.bincount(listeners, minlength=size)
    lately, rarity = (np.bincount(listeners, one[entry], minlength=size) for one in (ago, rare))
    return number, lately, rarity


def ends(ties: sparse.csr_array, people: Array) -> tuple[Array, Array]:
    """All ties of these people: the place of whose each is, and who is at its other end."""
    first, lengths = ties.indptr[people], np.diff(ties.indptr)[people]
    entry = np.repeat(np.arange(people.size), lengths)
    before = np.cumsum(lengths) - lengths
    return entry, ties.indices[np.arange(entry.size) - before[entry] + first[entry]]


def figures(past: Past, running: Running, found: Moment, rows: Array) -> Array:
    """(rows, 2 × FIGURES + 3) float64: what the forecast goes by, of these people.

    The second half are the same figures times the logarithm of how many acts are known, because
    what an act tells depends on how long people have been watched. The last three are that
    logarithm, that of how many have adopted, and that of the hours between adoptions.
    """
    acts = found.acts[rows]
    since = found.last[rows]
    seen = np.isfinite(since)
    columns = [
        *(np.log1p(each[rows]) for each in (found.friends, found.lately, found.rarity)),
        found.lately[rows] > 0.5,
        np.log1p(found.following[rows]),
        np.log1p(acts),
        *(acts >= least for least in (1, 3, 10)),
        *(np.log1p(each[rows]) for each in found.recent),
        np.where(seen, np.log1p(np.where(seen, since, 0) / HOUR), 0),
        np.log1p(10 * found.together[rows]),
        np.log1p(100 * found.together[rows] / np.sqrt(acts + FEW)),
        *(np.log1p(each[rows]) for each in (past.followers, past.follows)),
        *(each[rows] == 0 for each in (past.followers, past.follows)),
        *(
            np.maximum(np.log1p(each[rows]) - bend, 0)
            for each, bends in zip((past.followers, past.follows), past.bends, strict=True)
            for bend in bends
        ),
    ]
    table = np.column_stack(columns).astype(np.float64)
    known, count = np.log1p(found.known), running.who.size
    pace = np.log1p((running.now - running.at[0]) / count / HOUR)
    whole = np.broadcast_to([known, np.log(count), pace], (rows.size, 3))
    return np.hstack([table, table * known, whole])
