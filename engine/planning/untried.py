"""What to believe of placements that nobody tried: from prices, people and how the product suits.

In: facts of channels, people of each placement, how it suits them. Out: ceilings and scales in
the middle, and how placements differ from it. Never: a result; those correct all of this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.planning.curves import Curves
from engine.planning.response import Start, mean_curves
from engine.planning.saturation import Posterior
from engine.settings import Scalar, Section

Array = NDArray[Any]
NODES, MOST_TERMS = 7, 1e7


@dataclass(frozen=True)
class Ground:
    """What is known of placements beforehand, each (n,); nan where nothing is.

    `people` who may be reached there; `suits` how much better than an average person they answer
    to the product, 1 where nothing is known.
    """

    people: Array
    suits: Array


@dataclass(frozen=True)
class Belief:
    """The middle of ceilings and scales, and logarithms (n,) of each placement against it.

    `ceiling` and `scale` are of one person; `people` is of how many there are, which both grow
    with. `most` is what a day's people can do at most, each once; nobody counted: without end.
    `impressions` and `clicks` are usual rates: impressions for a unit of money, clicks for an
    impression, (n,).
    """

    start: Start
    ceiling: Array
    scale: Array
    people: Array
    most: Array
    impressions: Array
    clicks: Array


def believe(
    channels: list[str],
    ground: Ground,
    facts: Mapping[str, Mapping[str, Scalar]],
    usual: Section,
    *,
    goal: str,
) -> Belief:
    """Beliefs about placements on channels (n,), from prices alone and from the people there.

    A day's most is an impression for each of those people who come by in a day; what that costs
    is where a placement saturates. A channel without facts is a middling one.
    """
    price = _fact(channels, facts, "cost_per_mille") / 1000.0
    clicks = _fact(channels, facts, "click_rate")
    counted = np.isfinite(ground.people)
    people = np.log(np.maximum(np.where(counted, ground.people, usual.people), 1.0))
    # Of those nobody counted nothing is known against the others but that they are alike.
    differ = np.where(counted, people - (people[counted].mean() if counted.any() else 0.0), 0.0)
    each = np.full(len(channels), float(usual.daily))
    if goal != "awareness":
        each = each * clicks * np.where(np.isfinite(ground.suits), ground.suits, 1.0)
    if goal in ("sales", "loyalty"):
        each = each * usual.conversions
    high, scale = np.log(np.maximum(each, 1e-12)), np.log(usual.daily * price)
    middle = Start(
        float(np.exp((high + people).mean())),
        float(np.exp((scale + people).mean())),
        goal in ("sales", "loyalty"),
    )
    most = np.where(counted & (goal != "awareness"), np.exp(people) * usual.daily, np.inf)
    return Belief(
        middle, high - high.mean(), scale - scale.mean(), differ, most, 1.0 / price, clicks
    )


def within_people(ceiling: Array, scale: Array, most: Array) -> tuple[Array, Array]:
    """Ceilings and scales (n, k) of which none passes `most` (n,), sooner saturated as they are.

    The first unit of money brings as much as before.
    """
    part = np.minimum(1.0, most[:, None] / np.maximum(ceiling, 1e-300))
    return ceiling * part, scale * part


def bounded_curves(posterior: Posterior, grid: Array, most: Array) -> Curves:
    """The mean curve of each placement for one day, within what its people can do.

    A ceiling is log-normal at each point of the grid: its mean is taken over Gauss and Hermite's
    nodes, each within `most`, so that the curve is the mean of drawn worlds. Where placements are
    very many the ceiling's mean is all that is cut.
    """
    if not np.isfinite(most).any():
        return mean_curves(posterior, grid)
    count = NODES if posterior.ceiling.size * NODES < MOST_TERMS else 1
    node, weight = np.polynomial.hermite_e.hermegauss(count)
    weight = weight / weight.sum()
    ceiling = np.exp(np.sqrt(posterior.spread)[..., None] * node)
    ceiling *= (posterior.ceiling / (ceiling @ weight))[..., None]
    part = np.minimum(1.0, most[:, None, None] / np.maximum(ceiling, 1e-300))
    weights = posterior.chance[..., None] * ceiling * part * weight
    scales = np.exp(grid)[:, None] * part
    return Curves(weights.reshape(len(most), -1), scales.reshape(len(most), -1))


def _fact(channels: list[str], facts: Mapping[str, Mapping[str, Scalar]], name: str) -> Array:
    middle = float(np.median([float(row[name]) for row in facts.values()]))
    each = {channel: float(facts[channel][name]) for channel in set(channels) & set(facts)}
    return np.array([each.get(channel, middle) for channel in channels])
