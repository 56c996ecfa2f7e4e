"""What a plan must keep to: limits of placements and channels, and which of them quarrel.

In: money by placement or channel. Out: arrays of limits in whole cents that some plan can keep.
Never: a limit dropped in silence; what cannot be kept is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidValue, PlanInfeasible, UnknownEntity
from engine.planning.rounding import CENTS, cents_up, whole_cents

Array = NDArray[Any]
Place = str | tuple[str, str]
SHOWN = 4


@dataclass(frozen=True)
class Wishes:
    """Limits as they were asked for: money by channel, or by (channel, segment_id).

    `starts`: nothing, or at least this.
    """

    minima: Mapping[Place, float] = field(default_factory=dict)
    maxima: Mapping[Place, float] = field(default_factory=dict)
    locks: Mapping[Place, float] = field(default_factory=dict)
    starts: Mapping[Place, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Limits:
    """Limits in whole cents (int64): of n placements and of c channels; some plan keeps them."""

    budget: int
    channel: Array  # (n,) the channel of each placement, from 0
    low: Array
    high: Array
    start: Array  # (n,) nothing or at least this; 0 where there is no such rule
    channel_low: Array  # (c,)
    channel_high: Array
    channel_start: Array
    names: tuple[tuple[str, ...], ...] = ((), ())  # of placements and of channels
    locked: Array = field(default_factory=lambda: np.zeros(0, bool))

    @property
    def box(self) -> tuple[Array, Array, Array, Array]:
        """Low and high of placements, then of channels."""
        return self.low, self.high, self.channel_low, self.channel_high


def read_limits(places: list[tuple[str, str]], budget: float, wishes: Wishes) -> Limits:
    """Turns wishes into limits.

    Raises:
        UnknownEntity: a limit names a placement or channel that is not among the placements.
        InvalidValue: an amount is negative or no number.
        PlanInfeasible: no plan can keep all of them; the reason names those that quarrel.
    """
    channels = sorted({channel for channel, _ in places})
    code = {name: at for at, name in enumerate(channels)}
    row = {place: at for at, place in enumerate(places)}
    total, count = _budget(budget), len(places)
    boxes = {
        kind: (np.full(count, usual, np.int64), np.full(len(channels), usual, np.int64))
        for kind, usual in (("low", 0), ("high", total), ("start", 0))
    }
    locked = np.zeros(count, bool)
    for asked, kinds in (
        (wishes.minima, ("low",)),
        (wishes.maxima, ("high",)),
        (wishes.locks, ("low", "high")),
        (wishes.starts, ("start",)),
    ):
        for place, amount in asked.items():
            level, at = _place(place, code, row)
            for kind in kinds:
                # A lock is one amount: both of its sides are the nearest cent.
                exact = "lock" if len(kinds) == 2 else kind
                _put(boxes[kind][level], at, kind, _cents(place, amount, exact))
            if len(kinds) == 2 and level == 0:
                locked[at] = True
    _refuse_named(wishes, total)
    limits = Limits(
        total,
        np.array([code[channel] for channel, _ in places], np.int64),
        boxes["low"][0],
        boxes["high"][0],
        boxes["start"][0],
        boxes["low"][1],
        boxes["high"][1],
        boxes["start"][1],
        (tuple("/".join(place) for place in places), tuple(channels)),
        locked,
    )
    return _startable(limits)


def _startable(limits: Limits) -> Limits:
    """Settled limits, refused where starts alone leave nobody on."""
    settled = settle_limits(limits)
    if not _room(settled) and _room(limits):
        raise nothing_starts(limits)
    return settled


def _room(limits: Limits) -> int:
    sums = np.bincount(limits.channel, limits.high, limits.channel_high.size)
    return int(np.minimum(sums, limits.channel_high).sum())


def nothing_starts(limits: Limits) -> PlanInfeasible:
    """What to say where the budget is below the least amount of whoever could start."""
    starts = np.concatenate([limits.start, limits.channel_start])
    names = (*limits.names[0], *limits.names[1])
    at = int(np.argmin(np.where(starts > 0, starts, np.iinfo(np.int64).max)))
    return PlanInfeasible(
        f"no placement can start: {names[at]} needs {_money(starts[at])} "
        f"of a budget of {_money(limits.budget)}"
    )


def _budget(budget: float) -> int:
    if isinstance(budget, bool) or not np.isfinite(budget) or budget <= 0:
        raise InvalidValue("budget", f"{budget} is not above zero")
    total = whole_cents(budget)
    if total < 1:
        raise InvalidValue("budget", f"{budget} leaves nothing to spend")
    return total


def _place(place: Place, code: dict[str, int], row: dict[tuple[str, str], int]) -> tuple[int, int]:
    if isinstance(place, str):
        if place not in code:
            near = get_close_matches(place, code, 5) or list(code)[:5]
            raise UnknownEntity("channel in this plan", place, tuple(near))
        return 1, code[place]
    if place not in row:
        known = ["/".join(each) for each in row]
        near = get_close_matches("/".join(place), known[:20000], 5)
        raise UnknownEntity("placement", "/".join(place), tuple(near))
    return 0, row[place]


def _cents(place: Place, amount: float, kind: str) -> int:
    if not np.isfinite(amount) or amount < 0:
        name = place if isinstance(place, str) else "/".join(place)
        raise InvalidValue(f"limit of {name}", f"{amount} is no amount of money")
    if kind == "lock":
        return whole_cents(amount + 0.5 / CENTS)
    return whole_cents(amount) if kind == "high" else cents_up(amount)


def _put(array: Array, at: int, kind: str, cents: int) -> None:
    # The tighter of two wishes for one place counts, whatever their order.
    array[at] = min(array[at], cents) if kind == "high" else max(array[at], cents)


def settle_limits(limits: Limits) -> Limits:
    """Limits with what follows from them: who must spend is on, who cannot be on is off.

    Raises:
        PlanInfeasible: they quarrel.
    """
    names, channels = limits.names
    low, high = limits.low.copy(), limits.high.copy()
    first, last = limits.channel_low.copy(), limits.channel_high.copy()
    _refuse_crossed("placement", names, low, high)
    _refuse_crossed("channel", channels, first, last)
    _raise_started(low, high, limits.start, names)
    _raise_started(first, last, limits.channel_start, channels)
    sums = np.bincount(limits.channel, low, first.size).astype(np.int64)
    for at in np.flatnonzero(sums > last):
        parts = _largest(names, low, limits.channel == at)
        raise PlanInfeasible(
            f"placements of channel {channels[at]} must have {_money(sums[at])} together "
            f"({parts}), its maximum is {_money(last[at])}"
        )
    room = np.bincount(limits.channel, np.minimum(high, limits.budget), first.size)
    for at in np.flatnonzero(room < first):
        raise PlanInfeasible(
            f"channel {channels[at]} must have {_money(first[at])}, "
            f"but its placements may have {_money(room[at])} together"
        )
    _refuse_too_much(limits, np.maximum(sums, first), low)
    return Limits(
        limits.budget, limits.channel, low, high, limits.start, first, last,
        limits.channel_start, limits.names, limits.locked,
    )  # fmt: skip


def _refuse_named(wishes: Wishes, budget: int) -> None:
    """Refuses two wishes for one place that quarrel, each by its name."""
    asked = [(place, "minimum", cents_up(value)) for place, value in wishes.minima.items()]
    locks = {place: _cents(place, value, "lock") for place, value in wishes.locks.items()}
    for place, low, least in [*asked, *((place, "lock", each) for place, each in locks.items())]:
        most = [(budget, "the budget")]
        if place in wishes.maxima:
            most.append((whole_cents(wishes.maxima[place]), "its maximum"))
        if low == "minimum" and place in locks:
            most.append((locks[place], "its lock"))
        high, name = min(most)
        if least > high:
            told = f"channel {place}" if isinstance(place, str) else f"placement {'/'.join(place)}"
            text = f"the {low} of {told} is {_money(least)}, above {name}, {_money(high)}"
            raise PlanInfeasible(text)


def _refuse_crossed(kind: str, names: tuple[str, ...], low: Array, high: Array) -> None:
    for at in np.flatnonzero(low > high):
        raise PlanInfeasible(
            f"the minimum of {kind} {names[at]} is {_money(low[at])}, "
            f"above its maximum or the budget, {_money(high[at])}"
        )


def _raise_started(low: Array, high: Array, start: Array, names: tuple[str, ...]) -> None:
    """Puts the least amount of who must spend at its start, and closes who cannot reach it."""
    stuck = np.flatnonzero((low > 0) & (start > high))
    if stuck.size:
        at = stuck[0]
        raise PlanInfeasible(
            f"{names[at]} must spend {_money(low[at])} and at most {_money(high[at])}, "
            f"but starts at {_money(start[at])}"
        )
    low[:] = np.where(low > 0, np.maximum(low, start), low)
    high[:] = np.where((start > high) & (low == 0), 0, high)


def _refuse_too_much(limits: Limits, least: Array, low: Array) -> None:
    names, channels = limits.names
    if int(least.sum()) <= limits.budget:
        return
    by_channel = limits.channel_low > np.bincount(limits.channel, low, least.size)
    parts = [
        _largest(channels, limits.channel_low, by_channel, "channel "),
        _largest(names, low, ~by_channel[limits.channel]),
    ]
    raise PlanInfeasible(
        f"minima and locks ask for {_money(least.sum())}, the budget is "
        f"{_money(limits.budget)}: {', '.join(part for part in parts if part)}"
    )


def _largest(names: tuple[str, ...], amounts: Array, among: Array, kind: str = "") -> str:
    rows = np.flatnonzero(among & (amounts > 0))
    rows = rows[np.argsort(-amounts[rows], kind="stable")]
    told = [f"{kind}{names[at]} {_money(amounts[at])}" for at in rows[:SHOWN]]
    more = f" and {rows.size - SHOWN} more" if rows.size > SHOWN else ""
    return ", ".join(told) + more


def _money(cents: Any) -> str:
    return f"{int(cents) // CENTS}.{int(cents) % CENTS:02d}"
