"""How likely a person passes on another's word: what was seen, shrunk towards what is usual.

In: credit and trials of each tie. Out: a chance for each. Never: a chance outside [0, 1], or a
strength of what is usual that the data did not tell.

What is usual for a tie is a product: of all ties, of ties whose source and taker have so many
others, and of these two people, each shrunk by a gamma law (a two-way Poisson model; Efron &
Morris 1975, "Data analysis using Stein's estimator"). How strongly a tie is drawn towards it
is where the beta-binomial likelihood is highest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, gammaln

from engine.reach.graph import Rows

Array = NDArray[Any]

STRENGTHS = np.exp2(np.arange(-4, 13))
"""Where the likelihood is looked at: so many acts count what is usual for as much as one's own."""
SAMPLE = 50_000
"""So many ties, evenly spaced, tell the strength; more would not move it."""
ROUNDS = 8
LEAST, MOST = 1e-9, 0.999
BINS = 32


@dataclass(frozen=True)
class Usual:
    """What is usual for each tie, (ties,) float64, and how many acts that counts for."""

    means: Array
    strength: float


def shrunk(credit: Array, trials: Array, usual: Usual) -> Array:
    """(ties,) float64: the posterior mean of a beta law; more credit never makes it less.

    Args:
        credit: what is put down to each tie; at most its trials.
        trials: what could have been.
        usual: the prior.
    """
    return np.clip((credit + usual.strength * usual.means) / (trials + usual.strength), 0, 1)


def usual_chances(takes: Rows, credit: Array, trials: Array) -> Usual:
    """What is usual for each tie of a network in which something was passed on."""
    people = takes.starts.size - 1
    taker = np.repeat(np.arange(people, dtype=np.int32), takes.lengths)
    means = _by_degrees(takes, taker, credit, trials)
    sides, ones = (takes.others, taker), np.ones(taker.size)
    known, others = [ones, ones], [ones, ones]
    for at in (0, 1, 0, 1):  # what is told of takers depends on what is told of sources
        means /= known[at]
        known[at], others[at] = _of_each(sides[at], people, credit, trials * means)
        means *= known[at]
    np.clip(means, LEAST, MOST, out=means)
    # A tie that told its own mean would lie nearer to it than what is yet to come.
    without = np.clip(means / (known[0] * known[1]) * (others[0] * others[1]), LEAST, MOST)
    return Usual(means, strength(credit, trials, without))


def _by_degrees(takes: Rows, taker: Array, credit: Array, trials: Array) -> Array:
    """(ties,) chance by how many follow the source, and how many the taker follows, in doublings.

    A product of both, by iterative proportional fitting, which is its greatest likelihood.
    """
    people = takes.starts.size - 1
    followers = np.bincount(takes.others, minlength=people)
    sides = [
        np.log2(np.maximum(degree, 1)).astype(np.int8) for degree in (followers, takes.lengths)
    ]
    cell = sides[0][takes.others].astype(np.int32) * BINS + sides[1][taker]
    got, could = (
        np.bincount(cell, values, BINS * BINS).reshape(BINS, BINS) for values in (credit, trials)
    )
    usual = np.full((BINS, BINS), credit.sum() / max(trials.sum(), LEAST))
    for _ in range(ROUNDS):
        for axis in (0, 1):
            seen, hoped = got.sum(1 - axis), (could * usual).sum(1 - axis)
            # One act that is as usual keeps a column of few acts from saying never or always.
            usual = usual * np.expand_dims((seen + 1) / (hoped + 1), 1 - axis)
    found: Array = usual.ravel()[cell]
    return found


def _of_each(side: Array, people: int, credit: Array, hoped: Array) -> tuple[Array, Array]:
    """By how much more than is usual the person of each tie passes on, or is passed on.

    Shrunk to 1; (ties,) by all that is known, and without what is known of the tie itself.
    """
    got, could = (np.bincount(side, values, people) for values in (credit, hoped))
    known = np.flatnonzero(could > 0)
    some = known[:: max(1, known.size // SAMPLE)]
    shape = STRENGTHS[:, None]
    seen, want = got[some], could[some]
    likely = (
        gammaln(seen + shape) - gammaln(shape) + shape * np.log(shape)
        - (seen + shape) * np.log(want + shape)
    ).sum(1)  # fmt: skip
    best = float(STRENGTHS[likely.argmax()])
    passed, usual = got[side] + best, could[side] + best
    return passed / usual, np.maximum(passed - credit, LEAST) / np.maximum(usual - hoped, LEAST)


def strength(credit: Array, trials: Array, means: Array, *, clearly: float = 0.0) -> float:
    """For how many acts the means count: by the beta-binomial likelihood.

    The most for which its logarithm is not less than the highest by more than `clearly`: above 0,
    ties differ only where the data say that they do.
    """
    known = np.flatnonzero(trials > 0)
    some = known[:: max(1, known.size // SAMPLE)]
    if not some.size:
        return 1.0
    got, could = credit[some], trials[some]
    usual = np.clip(means[some], LEAST, MOST)
    likely = np.array([
        float((betaln(got + k * usual, could - got + k * (1 - usual))
               - betaln(k * usual, k * (1 - usual))).sum())
        for k in STRENGTHS
    ])  # fmt: skip
    return float(STRENGTHS[likely >= likely.max() - clearly].max())
