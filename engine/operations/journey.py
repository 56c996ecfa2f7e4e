"""How the word is to travel in one home: by which law, in what time, and how often it is tried.

In: a home and what is asked. Out: laws, delays learned from its acts, and the words of answers.
Never: a delay or a number of runs that neither settings nor acts give.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from math import isfinite
from time import monotonic
from typing import Any

import polars as pl

from engine import settings
from engine.errors import InvalidValue
from engine.frames import AT
from engine.reach.delays import Delay, delays, passed_on
from engine.reach.estimates import Estimate
from engine.reach.graph import Graph
from engine.reach.spread import Runs, Travel
from engine.reach.worlds import CASCADE
from engine.signals.undo import live_events
from engine.store.eventlog import scan_events
from engine.store.home import Home

Answer = dict[str, Any]

GRID = (1.0, 3.0, 6.0, 12.0, 24.0, 48.0, 72.0, 120.0, 168.0, 336.0, 720.0, 2160.0, 8760.0)
"""Hours of the curve, as far as its end; where few are before it, parts of the end."""
PARTS = (0.125, 0.25, 0.5)


@dataclass(frozen=True)
class Journey:
    """How the word is to travel.

    Attributes:
        law: cascade or threshold.
        horizon: hours after which nothing counts; None: until nobody passes it on any more.
        channel: only what is said there, by the model's ties; and in that channel's time.
        seed: of the draws.
    """

    law: str = CASCADE
    horizon: float | None = None
    channel: str | None = None
    seed: int = 0

    def refuse(self) -> None:
        """Raises InvalidValue: the horizon is no time."""
        if self.horizon is not None and not (isfinite(self.horizon) and self.horizon > 0):
            raise InvalidValue("horizon", f"{self.horizon:g} hours is not above 0")


@dataclass(frozen=True)
class Trip:
    """What is needed to follow the word in one home."""

    home: Home
    journey: Journey
    chosen: dict[str, settings.Section]
    began: float = field(default_factory=monotonic)

    @classmethod
    def of(cls, home: Home, journey: Journey) -> Trip:
        journey.refuse()
        return cls(home, journey, settings.load("spread", home.root))

    def times(self, name: str) -> Runs:
        rules, level = self.chosen[name], float(self.chosen["runs"].level)
        first, most = int(rules.first), max(int(rules.first), int(rules.most))
        return Runs(first, most, float(rules.precision), level, self.journey.seed)

    def acts(self) -> pl.LazyFrame:
        """Acts of the log that stand, of its last days."""
        events = scan_events(self.home)
        last = events.select(pl.col(AT).max()).collect().item()
        if last is not None:
            days = timedelta(days=float(self.chosen["delays"].history_days))
            events = events.filter(pl.col(AT) >= last - days)
        return live_events(events, distinct=True)

    def travel(self) -> tuple[Travel, Answer]:
        """How the word goes on, and what is told of its delays."""
        rules = self.chosen["delays"]
        usual = Delay(float(rules.median_hours), float(rules.shape))
        passes = passed_on(self.acts(), float(rules.longest_hours))
        known = delays(passes, usual, float(rules.strength))
        delay = known.get(self.journey.channel, known[None])
        end = self.journey.horizon or float(self.chosen["curve"].hours)
        whole = self.journey.horizon is None
        told = {"median_hours": delay.median, "shape": delay.shape, "shares": passes.height}
        return Travel(self.journey.law, delay, _hours(end), whole), told

    def told(self, graph: Graph, travel: Travel, delay: Answer) -> Answer:
        return {
            "law": travel.model,
            "horizon_hours": self.journey.horizon,
            "channel": self.journey.channel,
            "level": float(self.chosen["runs"].level),
            "delay": delay,
            "people": len(graph),
            "ties": int(graph.takes.others.size),
            "seed": self.journey.seed,
            "seconds": monotonic() - self.began,
        }


def _hours(end: float) -> tuple[float, ...]:
    before = [hour for hour in GRID if hour < end]
    if len(before) < len(PARTS):
        before = [end * part for part in PARTS]
    return (*before, end)


def said(found: Estimate) -> Answer:
    return {"expected": found.mean, "lower": found.lower, "upper": found.upper}


def told_curve(travel: Travel, found: tuple[Estimate, ...]) -> list[Answer]:
    return [{"hours": hour, **said(one)} for hour, one in zip(travel.hours, found, strict=True)]
