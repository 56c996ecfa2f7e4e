"""Placements and channels that are off, or on with a least amount: which of them to switch on.

In: concave curves and limits with starts. Out: an allocation that keeps them, and a bound that no
choice of switches passes. Never: a start broken, or a gap that is not told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import PlanInfeasible
from engine.planning.budget import (
    LEAST_PRICE,
    Allocation,
    allocate_concave,
    channel_prices,
)
from engine.planning.constraints import Limits, nothing_starts, settle_limits
from engine.planning.curves import Concave
from engine.planning.rounding import CENTS

Array = NDArray[Any]
EXACT, ROUNDS = 1e-9, 45
LOOSE = 5e-4


@dataclass(frozen=True)
class _Relaxed:
    """What the dual says of a case: its bound, and how much each switch gains by being on."""

    bound: float
    gain: Array  # (n,) of placements, then (c,) of channels
    price: float


def allocate(curves: Concave, limits: Limits, *, branches: int) -> Allocation:
    """Maximises the sum of the curves under all limits, starts among them.

    Lagrange's dual decides each switch by itself at a price and bounds every choice; cases are
    split on the switch the dual is least sure of, most promising first, until none can be better
    or `branches` were looked at (branch and bound, Land & Doig 1960). What is left is in the gap.

    Raises:
        PlanInfeasible: nothing can start within the budget.
    """
    switches = _switches(limits)
    if switches.size == 0:
        return allocate_concave(curves, limits)
    best: Allocation | None = None
    waiting: list[tuple[float, Limits, _Relaxed]] = []
    seen = 0
    first = _relax(curves, limits)
    waiting.append((first.bound, limits, first))
    while waiting and seen < branches:
        waiting.sort(key=lambda case: case[0])
        upper, case, relaxed = waiting.pop()
        if best is not None and upper <= best.value * (1 + EXACT):
            continue
        seen += 1
        tried = _decided(curves, case, relaxed)
        if tried is not None and (best is None or tried.value > best.value):
            best = tried
        for part in _split(case, relaxed):
            below = _relax(curves, part)
            waiting.append((min(below.bound, upper), part, below))
    if best is None:
        raise nothing_starts(limits)
    left = max((upper for upper, _, _ in waiting), default=best.value)
    return replace(best, bound=max(best.bound, min(left, first.bound)))


def allocate_switched(
    solve: Callable[[Limits], Allocation],
    around: Callable[[Array], Concave],
    limits: Limits,
    *,
    branches: int,
) -> Allocation:
    """As `allocate`, for any concave goal.

    A case is first solved as if its undecided switches could have any amount; that bounds it.
    Where some then spend less than their start, they are set as is best for the placements one
    by one around that plan, which is a plan too, and the case is split on the one furthest from
    either end. Cases that could be better by no more than `solve` itself leaves open are not
    looked at.

    Args:
        solve: the best split under limits, `start`s not looked at.
        around: curves of placements by themselves, the others' money held fast at a spend (n,).

    Raises:
        PlanInfeasible: nothing can start within the budget.
    """
    best: Allocation | None = None
    first = solve(limits)
    waiting: list[tuple[Limits, Allocation]] = [(limits, first)]
    seen, closed = 0, -np.inf
    while waiting and seen < branches:
        waiting.sort(key=lambda case: case[1].bound)
        case, relaxed = waiting.pop()
        if best is not None and relaxed.bound <= best.value * (1 + LOOSE):
            closed = max(closed, relaxed.bound)
            continue
        seen += 1
        short = _short(case, relaxed.cents)
        tried = relaxed if short.size == 0 else _switched_around(solve, around, case, relaxed)
        if tried is not None and (best is None or tried.value > best.value):
            best = tried
        if short.size == 0:
            closed = max(closed, relaxed.bound)
            continue
        for on in (True, False):
            try:
                part = settle_limits(_switched(case, int(short[0]), on=on))
            except PlanInfeasible:
                continue
            waiting.append((part, solve(part)))
    if best is None:
        raise nothing_starts(limits)
    left = max([closed, *(relaxed.bound for _, relaxed in waiting)])
    return replace(best, bound=max(best.value, min(first.bound, left)))


def _short(limits: Limits, cents: Array) -> Array:
    """Undecided switches that have some money, but less than their start: furthest from it first.

    Numbers of placements from 0, of channels from n.
    """
    switches = _switches(limits)
    sums = np.bincount(limits.channel, cents, limits.channel_low.size)
    part = np.concatenate([cents, sums])[switches] / np.maximum(
        np.concatenate([limits.start, limits.channel_start])[switches], 1
    )
    short = np.flatnonzero((part > 0) & (part < 1))
    return switches[short[np.argsort(np.abs(part[short] - 0.5), kind="stable")]]


def _switched_around(
    solve: Callable[[Limits], Allocation],
    around: Callable[[Array], Concave],
    limits: Limits,
    relaxed: Allocation,
) -> Allocation | None:
    """The plan under switches as a single look at placements one by one sets them, if any."""
    try:
        found = allocate(around(relaxed.spend), limits, branches=1)
        return solve(settle_limits(as_switched(limits, found.cents)))
    except PlanInfeasible:
        return None


def as_switched(limits: Limits, cents: Array) -> Limits:
    """The limits with who starts at a least amount left on or off, as in a plan."""
    sums = np.bincount(limits.channel, cents, limits.channel_low.size)
    shut = (limits.channel_start > 0) & (sums == 0)
    off = ((limits.start > 0) & (cents == 0)) | shut[limits.channel]
    return replace(
        limits,
        low=np.where(cents > 0, np.maximum(limits.low, limits.start), limits.low),
        high=np.where(off, 0, limits.high),
        channel_low=np.where(
            sums > 0, np.maximum(limits.channel_low, limits.channel_start), limits.channel_low
        ),
    )


def _switches(limits: Limits) -> Array:
    """Numbers of undecided switches: placements from 0, channels from n."""
    place = (limits.start > 0) & (limits.low == 0) & (limits.high > 0)
    channel = (limits.channel_start > 0) & (limits.channel_low == 0) & (limits.channel_high > 0)
    return np.flatnonzero(np.concatenate([place, channel]))


def _relax(curves: Concave, limits: Limits) -> _Relaxed:
    """The dual at the price where its bound is lowest, found by bisection of its slope."""
    prices = channel_prices(curves, limits)
    low, high, first, last = (part / CENTS for part in limits.box)
    begin = limits.start / CENTS
    switch = (limits.start > 0) & (limits.low == 0) & (limits.high > 0)
    floor = np.where(switch, np.minimum(begin, high), low)
    group = (limits.channel_start > 0) & (limits.channel_low == 0)
    seen = {"near": floor}

    def look(price: float) -> tuple[float, Array, float]:
        own = prices.of(price)
        each = own[limits.channel]
        spend = curves.spend_at(each, floor, high, near=seen["near"])
        seen["near"] = spend
        slope = curves.slope(spend) - each
        beyond = np.maximum(slope * (floor - spend), slope * (high - spend))
        profit = curves.value(spend) - each * spend + beyond
        on = ~switch | (profit > 0)
        gained = np.bincount(limits.channel, np.where(on, profit, 0.0), first.size)
        limited = np.maximum(own - price, 0) * last - np.maximum(price - own, 0) * first
        sums = np.asarray(gained + limited, np.float64)
        open_ = ~group | (sums > 0)
        taken = np.where(on & open_[limits.channel], spend, 0.0).sum()
        bound = price * limits.budget / CENTS + np.where(open_, sums, 0.0).sum()
        return float(bound), np.concatenate([profit, sums]), float(taken)

    top = float(curves.slope(low).max(initial=LEAST_PRICE))
    left, right, best = np.log(max(top, LEAST_PRICE)) - 60.0, np.log(max(top, LEAST_PRICE)), None
    for _ in range(ROUNDS):
        middle = (left + right) / 2
        bound, gain, taken = look(float(np.exp(middle)))
        if best is None or bound < best.bound:
            best = _Relaxed(bound, gain, float(np.exp(middle)))
        left, right = (middle, right) if taken > limits.budget / CENTS else (left, middle)
    assert best is not None
    return best


def _decided(curves: Concave, limits: Limits, relaxed: _Relaxed) -> Allocation | None:
    """A plan with each switch as the dual has it; those that gain least go off until all fit."""
    switches = _switches(limits)
    on = set(switches[relaxed.gain[switches] > 0].tolist())
    order = sorted(on, key=lambda at: relaxed.gain[at])
    while True:
        case = limits
        for at in switches.tolist():
            case = _switched(case, at, on=at in on)
        try:
            return allocate_concave(curves, settle_limits(case))
        except PlanInfeasible:
            if not order:
                return None
            on.discard(order.pop(0))


def _split(limits: Limits, relaxed: _Relaxed) -> list[Limits]:
    """The case with the least sure switch on, and with it off; those that can be kept."""
    switches = _switches(limits)
    if switches.size == 0:
        return []
    at = int(switches[np.argmin(np.abs(relaxed.gain[switches]))])
    parts = []
    for on in (True, False):
        try:
            parts.append(settle_limits(_switched(limits, at, on=on)))
        except PlanInfeasible:
            continue
    return parts


def _switched(limits: Limits, at: int, *, on: bool) -> Limits:
    count = limits.low.size
    if at < count:
        low, high = limits.low.copy(), limits.high.copy()
        low[at] = limits.start[at] if on else 0
        high[at] = high[at] if on else 0
        return replace(limits, low=low, high=high)
    low, high = limits.channel_low.copy(), limits.channel_high.copy()
    low[at - count] = limits.channel_start[at - count] if on else 0
    high[at - count] = high[at - count] if on else 0
    return replace(limits, channel_low=low, channel_high=high)
