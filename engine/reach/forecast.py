"""Who is likely to adopt next in a running cascade, and how large it will grow.

In: what is known at a moment, and what was learned from cascades of the past. Out: a chance for
each person, a size with its interval. Never: somebody who has adopted, or a size below the present.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.reach.adopters import FAMILIES, FIGURES, HOUR, Knowing, Moment, figures, moment
from engine.reach.cascades import Past, Running

Array = NDArray[Any]

FURTHEST = 30.0
"""No logit is shifted by more, and no cascade grows by a larger power of e."""
HALVINGS = 60
TIMES = [FIGURES.index("since"), len(FIGURES) + FIGURES.index("since"), 2 * len(FIGURES) + 2]
"""Columns of figures that grow with a moment, however far it is from all that is known."""
CLOSE = 1e-9


@dataclass(frozen=True)
class Line:
    """A linear rule: `table @ weights + constant`."""

    weights: Array
    constant: float

    def of(self, table: Array) -> Array:
        """(rows,) float64."""
        found: Array = table @ self.weights + self.constant
        return found


@dataclass(frozen=True)
class Growth:
    """What is learned of how cascades with about so many adopters go on.

    Attributes:
        line: of `signs`, says the logarithm of the final size over the present one.
        spread: of the same, says the logarithm of how far `line` is wrong.
        misses: sorted: what came over what was said, in units of the spread, of cascades that
            neither rule was learned from.
        most: the largest present size that it was learned from.
        seen: (2, signs) the least and the most of each sign that it was learned from; signs beyond
            are taken for these, since a line says nothing of where it has not been.
    """

    line: Line
    spread: Line
    misses: Array
    most: int
    seen: Array


@dataclass(frozen=True)
class Odds:
    """How far log odds are to be believed, and shifted by how many are said to come.

    `slope` and `weight` lie from 0 to 1, `ends` are the least and the largest shift. What slope
    and weight give above `bend` counts for `less` of itself less, from 0 to 1.
    """

    slope: float
    weight: float
    constant: float
    ends: tuple[float, float]
    bend: float
    less: float


@dataclass(frozen=True)
class Learned:
    """All that a forecast goes by.

    `who` says the log odds of adopting later from the figures of `adopters`, `share` how many of
    those who adopt later are known at the moment, `odds` what these log odds have been worth.
    `longest` are the most of the figures of time that `who` was learned from, as `TIMES` has them.
    """

    knowing: Knowing
    who: Line
    share: float
    growth: Growth
    odds: Odds
    longest: Array


@dataclass(frozen=True)
class Size:
    """Final sizes: the middle one, its interval, and the mean, which a few large ones raise."""

    middle: float
    lower: float
    upper: float
    mean: float


def signs(past: Past, running: Running, found: Moment, knowing: Knowing, most: int) -> Array:
    """(signs,) float64: what the growth of a cascade is told by, alone and by how large it is.

    Times between adopters and since the last, how busy they are and how large the cascades were
    that they were in, who hears of it, and how much goes on in the network. A cascade of more than
    `most` adopters is taken for one of so many: rules are not stretched beyond what taught them.
    """
    who, at, count, now = running.who, running.at, running.who.size, running.now
    hours = np.log1p(
        np.array([now - at[0], at[-1] - at[-2:][0], at[-1] - at[count // 2], now - at[-1]]) / HOUR
    )
    gaps = np.log1p(np.diff(at) / HOUR)
    acts = np.log1p(found.acts[who])
    listeners = int((found.friends > 0).sum())
    table = [
        *hours,
        gaps.mean() if gaps.size else 0.0,
        acts.mean(),
        acts.max(),
        float((acts == 0).mean()),
        *_companies(past, running, knowing),
        np.log1p(past.followers[who].sum()),
        np.log1p(listeners),
        np.log1p(past.follows[who]).mean(),
        np.log1p(found.friends[who].sum()),
        np.log1p(found.recent[1].sum()),
    ]
    whole = np.log(min(count, most))
    return np.concatenate([table, np.array(table) * whole, [whole, whole**2]])


def _companies(past: Past, running: Running, knowing: Knowing) -> tuple[float, float, float]:
    """Mean, most and least of how large the cascades were, by then, that each adopter was in."""
    reach = past.known(running.now, knowing.hindsight)
    who, cascade = past.who[:reach], past.cascade[:reach]
    others = cascade != running.own
    sizes = np.log(np.maximum(np.bincount(cascade, minlength=len(past.names)), 1.0))
    known = np.bincount(cascade[others], minlength=len(past.names)) > 0
    usual = float(sizes[known].mean()) if known.any() else 0.0
    mine = np.zeros(len(past.people), bool)
    mine[running.who] = True
    kept = others & mine[who]
    total = np.bincount(who[kept], weights=sizes[cascade[kept]], minlength=mine.size)
    number = np.bincount(who[kept], minlength=mine.size)
    each = ((total + 2 * usual) / (number + 2))[running.who]
    return float(each.mean()), float(each.max()), float(each.min())


def grow(growth: Growth, table: Array, count: int, level: float) -> Size:
    """The final size of a cascade of `count` adopters whose `signs` are these.

    The interval holds the share `level` of what is left out of learning came to, with the
    correction of split conformal prediction for how many those are (Vovk et al. 2005; Lei et al.
    2018). The mean is that of all they came to (Duan 1983, "Smearing estimate").
    """
    told = np.clip(table, *growth.seen)[None, :]
    said = float(growth.line.of(told)[0])
    misses = growth.misses * np.exp(float(growth.spread.of(told)[0]))
    tail = (1 - level) / 2
    low, high = (_grown(count, said + _at(misses, end)) for end in (tail, 1 - tail))
    lower, upper = ceil(low - CLOSE), floor(high + CLOSE)  # the whole numbers that lie between
    middle = _grown(count, said)
    mean = float(np.mean([_grown(count, said + miss) for miss in misses]))
    return Size(middle, min(lower, middle), max(upper, middle), max(mean, middle))


def _grown(count: int, growth: float) -> float:
    """The size that a cascade comes to, never below the present one, nor beyond all bounds."""
    return count * float(np.exp(np.clip(growth, 0.0, FURTHEST)))


def _at(values: Array, share: float) -> float:
    """The conformal quantile: of n values the one of rank (n + 1) × share, away from the middle."""
    place = (values.size + 1) * share
    at = np.floor(place) if share < 0.5 else np.ceil(place)
    return float(values[int(np.clip(at - 1, 0, values.size - 1))])


@dataclass(frozen=True)
class Forecast:
    """A cascade as it stands, who may adopt, and how large it will grow.

    `rows` are all people who may adopt, the most likely first and of equals the first by row;
    `chances` that each ever will, `table` their figures.
    """

    found: Moment
    size: Size
    rows: Array
    chances: Array
    table: Array


def forecast(past: Past, running: Running, learned: Learned, level: float) -> Forecast:
    """Who may adopt later and how large the cascade will be, in the middle and with an interval."""
    found = moment(past, running, learned.knowing)
    told = signs(past, running, found, learned.knowing, learned.growth.most)
    size = grow(learned.growth, told, running.who.size, level)
    rows = found.candidates(past, running)
    table = figures(past, running, found, rows)
    table[:, TIMES] = np.minimum(table[:, TIMES], learned.longest)
    logits = learned.who.of(table)
    more = (size.mean - running.who.size) * learned.share
    chances = likely(logits, more, learned.odds)
    order = np.argsort(-logits, kind="stable")
    return Forecast(found, size, rows[order], chances[order], table[order])


def likely(logits: Array, more: float, odds: Odds) -> Array:
    """The chance of each to adopt later, in the order of the logits.

    The logits are shifted so that as many come as are said to, but no further than past cascades
    justified: where there are too few to be so many, the others are people who are not known.
    """
    moved = float(np.clip(shift(logits, more), *odds.ends))
    sure = odds.slope * logits + odds.weight * moved
    return _rates(sure - odds.less * np.maximum(sure - odds.bend, 0) + odds.constant)


def shift(logits: Array, more: float, weights: Array | None = None) -> float:
    """What all logits are to be shifted by that the chances, each at its weight, add up to `more`.

    Between -FURTHEST and FURTHEST, and one of these where no shift does.
    """
    each = np.ones(logits.size) if weights is None else weights
    low, high = -FURTHEST, FURTHEST
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        too_many = each @ _rates(logits + middle) > more
        low, high = (low, middle) if too_many else (middle, high)
    return (low + high) / 2


def _rates(logits: Array) -> Array:
    rates: Array = 1 / (1 + np.exp(-np.clip(logits, -700, 700)))
    return rates


def reasons(line: Line, table: Array, usual: Array) -> Array:
    """(rows, FAMILIES): what each family of figures adds to the logit, beside the usual one.

    Args:
        line: of the figures.
        table: (rows, figures) of those who are named.
        usual: (figures,) of all candidates on average.
    """
    added = (table - usual) * line.weights
    width = len(FIGURES)
    both = added[:, :width] + added[:, width : 2 * width]
    return np.column_stack([both[:, part].sum(1) for part in FAMILIES.values()])
