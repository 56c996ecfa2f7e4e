"""May the campaign be judged before it ends: intervals that hold however often one looks.

In: a lift as it stands, how much has been seen and how much was planned. Out: an interval that
holds at all looks together, and an always-valid p-value. Never: a plan changed after a look.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidValue
from engine.measurement.lift import Lift, Side, refuse_level

Array = NDArray[Any]


@dataclass(frozen=True)
class Verdict:
    """What may be said of an effect at any look.

    `lower` and `upper` are infinite while too little was seen. `p_value` is the least 1 - level
    at which 0 would be left out. `decided` is `up`, `down` or `open`; once not `open`, the
    campaign may be stopped and the claim stands.
    """

    effect: float
    lower: float
    upper: float
    p_value: float
    decided: str
    seen: float
    planned: float


def always_valid(
    lift: Lift, *, planned: float, level: float, seen: float | None = None, least: int = 2
) -> Verdict:
    """An interval of the effect that holds at every look at once, with a chance of `level`.

    An asymptotic confidence sequence (Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas 2024,
    theorem 2.2, which is Robbins' normal mixture), narrowest when all that was planned is seen;
    see `margin`. The error is the larger of Welch's and the pooled one, because a small holdout
    without an outcome yet would seem sure of itself.

    Args:
        lift: of all that was seen up to now, with a baseline or without.
        planned: how much will be seen when the campaign ends, fixed before the first look.
        level: of the sequence, as 0.95.
        seen: how much was seen, in the unit of `planned`: people whose outcome is known (all of
            them, where it is not given), or, where the outcomes of one fixed audience come in
            over time, outcomes of both sides together.
        least: people on the smaller side below whom nothing is said.

    Raises:
        InvalidValue: a level outside of 0 to 1, nothing planned, or less than nothing seen.
    """
    refuse_level(level)
    sides = lift.exposed, lift.held_out
    at = float(sum(side.people for side in sides)) if seen is None else float(seen)
    if not planned > 0 or not at >= 0 or not math.isfinite(planned + at):
        raise InvalidValue("planned", "must be above 0, and what was seen not below 0")
    error = max(lift.error, _pooled(*sides))
    if min(side.people for side in sides) < least or at == 0 or error == 0:
        return Verdict(lift.effect, -math.inf, math.inf, 1.0, "open", at, planned)
    reach = float(margin(at / planned, level)) * error
    lower, upper = lift.effect - reach, lift.effect + reach
    decided = "up" if lower > 0 else "down" if upper < 0 else "open"
    p_value = float(always_valid_p(lift.effect / error, at / planned, level))
    return Verdict(lift.effect, lower, upper, p_value, decided, at, planned)


def margin(fraction: Array | float, level: float) -> Array:
    """How many standard errors the sequence reaches to each side, at fractions of the plan.

    `sqrt(2 (v + 1) / v * log(sqrt(v + 1) / alpha))` with `v = fraction * rho^2`: theorem 2.2
    divided by the standard error, time counted in plans.
    """
    v = np.asarray(fraction, np.float64) * _scale(level)
    found: Array = np.sqrt(2 * (v + 1) / v * np.log(np.sqrt(v + 1) / (1 - level)))
    return found


def always_valid_p(score: Array | float, fraction: Array | float, level: float) -> Array:
    """The alpha at which a score (effect over error) touches the margin; at most 1.

    `level` only says for which the sequence was made narrowest.
    """
    v = np.asarray(fraction, np.float64) * _scale(level)
    exponent = -np.square(score) * v / (2 * (v + 1))
    found: Array = np.minimum(1.0, np.sqrt(v + 1) * np.exp(exponent))
    return found


def _scale(level: float) -> float:
    """rho^2 for the narrowest margin at a fraction of 1 (the paper's eq. for the best rho)."""
    twice = -2 * math.log(1 - level)
    return twice + math.log(twice + 1)


def _pooled(exposed: Side, held_out: Side) -> float:
    """Standard error of the difference if both sides had one variance."""
    freedom = exposed.people + held_out.people - 2
    inner = (exposed.people - 1) * exposed.variance + (held_out.people - 1) * held_out.variance
    return math.sqrt(inner / freedom * (1 / exposed.people + 1 / held_out.people))
