"""Did the campaign change anything: exposed people beside those who were held out.

In: what each person did, and who was held out. Out: the difference with an interval, and what
difference could be seen at all. Never: people sorted by whether an ad reached them: whoever was
meant to see it counts as exposed (intention to treat).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidValue
from engine.measurement.cuped import adjust

Array = NDArray[Any]
Interval = tuple[float, float]


@dataclass(frozen=True)
class Side:
    """People of one side, the mean of what they did, and its sample variance (n - 1)."""

    people: int
    mean: float
    variance: float

    @property
    def error(self) -> float:
        """Standard error of the mean."""
        return math.sqrt(self.variance / self.people)


@dataclass(frozen=True)
class Lift:
    """The mean of the exposed less that of the holdout, with an interval of `level`.

    `relative` is the same over the holdout's mean: None where that is 0, its bounds None where
    the holdout's mean cannot be told from 0. `error` is the standard error of `effect`; `method`
    is `welch` or `newcombe`; `explained` the share of variance that a baseline took away.
    """

    effect: float
    lower: float
    upper: float
    relative: float | None
    relative_lower: float | None
    relative_upper: float | None
    error: float
    level: float
    method: str
    explained: float
    exposed: Side
    held_out: Side

    @property
    def proven(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.lower > 0 or self.upper < 0

    def includes(self, effect: float) -> bool:
        """Whether the interval holds an effect, ends included."""
        return self.lower <= effect <= self.upper


def compare(
    outcome: Array,
    held_out: Array,
    *,
    level: float,
    baseline: Array | None = None,
    few: int = 0,
) -> Lift:
    """Compares what exposed and held-out people did, by intention to treat.

    The interval is Welch's (1947), of unequal variances with Satterthwaite's freedom; that of the
    relative effect is Fieller's (1954). Where outcomes are 0 and 1 and on either side fewer than
    `few` are 1, or are 0, Welch's covers too little, and Newcombe's (1998, method 10, of Wilson's
    bounds) stands in its place, with Walter's (1975) for the relative effect. With a baseline
    it is always Welch's, of the adjusted outcomes.

    Args:
        outcome: (n,), finite: 0 or 1, a count or an amount.
        held_out: (n,) bool, True for the holdout, as `holdout.assign` gives it.
        level: of the interval, as 0.95.
        baseline: (n,) or (n, k), what people did before the campaign, see `cuped.adjust`.
        few: below how many ones or zeros Newcombe's interval is taken; 0 for never.

    Raises:
        InvalidValue: fewer than two people on a side, an outcome that is not finite, arrays of
            different lengths, or a level that is not between 0 and 1.
    """
    y, held = checked(outcome, held_out)
    explained = 0.0
    if baseline is not None:
        y, explained = adjust(y, baseline, held)
    sides = side_of(y[~held]), side_of(y[held])
    if baseline is None and bool(((y == 0) | (y == 1)).all()):
        return compare_rates(*sides, level=level, few=few)
    return compare_sides(*sides, level=level, explained=explained)


def side_of(values: Array) -> Side:
    """What a side did, (n,) with n of at least 2."""
    return Side(len(values), float(values.mean()), float(values.var(ddof=1)))


def side_of_counts(people: int, ones: int) -> Side:
    """A side of which only counts are known: so many people, at least 2, and who of them did it.

    Raises:
        InvalidValue: fewer than two people, or more who did it than there are.
    """
    if people < 2 or not 0 <= ones <= people:
        raise InvalidValue("ones", f"{ones} of {people} people is no count of a side")
    rate = ones / people
    return Side(people, rate, rate * (1 - rate) * people / (people - 1))


def checked(outcome: Array, held_out: Array) -> tuple[Array, Array]:
    """Outcomes as floats and the mask as booleans, both (n,).

    Raises:
        InvalidValue: they cannot be compared, see `compare`.
    """
    y, held = np.asarray(outcome, np.float64), np.asarray(held_out, bool)
    if y.ndim != 1 or y.shape != held.shape or not np.isfinite(y).all():
        raise InvalidValue("outcome", "must be as long as held_out, each a finite number")
    if min(held.sum(), (~held).sum()) < 2:
        raise InvalidValue("held_out", "an effect needs at least two people on each side")
    return y, held


def compare_rates(exposed: Side, held_out: Side, *, level: float, few: int) -> Lift:
    """Welch's interval for outcomes of 0 and 1, or Newcombe's where they are few; see `compare`."""
    if min(min(s.mean, 1 - s.mean) * s.people for s in (exposed, held_out)) < few - 0.5:
        return _newcombe(exposed, held_out, level=level)
    return compare_sides(exposed, held_out, level=level)


def compare_sides(exposed: Side, held_out: Side, *, level: float, explained: float = 0.0) -> Lift:
    """Welch's interval from people, means and variances alone; see `compare`."""
    refuse_level(level)
    effect, error = exposed.mean - held_out.mean, math.hypot(exposed.error, held_out.error)
    times = _student(_freedom(exposed, held_out), level) if error > 0 else 0.0
    relative = effect / held_out.mean if held_out.mean != 0 else None
    below, above = _fieller(exposed, held_out, times)
    return Lift(
        effect,
        effect - times * error,
        effect + times * error,
        relative,
        below,
        above,
        error,
        level,
        "welch",
        explained,
        exposed,
        held_out,
    )


def _freedom(exposed: Side, held_out: Side) -> float:
    one, other = exposed.error**2, held_out.error**2
    parts = one**2 / (exposed.people - 1) + other**2 / (held_out.people - 1)
    return (one + other) ** 2 / parts if parts > 0 else math.inf


def _student(freedom: float, level: float) -> float:
    from scipy.special import ndtri, stdtrit

    tail = (1 + level) / 2
    return float(stdtrit(freedom, tail)) if math.isfinite(freedom) else float(ndtri(tail))


def _fieller(exposed: Side, held_out: Side, times: float) -> tuple[float | None, float | None]:
    """Bounds of the ratio of means less 1; None where the lower mean may be 0."""
    if held_out.mean == 0:
        return None, None
    unsure = (times * held_out.error / held_out.mean) ** 2
    if unsure >= 1:
        return None, None
    ratio = exposed.mean / held_out.mean
    inner = exposed.error**2 * (1 - unsure) + ratio**2 * held_out.error**2
    reach = times * math.sqrt(inner) / abs(held_out.mean)
    return (ratio - reach) / (1 - unsure) - 1, (ratio + reach) / (1 - unsure) - 1


def _newcombe(exposed: Side, held_out: Side, *, level: float) -> Lift:
    refuse_level(level)
    times = _student(math.inf, level)
    (low, high), (least, most) = _wilson(exposed, times), _wilson(held_out, times)
    one, other = exposed.mean, held_out.mean
    effect = one - other
    below, above = _walter(exposed, held_out, times)
    return Lift(
        effect,
        effect - math.hypot(one - low, most - other),
        effect + math.hypot(high - one, other - least),
        effect / other if other else None,
        below if other else None,
        above if other else None,
        math.hypot(exposed.error, held_out.error),
        level,
        "newcombe",
        0.0,
        exposed,
        held_out,
    )


def _wilson(side: Side, times: float) -> Interval:
    size, share, square = side.people, side.mean, times**2
    middle = (share + square / (2 * size)) / (1 + square / size)
    inner = share * (1 - share) / size + square / (4 * size**2)
    reach = times * math.sqrt(inner) / (1 + square / size)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def _walter(exposed: Side, held_out: Side, times: float) -> Interval:
    """Bounds of the ratio of shares less 1, a half added to all counts."""
    logarithm, square = 0.0, 0.0
    for side, sign in ((exposed, 1), (held_out, -1)):
        count, size = side.mean * side.people + 0.5, side.people + 0.5
        logarithm += sign * math.log(count / size)
        square += 1 / count - 1 / size
    reach = times * math.sqrt(square)
    return math.exp(logarithm - reach) - 1, math.exp(logarithm + reach) - 1


def detectable(people: int, share: float, *, rate: float, level: float, power: float) -> float:
    """The least rise of a rate that a campaign would most likely prove, known before it starts.

    With z of level and power and n on each side it is the d for which
    `d = (z_level + z_power) * sqrt(rate (1 - rate) / n_0 + (rate + d)(1 - rate - d) / n_1)`:
    a quadratic equation. Infinite where even a rate of 1 would not be proven. A baseline that
    explains a share r of the variance makes it about `sqrt(1 - r)` times as large.

    Args:
        people: exposed and held out together.
        share: of them that is held out.
        rate: of the outcome without the campaign, above 0 and below 1.
        level: of the interval that is to leave out 0, as 0.95.
        power: the chance with which it should, as 0.8.

    Raises:
        InvalidValue: a value outside of what is named here.
    """
    if not 0 < rate < 1:
        raise InvalidValue("rate", f"{rate:g} is not above 0 and below 1")
    square = _times(level, power) ** 2
    exposed, held_out = _split(people, share)
    a, b = 1 + square / exposed, square * (1 - 2 * rate) / exposed
    c = square * rate * (1 - rate) * (1 / exposed + 1 / held_out)
    found = (b + math.sqrt(b**2 + 4 * a * c)) / (2 * a)
    return found if rate + found <= 1 else math.inf


def detectable_mean(
    people: int, share: float, *, spread: float, level: float, power: float
) -> float:
    """The same for an amount whose standard deviation is `spread` on both sides.

    Raises:
        InvalidValue: a spread below 0, or a value as in `detectable`.
    """
    if not 0 <= spread < math.inf:
        raise InvalidValue("spread", f"{spread:g} is no standard deviation")
    exposed, held_out = _split(people, share)
    return _times(level, power) * spread * math.sqrt(1 / exposed + 1 / held_out)


def people_needed(effect: float, share: float, *, rate: float, level: float, power: float) -> int:
    """How many people, held out and not, prove a rise of `rate` by `effect` most likely.

    Raises:
        InvalidValue: an effect of 0 or less, or one beyond a rate of 1; or as in `detectable`.
    """
    if not 0 < effect <= 1 - rate or not 0 < rate < 1:
        raise InvalidValue("effect", f"{effect:g} cannot be added to a rate of {rate:g}")
    if not 0 < share < 1:
        raise InvalidValue("holdout_share", f"{share:g} is not above 0 and below 1")
    lifted = rate + effect
    spread = rate * (1 - rate) / share + lifted * (1 - lifted) / (1 - share)
    return math.ceil((_times(level, power) / effect) ** 2 * spread)


def _times(level: float, power: float) -> float:
    from scipy.special import ndtri

    refuse_level(level)
    if not 0.5 <= power < 1:
        raise InvalidValue("power", f"{power:g} is not from 0.5 to below 1")
    return float(ndtri((1 + level) / 2) + ndtri(power))


def _split(people: int, share: float) -> tuple[float, float]:
    if not 0 < share < 1:
        raise InvalidValue("holdout_share", f"{share:g} is not above 0 and below 1")
    if people * min(share, 1 - share) < 1:
        raise InvalidValue("people", f"{people} are too few to hold out {share:.1%}")
    return people * (1 - share), people * share


def refuse_level(level: float) -> None:
    """Says why no interval has this level.

    Raises:
        InvalidValue: it is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise InvalidValue("level", f"{level:g} is not between 0 and 1")
