"""Plans for bad cases: the mean of the worst share of worlds that may be, instead of all.

In: draws of curves, limits, a share. Out: an allocation, and a bound on what any plan reaches.
Never: a gap that is not told.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.planning.budget import Allocation, allocate_concave
from engine.planning.constraints import Limits
from engine.planning.draws import Draws
from engine.planning.rounding import CENTS, round_plan

Array = NDArray[Any]
ROUNDS, CLOSE, MOST_DRAWS, MOST_TERMS = (50, 400), 1e-3, 200, 400_000


def allocate_careful(draws: Draws, limits: Limits, share: float, *, days: int) -> Allocation:
    """Maximises the mean outcome of the worst `share` of draws (conditional value at risk).

    That mean is concave in the spends, and the least of all means whose weights none pass
    `1 / (share x draws)` (Rockafellar & Uryasev 2000). Two sides take turns (fictitious play,
    Brown 1951): weights go to the draws worst for the plans so far, and each plan is the best for
    the weights so far, which also bounds every plan. `value` and `bound` are of that mean.
    """
    part = _some(draws)
    count = len(part)
    weights, plan, bound = np.full(count, 1.0 / count), np.zeros(len(limits.low)), np.inf
    best, price = (-np.inf, plan), 0.0
    rounds = int(np.clip(MOST_TERMS // max(len(plan) * count, 1) * ROUNDS[0], *ROUNDS))
    for turn in range(1, rounds + 1):
        found = allocate_concave(part.mixed(weights).over(days), limits)
        plan = plan + (found.cents - plan) / turn
        outcomes = part.outcome(plan / CENTS, days).sum(0)
        worst = worst_weights(outcomes, share)
        value = float(outcomes @ worst)
        if value > best[0]:
            best, price = (value, plan), found.price
        bound = min(bound, found.bound)
        if bound - best[0] <= CLOSE * bound:
            break
        weights = weights + (worst - weights) * 2.0 / (turn + 2.0)
    total = int(min(limits.budget, np.round(best[1].sum())))
    cents = round_plan(best[1], total, limits.channel, limits.box)
    outcomes = part.outcome(cents / CENTS, days).sum(0)
    worst = worst_weights(outcomes, share)
    value = float(outcomes @ worst)
    marginal = part.mixed(worst).over(days).slope(cents / CENTS)
    return Allocation(cents, value, max(bound, value), price, marginal)


def worst_weights(outcomes: Array, share: float) -> Array:
    """Weights (draws,) of the mean of the worst share: the last draw among them in part."""
    most = 1.0 / max(share * outcomes.size, 1.0)
    order = np.argsort(outcomes, kind="stable")
    weights = np.zeros(outcomes.size)
    left = np.maximum(1.0 - most * np.arange(outcomes.size), 0.0)
    weights[order] = np.minimum(most, left)
    return weights


def _some(draws: Draws) -> Draws:
    """As many draws as can be handled in seconds; they are independent, so any will do."""
    placements = max(draws.ceiling.shape[0], 1)
    count = int(np.clip(MOST_TERMS // placements, 20, min(MOST_DRAWS, len(draws))))
    return Draws(draws.ceiling[:, :count], draws.scale[:, :count])
