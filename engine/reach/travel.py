"""What it takes to follow a word: who has it first, how it goes on, how often it is tried.

In: chances, delays, hours, numbers of runs. Out: the same, checked. Never: a chance that is none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidValue, counted
from engine.reach.delays import Delay
from engine.reach.worlds import CASCADE

Array = NDArray[Any]
Tick = Callable[[int, float], None]

HELD = 1 << 19
"""People reached, and starters tossed, in all worlds that are looked at together."""


@dataclass(frozen=True)
class Starters:
    """Who may have the word first: rows of people, each once; touched, and then taking it up.

    Who is touched is reached; only who also takes it up passes it on. Rows from the size of the
    graph on are people without ties.

    Attributes:
        rows: (starters,) int64.
        touched: (starters,) the chance of each to be touched, apart from all others; 1 where None.
        takes: (starters,) the chance of each, once touched, to take it up; 1 where None.
    """

    rows: Array
    touched: Array | None = None
    takes: Array | None = None


@dataclass(frozen=True)
class Travel:
    """How the word goes on: by which model, and in what time.

    Attributes:
        model: cascade or threshold.
        delay: of each step; None: it is not asked by when.
        hours: rising, above 0: the moments of the curve.
        whole: whether the last hour is not the end, and what comes later counts too.
    """

    model: str = CASCADE
    delay: Delay | None = None
    hours: tuple[float, ...] = ()
    whole: bool = True

    def __post_init__(self) -> None:
        """Raises InvalidValue: hours that are no moments, or without a delay."""
        wrong = [hour for hour in self.hours if not (isfinite(hour) and hour > 0)]
        if wrong:
            raise InvalidValue("horizon", f"{wrong[0]:g} hours is not above 0")
        if list(self.hours) != sorted(set(self.hours)):
            raise InvalidValue("hours", "must rise")
        if (self.hours or not self.whole) and (self.delay is None or not self.hours):
            raise InvalidValue("hours", "need a delay, and an end needs hours")

    @property
    def until(self) -> float:
        """Hours after which nothing counts."""
        return inf if self.whole else self.hours[-1]


@dataclass(frozen=True)
class Runs:
    """At least `first` runs, at most `most`; until the interval's half is `precision` of the mean.

    Where the word goes very far, fewer runs than the first ones may do.
    `level` is the confidence of intervals, and the part of all runs between `low` and `high`.
    """

    first: int
    most: int
    precision: float
    level: float
    seed: int = 0


def check(starters: Starters) -> None:
    """Raises InvalidValue: nobody starts, a starter is there twice, or a chance is none."""
    size = starters.rows.size
    if not size:
        raise InvalidValue("starters", "are nobody; name at least one")
    if np.unique(starters.rows).size < size or starters.rows.min() < 0:
        raise InvalidValue("starters", "hold somebody twice, or who is not there")
    for name, values in (("touched", starters.touched), ("takes", starters.takes)):
        if values is not None:
            check_chances(name, values, size)


def check_chances(name: str, values: Array, size: int) -> None:
    """Raises InvalidValue: there are not so many, or some are no numbers from 0 to 1."""
    if values.shape != (size,):
        raise InvalidValue(name, f"are {values.size:,} chances for {size:,} people")
    wrong = int((~((values >= 0) & (values <= 1))).sum())  # NaN is neither
    if wrong:
        verb = "is" if wrong == 1 else "are"
        raise InvalidValue(name, f"{counted(wrong, 'chance')} of {size:,} {verb} not from 0 to 1")
