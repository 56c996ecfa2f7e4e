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

from engine.planning.response import Start
from engine.settings import Scalar, Section

Array = NDArray[Any]


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

    `impressions` and `clicks` are usual rates: impressions for a unit of money, clicks for an
    impression, (n,).
    """

    start: Start
    ceiling: Array
    scale: Array
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
    people = np.where(np.isfinite(ground.people), ground.people, usual.people)
    shown = np.maximum(people, 1.0) * usual.daily
    ceiling = shown.copy()
    if goal != "awareness":
        ceiling = ceiling * clicks * np.where(np.isfinite(ground.suits), ground.suits, 1.0)
    if goal in ("sales", "loyalty"):
        ceiling = ceiling * usual.conversions
    high, scale = np.log(np.maximum(ceiling, 1e-9)), np.log(shown * price)
    middle = Start(
        float(np.exp(high.mean())), float(np.exp(scale.mean())), goal in ("sales", "loyalty")
    )
    return Belief(middle, high - high.mean(), scale - scale.mean(), 1.0 / price, clicks)


def _fact(channels: list[str], facts: Mapping[str, Mapping[str, Scalar]], name: str) -> Array:
    middle = float(np.median([float(row[name]) for row in facts.values()]))
    each = {channel: float(facts[channel][name]) for channel in set(channels) & set(facts)}
    return np.array([each.get(channel, middle) for channel in channels])
