"""How long word waits before it is passed on: hours from an act until somebody carries it on.

In: acts, and what is usual. Out: a log-normal law of each channel.
Never: a law of a channel by its own few acts alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, isfinite, log, sqrt
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import InvalidValue
from engine.frames import ACTION, AT, CHANNEL, EVENT, OBJECT, PRODUCT, TARGET, USER, UTC

Array = NDArray[Any]

SHARE = "share"
SAID = ("post", "upload", "review", "question", "comment", SHARE)
"""Acts that others see and may pass on."""
HOURS = "hours"
SHORTEST = 1 / 3600
"""Hours: what is told as the same moment took at least a second."""
_SOURCE, _SINCE = "source", "since"


@dataclass(frozen=True)
class Delay:
    """Half of what is passed on is so within `median` hours; `shape` is the spread of logarithms.

    Three quarters are passed on within `median * exp(0.674 * shape)` hours.

    Raises:
        InvalidValue: the median is no number above 0, or the shape none from 0.
    """

    median: float
    shape: float

    def __post_init__(self) -> None:
        if not (isfinite(self.median) and self.median > 0):
            raise InvalidValue("delay", f"a median of {self.median:g} hours is not above 0")
        if not (isfinite(self.shape) and self.shape >= 0):
            raise InvalidValue("delay", f"a shape of {self.shape:g} is not 0 or above")

    def draw(self, number: int, rng: np.random.Generator) -> Array:
        """(number,) hours."""
        found: Array = self.median * np.exp(self.shape * rng.standard_normal(number))
        return found


def delays(passes: pl.DataFrame, usual: Delay, strength: float) -> dict[str | None, Delay]:
    """The law of each channel, and under None that of all: near what is usual where few were seen.

    What is usual counts as `strength` passes; that of all channels counts as so many for each of
    them (a normal law of logarithms, its mean and its variance shrunk together; Gelman et al.
    2013, "Bayesian data analysis", section 3.3).

    Args:
        passes: channel, null where unknown, and hours, as `passed_on` tells them.
        usual: before anything was seen.
        strength: above 0.
    """
    found: dict[str | None, Delay] = {None: _shrunk(passes[HOURS], usual, strength)}
    for (channel,), rows in passes.drop_nulls(CHANNEL).group_by(CHANNEL, maintain_order=True):
        found[str(channel)] = _shrunk(rows[HOURS], found[None], strength)
    return found


def _shrunk(hours: pl.Series, usual: Delay, strength: float) -> Delay:
    number = hours.len()
    if not number:
        return usual
    logs = np.log(np.maximum(hours.to_numpy(), SHORTEST))
    before, seen = log(usual.median), float(logs.mean())
    weight = number + strength
    middle = (number * seen + strength * before) / weight
    apart = number * strength / weight * (seen - before) ** 2
    squares = float(((logs - seen) ** 2).sum()) + strength * usual.shape**2 + apart
    return Delay(exp(middle), sqrt(squares / weight))


def passed_on(acts: pl.LazyFrame, longest: float) -> pl.DataFrame:
    """Channel and hours of shares whose origin is known: what they name, or whom.

    A share passes on the act that its `object_id` names; else what the person that its
    `target_user_id` names last said before it, on the same product. Delays above `longest` hours
    are left out, and so is what was passed on of acts younger than that at the last act of all:
    of those, only the quick shares are there yet, which would make word seem quicker than it is.

    Args:
        acts: those that stand, in the columns of events.
        longest: hours.
    """
    end = acts.select(pl.col(AT).max()).collect().item()
    shares = acts.filter(pl.col(ACTION) == SHARE)
    told = shares.select(USER, PRODUCT, AT, CHANNEL, TARGET, OBJECT).collect()
    if told.is_empty():
        return pl.DataFrame(schema={CHANNEL: pl.String, HOURS: pl.Float64})
    known = acts.select(EVENT, USER, AT).rename({EVENT: OBJECT, USER: _SOURCE, AT: _SINCE})
    named = known.join(told.lazy(), on=OBJECT, how="semi").collect()
    met = told.join(named, on=OBJECT).filter(pl.col(USER) != pl.col(_SOURCE))
    others = _of_people(told.join(named, on=OBJECT, how="anti"), acts)
    both = pl.concat([met.select(CHANNEL, AT, _SINCE), others])
    hours = (pl.col(AT) - pl.col(_SINCE)).dt.total_microseconds() / 3.6e9
    old = (pl.lit(end, UTC) - pl.col(_SINCE)).dt.total_microseconds() / 3.6e9 >= longest
    found = both.drop_nulls(_SINCE).filter(old).select(CHANNEL, hours.alias(HOURS))
    return found.filter(pl.col(HOURS).is_between(0, longest)).sort(CHANNEL, HOURS)


def _of_people(shares: pl.DataFrame, acts: pl.LazyFrame) -> pl.DataFrame:
    """channel, occurred_at, and since when, of shares that name no act of ours, but somebody."""
    named = shares.filter(pl.col(TARGET) != pl.col(USER)).drop_nulls(PRODUCT)
    asked = named.select(CHANNEL, TARGET, PRODUCT, AT).sort(AT)
    said = acts.filter(pl.col(ACTION).is_in(SAID))
    acted = said.select(pl.col(USER).alias(TARGET), PRODUCT, AT, pl.col(AT).alias(_SINCE))
    origins = acted.join(asked.lazy(), on=[TARGET, PRODUCT], how="semi").sort(AT).collect()
    met = asked.join_asof(
        origins,
        on=AT,
        by=[TARGET, PRODUCT],
        allow_exact_matches=False,
        check_sortedness=False,
    )
    return met.select(CHANNEL, AT, _SINCE)
