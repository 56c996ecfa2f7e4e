"""What a marketer asks of a plan, and what is wrong with a question before anything is read.

In: goal, money, days, limits and wishes. Out: a frozen request whose values can be meant.
Never: a look at data, so a limit on a placement that nobody knows is found later.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

import polars as pl

from engine.errors import InvalidValue, shown

GOALS = ("awareness", "traffic", "sales", "loyalty")
Place = str | tuple[str, str]
"""A channel by its name, or one placement as (channel, segment_id)."""
CURRENCY = re.compile("[A-Z]{3}")  # ISO 4217
MOST_DAYS, MOST_MONEY = 3660, 1e12
FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2199, 12, 31)


@dataclass(frozen=True)
class PlanRequest:
    """One question: where should this money go?

    `minima`, `maxima`, `locks` and `starts` hold money for the whole time by placement or by
    channel: spend at least, at most, exactly, and either nothing or at least. `risk` 0 plans for
    the mean of what may come; 0.2 for the mean of the worst fifth. `exploration` is the share of
    the money that goes where most can be learned; missing, the settings decide. `measure` says
    what a sale counts: `sales` or `revenue`. `posts` are posts per week, missing: no schedule
    beyond the settings' number. `results` count beside those in the log. `team` is whose earlier
    campaigns count beside those of the product's owners.
    """

    goal: str
    budget: float
    days: int
    start: date | None = None
    product_id: str | None = None
    results: pl.DataFrame | None = None
    channels: tuple[str, ...] | None = None
    minima: Mapping[Place, float] = field(default_factory=dict)
    maxima: Mapping[Place, float] = field(default_factory=dict)
    locks: Mapping[Place, float] = field(default_factory=dict)
    starts: Mapping[Place, float] = field(default_factory=dict)
    risk: float = 0.0
    exploration: float | None = None
    measure: str = "sales"
    currency: str | None = None
    posts: int | None = None
    team: str | None = None
    seed: int = 0
    now: datetime | None = None

    def __post_init__(self) -> None:
        """Refuses values that no plan can be made for.

        Raises:
            InvalidValue: names the field and what it may hold.
        """
        if self.goal not in GOALS:
            raise InvalidValue("goal", f"{self.goal!r} is not known; known: {', '.join(GOALS)}")
        _money("budget", self.budget)
        if self.budget < 0.01:
            raise InvalidValue("budget", f"{self.budget:g} leaves nothing to spend")
        if isinstance(self.days, bool) or not 1 <= self.days <= MOST_DAYS:
            raise InvalidValue("days", f"{self.days} is outside 1 to {MOST_DAYS}")
        if self.start is not None and not FIRST_DAY <= self.start <= LAST_DAY:
            raise InvalidValue("start", f"{self.start} is outside {FIRST_DAY} to {LAST_DAY}")
        if self.measure not in ("sales", "revenue"):
            raise InvalidValue("measure", f"{self.measure!r} is neither sales nor revenue")
        if self.currency is not None and not CURRENCY.fullmatch(self.currency):
            raise InvalidValue("currency", f"{shown(self.currency)!r} is no code such as EUR")
        _share("risk", self.risk)
        if self.exploration is not None:
            _share("exploration", self.exploration)
        if self.posts is not None and not 0 <= self.posts <= 1000:
            raise InvalidValue("posts", f"{self.posts} is outside 0 to 1000 posts per week")
        for name in ("minima", "maxima", "locks", "starts"):
            for place, value in getattr(self, name).items():
                _money(f"{name} of {place_name(place)}", value)


def place_name(place: Place) -> str:
    """A channel or a placement as messages name it."""
    return place if isinstance(place, str) else f"{place[0]}/{place[1]}"


def _money(field_name: str, value: float) -> None:
    if isinstance(value, bool) or not math.isfinite(value):
        raise InvalidValue(field_name, f"{value} is no amount of money")
    if value < 0:
        raise InvalidValue(field_name, f"{value:g} is negative")
    if value > MOST_MONEY:
        raise InvalidValue(field_name, f"{value:g} is more than {MOST_MONEY:g}")


def _share(field_name: str, value: float) -> None:
    if not 0 <= value < 1:
        raise InvalidValue(field_name, f"{value} is outside 0 to 1 (1 not included)")
